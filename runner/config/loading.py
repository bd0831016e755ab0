"""Reading a configuration: every problem is found at once and named with its position."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backends.devices.catalog import is_device_file
from runner.config.any_kind import read_experiment
from runner.config.backend import read_backend
from runner.config.checks import combination_problems, section_problems
from runner.config.messages import located_problem
from runner.config.run_config import RunConfig
from runner.config.source import Given, Source, given_source
from runner.errors import ConfigError, Problem
from runner.paths import expanded

_MAY_BE_EMPTY = ("backend", "compile", "suppression", "budget")


def load_config(given: Given, overrides: Sequence[str] = ()) -> tuple[RunConfig, Source]:
    """Read, override and check a configuration.

    Raises:
        ConfigError: with every problem found, in the order of the file.
    """
    source = _overridden(given, overrides)
    found: list[tuple[tuple[int, int], Problem]] = []
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(_filled(source.data))
    except ValidationError as error:
        found += [located_problem(source, detail) for detail in error.errors()]
    experiment = config.experiment if config else read_experiment(source.data.get("experiment", {}))
    backend = config.backend if config else read_backend(source.data.get("backend") or {})
    problems = list(section_problems(experiment, backend, config))
    if config is not None:
        problems += combination_problems(config)
    for path, message in problems:
        found.append((source.position(path), Problem(source.place(path), message)))
    if config is None or found:
        raise ConfigError([problem for _, problem in sorted(found, key=lambda one: one[0])])
    return config, source


def given_config(given: Given, overrides: Sequence[str] = ()) -> RunConfig:
    """A configuration as it is given, without asking what any device can do.

    Raises:
        ConfigError: if it is none.
    """
    source = _overridden(given, overrides)
    try:
        return RunConfig.model_validate(_filled(source.data))
    except ValidationError as error:
        found = [located_problem(source, detail) for detail in error.errors()]
        raise ConfigError([problem for _, problem in sorted(found, key=lambda p: p[0])]) from None


def _overridden(given: Given, overrides: Sequence[str]) -> Source:
    source = given_source(given)
    for assignment in overrides:
        source.override(assignment)
    _find_device(source)
    return source


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """The same without sections that have no keys, such as those whose lines are comments."""
    return {k: v for k, v in data.items() if v is not None or k not in _MAY_BE_EMPTY}


def _find_device(source: Source) -> None:
    """Let a device file be named from the home folder, or from beside the configuration."""
    backend = source.data.get("backend")
    device = backend.get("device") if isinstance(backend, dict) else None
    if not isinstance(backend, dict) or not isinstance(device, str):
        return
    if not is_device_file(device):
        return
    file = expanded(device)
    beside = Path(source.name).parent / file
    try:
        found = file if file.exists() or not source.name or not beside.exists() else beside
    except (OSError, ValueError):
        return  # such a name cannot exist; reading the device tells
    backend["device"] = str(found) if found != Path(device) else device

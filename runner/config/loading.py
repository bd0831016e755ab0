"""Reading a configuration: every problem is found at once and named with its position."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from runner.config.any_kind import read_experiment
from runner.config.backend import read_backend
from runner.config.checks import combination_problems, section_problems
from runner.config.messages import located_problem
from runner.config.run_config import RunConfig
from runner.config.source import Given, Source, given_source
from runner.errors import ConfigError, Problem


def load_config(given: Given, overrides: Sequence[str] = ()) -> tuple[RunConfig, Source]:
    """Read, override and check a configuration.

    Raises:
        ConfigError: with every problem found, in the order of the file.
    """
    source = _overridden(given, overrides)
    found: list[tuple[tuple[int, int], Problem]] = []
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(source.data)
    except ValidationError as error:
        found += [located_problem(source, detail) for detail in error.errors()]
    experiment = config.experiment if config else read_experiment(source.data.get("experiment", {}))
    backend = config.backend if config else read_backend(source.data.get("backend", {}))
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
        return RunConfig.model_validate(source.data)
    except ValidationError as error:
        found = [located_problem(source, detail) for detail in error.errors()]
        raise ConfigError([problem for _, problem in sorted(found, key=lambda p: p[0])]) from None


def _overridden(given: Given, overrides: Sequence[str]) -> Source:
    source = given_source(given)
    for assignment in overrides:
        source.override(assignment)
    return source

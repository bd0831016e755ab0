"""The configuration of a run: strict models, and errors that name place and remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from backends.devices import IDEAL, load_device
from backends.errors import BackendError
from backends.providers import PROVIDERS, Provider
from experiments.gates import require_clone, require_signals
from experiments.protocol import STRATEGIES, Strategy
from experiments.readout import ESTIMATORS, Estimator
from runner.errors import ConfigError, Problem
from runner.source import Source, read_source

Kind = Literal["entanglement"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LARGEST_N = 1000
"""Bounds a sweep given as a range; no device comes near it."""

_RANGE = re.compile(r"^\s*(\d{1,6})\s*\.\.\s*(\d{1,6})\s*$")


def _sweep(value: Any) -> Any:
    """One value, a list, or a range written ``2..15`` (both ends included)."""
    if isinstance(value, str) and (found := _RANGE.match(value)):
        first, last = int(found[1]), int(found[2])
        if not first <= last <= LARGEST_N:
            raise PydanticCustomError(
                "range",
                "a range runs upwards and to at most {limit}, such as 2..15",
                {"limit": LARGEST_N},
            )
        return list(range(first, last + 1))
    return value if isinstance(value, list) else [value]


_T = TypeVar("_T")
Swept = Annotated[list[_T], Field(min_length=1), BeforeValidator(_sweep)]
"""One value or several; each is a sweep."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DecryptConfig(_Section):
    """Which clone is decrypted, and how."""

    clone: Swept[int] = [1]
    strategy: Swept[Strategy] = ["unitary"]


class ExperimentConfig(_Section):
    """What is measured; every list is a sweep."""

    kind: Kind
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    estimator: Swept[Estimator] = ["parity"]


class BackendConfig(_Section):
    """Where it runs."""

    provider: Provider = "stim"
    device: str = "fake_kingston"


class CompileConfig(_Section):
    """How circuits are compiled; ``seeds`` transpiler seeds are tried."""

    strategy: Literal["stock"] = "stock"
    seeds: Annotated[int, Field(ge=1, le=1000)] = 4


class SuppressionConfig(_Section):
    """Error suppression on hardware; local simulators model none of it."""

    dynamical_decoupling: Literal["none"] = "none"
    twirling: Literal[False] = False
    readout_mitigation: Literal["none"] = "none"


class BudgetConfig(_Section):
    """What a run may cost at most; None sets no limit."""

    qpu_seconds: Annotated[float, Field(ge=0)] | None = None
    usd: Annotated[float, Field(ge=0)] | None = None


class RunConfig(_Section):
    """A whole run, defaults filled in."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "run"
    experiment: ExperimentConfig
    backend: BackendConfig = BackendConfig()
    compile: CompileConfig = CompileConfig()
    suppression: SuppressionConfig = SuppressionConfig()
    shots: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    repeats: Annotated[int, Field(ge=1, le=10_000)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    budget: BudgetConfig = BudgetConfig()


def load_config(file: str, overrides: Sequence[str] = ()) -> tuple[RunConfig, Source]:
    """Read, override and check a configuration.

    Raises:
        ConfigError: with every problem found, each with its place.
    """
    source = read_source(file)
    for assignment in overrides:
        source.override(assignment)
    try:
        config = RunConfig.model_validate(source.data)
    except ValidationError as error:
        raise ConfigError([_problem(source, d) for d in error.errors()]) from None
    problems = [
        Problem(source.place(path), message) for path, message in _physical_problems(config)
    ]
    if problems:
        raise ConfigError(problems)
    return config, source


def _physical_problems(config: RunConfig) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is well-formed but cannot be run."""
    experiment = config.experiment
    for path, values in (
        (("experiment", "n"), experiment.n),
        (("experiment", "estimator"), experiment.estimator),
        (("experiment", "decrypt", "clone"), experiment.decrypt.clone),
        (("experiment", "decrypt", "strategy"), experiment.decrypt.strategy),
    ):
        if len(set(values)) != len(values):
            yield path, "a value is given twice; give each value once"
    sound = []
    for n in experiment.n:
        try:
            require_signals(n)
            sound.append(n)
        except ValueError as error:
            yield ("experiment", "n"), str(error)
    for clone in experiment.decrypt.clone:
        for n in sound:
            try:
                require_clone(n, clone)
            except ValueError as error:
                yield ("experiment", "decrypt", "clone"), str(error)
                break
    if experiment.estimator == ["bsm"] and "witness" in experiment.decrypt.strategy:
        yield (
            ("experiment", "estimator"),
            "strategy 'witness' decrypts nothing, so there is no clone for a Bell measurement; "
            "add estimator 'parity'",
        )
    if config.backend.device == IDEAL:
        return
    try:
        snapshot = load_device(config.backend.device)
        snapshot.to_target()
    except BackendError as error:
        yield ("backend", "device"), str(error)
        return
    available = len(snapshot.largest_region)
    for n in sound:
        if 2 * n + 2 > available:
            yield (
                ("experiment", "n"),
                f"n = {n} needs {2 * n + 2} connected qubits, but device "
                f"'{config.backend.device}' has {available} that work and are connected; "
                f"the largest n there is {available // 2 - 1}",
            )
            break
    if "feedforward" in experiment.decrypt.strategy and not snapshot.dynamic_circuits:
        yield (
            ("experiment", "decrypt", "strategy"),
            f"device '{config.backend.device}' offers no conditional gates, which 'feedforward' "
            "needs; 'frame' gives the same clone up to a known Pauli",
        )


_SECTIONS: dict[tuple[str, ...], type[_Section]] = {
    (): RunConfig,
    ("experiment",): ExperimentConfig,
    ("experiment", "decrypt"): DecryptConfig,
    ("backend",): BackendConfig,
    ("compile",): CompileConfig,
    ("suppression",): SuppressionConfig,
    ("budget",): BudgetConfig,
}

_CHOICES: dict[tuple[str, ...], Sequence[str]] = {
    ("experiment", "kind"): KINDS,
    ("experiment", "decrypt", "strategy"): STRATEGIES,
    ("experiment", "estimator"): ESTIMATORS,
    ("backend", "provider"): PROVIDERS,
}

_TYPE_NAMES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "model_type": "a section with keys of its own",
    "list_type": "a list",
}


def _problem(source: Source, detail: ErrorDetails) -> Problem:
    """A validation error as one line in the user's words."""
    path = tuple(detail["loc"])
    named = tuple(p for p in path if isinstance(p, str))
    key = ".".join(named)
    value = detail["input"]
    kind = detail["type"]
    if kind == "extra_forbidden":
        known = list(_SECTIONS[named[:-1]].model_fields)
        near = get_close_matches(named[-1], known, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'?" if near else f"known keys here: {', '.join(known)}"
        return Problem(source.place(path, of_key=True), f"unknown key '{key}'; {remedy}")
    if kind == "missing":
        return Problem(
            source.place(path[:-1]), f"'{key}' is missing; add it, as in configs/quickstart.yaml"
        )
    if kind == "literal_error":
        choices = _CHOICES.get(named)
        wanted = ", ".join(choices) if choices else detail["ctx"]["expected"]
        near = get_close_matches(str(value), choices or (), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        message = f"'{key}' is {value!r}, but this version knows only: {wanted}{hint}"
    elif kind in _TYPE_NAMES:
        message = f"'{key}' is {value!r}, but must be {_TYPE_NAMES[kind]}"
    elif kind == "string_pattern_mismatch":
        message = (
            f"'{key}' is {value!r}, but may hold letters, digits, '.', '_' and '-' only, must "
            "start with a letter or digit, and has at most 64 characters"
        )
    else:
        words = detail["msg"].removeprefix("Input should be ")
        message = f"'{key}' is {value!r}, but must be {words}"
        if kind == "range":
            message = f"'{key}' is {value!r}: {detail['msg']}"
    return Problem(source.place(path), message)

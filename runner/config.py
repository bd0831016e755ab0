"""The configuration of a run: strict models, and errors that name place and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, fields
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic_core import ErrorDetails, PydanticCustomError

from backends.devices import IDEAL, load_device
from backends.errors import BackendError
from backends.providers import PROVIDERS, Provider
from backends.rehearsal.cloud import CloudSettings, FailingCircuit
from backends.rehearsal.transport import CALLS, FAULT_KINDS, Fault
from experiments.gates import require_clone, require_signals
from experiments.protocol import STRATEGIES, Strategy
from experiments.readout import ESTIMATORS, Estimator
from runner.errors import ConfigError, Problem, RunFolderError, printable
from runner.source import Source, read_source

Kind = Literal["entanglement"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LARGEST_N = 1000
"""Bounds a sweep given as a range; no device comes near it."""

_LONGEST_VALUE = 80

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


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RehearsalConfig(CloudSettings):
    """The simulated cloud of provider ``rehearsal``.

    Attributes:
        cloud: its file, from the folder of runs; None for a new cloud for every run.
        faults: what goes wrong, decided beforehand.
    """

    cloud: Annotated[str, Field(min_length=1)] | None = None
    faults: list[Fault] = field(default_factory=list)


class BackendConfig(_Section):
    """Where it runs; ``rehearsal`` belongs to the provider of that name."""

    provider: Provider = "stim"
    device: str = "fake_kingston"
    rehearsal: RehearsalConfig | None = None


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

    qpu_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


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


def run_config(resolved: Mapping[str, Any]) -> RunConfig:
    """The configuration that ``model_dump(mode="json")`` gave.

    Raises:
        RunFolderError: if it is none, or one of another version.
    """
    try:
        # As JSON: whole numbers that name circuits are text there.
        return RunConfig.model_validate_json(json.dumps(resolved))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RunFolderError(
            f"the configuration kept with the run cannot be read: {place}: {first['msg']}; it was "
            "written by another version of enclone"
        ) from error


def load_config(file: str, overrides: Sequence[str] = ()) -> tuple[RunConfig, Source]:
    """Read, override and check a configuration.

    Raises:
        ConfigError: with every problem found, in the order of the file.
    """
    source = read_source(file)
    for assignment in overrides:
        source.override(assignment)
    found: list[tuple[tuple[int, int], Problem]] = []
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(source.data)
    except ValidationError as error:
        found += [_problem(source, detail) for detail in error.errors()]
    experiment = config.experiment if config else _section(ExperimentConfig, source, "experiment")
    backend = config.backend if config else _section(BackendConfig, source, "backend")
    if experiment is not None:
        for path, message in _physical_problems(experiment, backend):
            found.append((source.position(path), Problem(source.place(path), message)))
    if config is None or found:
        raise ConfigError([problem for _, problem in sorted(found, key=lambda one: one[0])])
    return config, source


_S = TypeVar("_S", bound=_Section)


def _section(kind: type[_S], source: Source, key: str) -> _S | None:
    """One section by itself, so that its values are looked at though others are wrong."""
    try:
        return kind.model_validate(source.data.get(key, {}))
    except ValidationError:
        return None


_Problems = Iterator[tuple[tuple[str | int, ...], str]]


def _physical_problems(experiment: ExperimentConfig, backend: BackendConfig | None) -> _Problems:
    """What is well-formed but cannot be run, each with its path."""
    decrypt = experiment.decrypt
    for path, values in (
        (("experiment", "n"), experiment.n),
        (("experiment", "estimator"), experiment.estimator),
        (("experiment", "decrypt", "clone"), decrypt.clone),
        (("experiment", "decrypt", "strategy"), decrypt.strategy),
    ):
        if len(set(values)) != len(values):
            yield path, "a value is given twice; give each value once"
    sound = []
    for index, n in enumerate(experiment.n):
        try:
            require_signals(n)
        except ValueError as error:
            yield ("experiment", "n", index), str(error)
        else:
            sound.append((index, n))
    for index, clone in enumerate(decrypt.clone):
        for _, n in sound:
            try:
                require_clone(n, clone)
            except ValueError as error:
                yield ("experiment", "decrypt", "clone", index), str(error)
                break
    if experiment.estimator == ["bsm"] and "witness" in decrypt.strategy:
        yield (
            ("experiment", "estimator"),
            "strategy 'witness' decrypts nothing, so there is no clone for a Bell measurement; "
            "add estimator 'parity'",
        )
    if backend is not None and backend.rehearsal and backend.provider != "rehearsal":
        yield (
            ("backend", "rehearsal"),
            f"'backend.rehearsal' describes a simulated cloud, but the provider is "
            f"'{backend.provider}'; leave it out, or set provider: rehearsal",
        )
    if backend is not None and backend.device != IDEAL:
        yield from _device_problems(backend.device, sound, decrypt.strategy)
        return
    for index, n in sound:
        if n > LARGEST_N:
            message = f"n = {n} is out of reach; the largest n without a device is {LARGEST_N}"
            yield ("experiment", "n", index), message


def _device_problems(
    device: str, sizes: Sequence[tuple[int, int]], strategies: Sequence[Strategy]
) -> _Problems:
    try:
        snapshot = load_device(device)
        snapshot.to_target()
    except BackendError as error:
        yield ("backend", "device"), str(error)
        return
    available = len(snapshot.largest_region)
    for index, n in sizes:
        if 2 * n + 2 > available:
            yield (
                ("experiment", "n", index),
                f"n = {n} needs {2 * n + 2} connected qubits, but device '{device}' has "
                f"{available} that work and are connected; the largest n there is "
                f"{available // 2 - 1}",
            )
            break
    if "feedforward" in strategies and not snapshot.dynamic_circuits:
        yield (
            ("experiment", "decrypt", "strategy"),
            f"device '{device}' offers no conditional gates, which 'feedforward' needs; "
            "'frame' gives the same clone up to a known Pauli",
        )


def _keys(section: type[_Section]) -> tuple[str, ...]:
    return tuple(section.model_fields)


_KEYS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): _keys(RunConfig),
    ("experiment",): _keys(ExperimentConfig),
    ("experiment", "decrypt"): _keys(DecryptConfig),
    ("backend",): _keys(BackendConfig),
    ("backend", "rehearsal"): tuple(f.name for f in fields(RehearsalConfig)),
    ("backend", "rehearsal", "faults"): tuple(f.name for f in fields(Fault)),
    ("backend", "rehearsal", "fail_circuits"): tuple(f.name for f in fields(FailingCircuit)),
    ("compile",): _keys(CompileConfig),
    ("suppression",): _keys(SuppressionConfig),
    ("budget",): _keys(BudgetConfig),
}

_CHOICES: dict[tuple[str, ...], Sequence[str]] = {
    ("experiment", "kind"): KINDS,
    ("experiment", "decrypt", "strategy"): STRATEGIES,
    ("experiment", "estimator"): ESTIMATORS,
    ("backend", "provider"): PROVIDERS,
    ("backend", "rehearsal", "faults", "call"): CALLS,
    ("backend", "rehearsal", "faults", "kind"): FAULT_KINDS,
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


def _problem(source: Source, detail: ErrorDetails) -> tuple[tuple[int, int], Problem]:
    """A validation error as one line in the user's words, with its position for sorting."""
    path, of_key, message = _explained(detail)
    place = source.place(path, of_key=of_key)
    return source.position(path, of_key=of_key), Problem(place, message)


def _explained(detail: ErrorDetails) -> tuple[tuple[str | int, ...], bool, str]:
    """Path of an error, whether its key is meant, and what is wrong and would be right."""
    path = tuple(detail["loc"])
    # Circuits that fail are named by number; every other number is an index of a list.
    named = tuple(
        p for p in path if isinstance(p, str) and not (p.isdigit() and "fail_circuits" in path)
    )
    key = ".".join(named)
    value = printable(repr(detail["input"]), _LONGEST_VALUE)
    kind = detail["type"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _KEYS[named[:-1]]
        near = get_close_matches(named[-1], known, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'?" if near else f"known keys here: {', '.join(known)}"
        return path, True, f"unknown key '{key}'; {remedy}"
    if kind == "missing":
        return path[:-1], False, f"'{key}' is missing; add it, as in configs/quickstart.yaml"
    if kind == "literal_error":
        choices = _CHOICES.get(named)
        wanted = ", ".join(choices) if choices else detail["ctx"]["expected"]
        near = get_close_matches(str(detail["input"]), choices or (), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        message = f"'{key}' is {value}, but this version knows only: {wanted}{hint}"
    elif kind in _TYPE_NAMES:
        message = f"'{key}' is {value}, but must be {_TYPE_NAMES[kind]}"
    elif kind == "string_pattern_mismatch":
        message = (
            f"'{key}' is {value}, but may hold letters, digits, '.', '_' and '-' only, must "
            "start with a letter or digit, and has at most 64 characters"
        )
    elif kind == "too_short":
        message = f"'{key}' is {value}, but must have at least one value"
    else:
        words = detail["msg"].removeprefix("Input should be ")
        message = f"'{key}' is {value}, but must be {words}"
        if kind == "range":
            message = f"'{key}' is {value}: {detail['msg']}"
    return path, False, message

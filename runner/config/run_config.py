"""The configuration of a run: strict models, and errors that name place and remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic_core import ErrorDetails

from backends.devices.catalog import IDEAL, load_device
from backends.errors import BackendError
from backends.providers.braket.options import (
    BUCKET_PREFIX,
    BraketLocalOptions,
    BraketOptions,
    LocalSimulator,
    OutsideWindow,
)
from backends.providers.ibm.options import IbmConfig, LeastBusyConfig, TwirlingConfig
from backends.providers.registry import PROVIDERS, Provider
from backends.providers.rehearsal.cloud import CloudSettings, FailingCircuit
from backends.providers.rehearsal.transport import CALLS, FAULT_KINDS, Fault
from backends.simulation.pulse_trains import DECOUPLINGS, Decoupling
from experiments.point import Point
from runner.config.any_kind import AnyKind, read_experiment
from runner.config.known_values import known_keys, known_values
from runner.config.source import Source, read_source
from runner.config.suppression import (
    SuppressionConfig,
    decoupling_problems,
    ibm_problems,
    suppression_problems,
)
from runner.config.sweep import slots
from runner.errors import ConfigError, Problem, RunFolderError, printable
from runner.kinds.contract.section import ExperimentSection
from runner.kinds.contract.strict import LARGEST_N, Problems, Section
from runner.kinds.registry import kinds

_LONGEST_VALUE = 80


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RehearsalConfig(CloudSettings):
    """The simulated cloud of provider ``rehearsal``.

    Attributes:
        cloud: its file, from the folder of runs; None for a new cloud for every run.
        faults: what goes wrong, decided beforehand.
    """

    cloud: Annotated[str, Field(min_length=1)] | None = None
    faults: list[Fault] = field(default_factory=list)


class BackendConfig(Section):
    """Where it runs; sections named like a provider belong to it."""

    provider: Provider = "stim"
    device: str = "fake_kingston"
    rehearsal: RehearsalConfig | None = None
    ibm: IbmConfig | None = None
    braket: BraketOptions | None = None
    braket_local: BraketLocalOptions | None = None


class CompileConfig(Section):
    """How circuits are compiled; ``seeds`` transpiler seeds are tried.

    ``layouts`` says which of them run: the ``best`` predicted one, or ``each`` as a point of its
    own, which shows how much the layout matters.

    With ``protocol`` the compiler that knows the protocol searches too, for as many moves as
    ``seconds`` stand for, or for ``moves``; the better prediction runs. ``decoupling`` puts pulse
    trains into waits where they pay.
    """

    strategy: Literal["stock", "protocol"] = "stock"
    seeds: Annotated[int, Field(ge=1, le=1000)] = 4
    layouts: Literal["best", "each"] = "best"
    seconds: Annotated[float, Field(gt=0, le=36_000, allow_inf_nan=False)] = 20.0
    moves: Annotated[int, Field(ge=1, le=10**10)] | None = None
    decoupling: Decoupling = "none"


class BudgetConfig(Section):
    """What a run may cost at most; None sets no limit."""

    qpu_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class RunConfig(Section):
    """A whole run, defaults filled in."""

    # Kinds of experiment of other packages may import this module.
    model_config = ConfigDict(defer_build=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "run"
    experiment: AnyKind
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
    source = _overridden(file, overrides)
    found: list[tuple[tuple[int, int], Problem]] = []
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(source.data)
    except ValidationError as error:
        found += [_problem(source, detail) for detail in error.errors()]
    experiment = config.experiment if config else read_experiment(source.data.get("experiment", {}))
    backend = config.backend if config else _backend(source)
    problems = list(_physical_problems(experiment, backend, config.seed if config else 0))
    if config is not None:
        dynamic = config.experiment.conditional_gates
        problems += suppression_problems(
            config.backend.provider, config.suppression, config.shots, dynamic=dynamic
        )
        problems += _budget_problems(config)
        problems += _chosen_problems(config)
        problems += decoupling_problems(
            config.backend.provider,
            config.backend.device,
            config.compile.decoupling,
            config.suppression,
            dynamic=dynamic,
        )
    for path, message in problems:
        found.append((source.position(path), Problem(source.place(path), message)))
    if config is None or found:
        raise ConfigError([problem for _, problem in sorted(found, key=lambda one: one[0])])
    return config, source


def given_config(file: str, overrides: Sequence[str] = ()) -> RunConfig:
    """A configuration as it is given, without asking what any device can do.

    Raises:
        ConfigError: if it is none.
    """
    source = _overridden(file, overrides)
    try:
        return RunConfig.model_validate(source.data)
    except ValidationError as error:
        found = [_problem(source, detail) for detail in error.errors()]
        raise ConfigError([problem for _, problem in sorted(found, key=lambda p: p[0])]) from None


def _overridden(file: str, overrides: Sequence[str]) -> Source:
    source = read_source(file)
    for assignment in overrides:
        source.override(assignment)
    return source


def _backend(source: Source) -> BackendConfig | None:
    """The backend by itself, so that its values are looked at though others are wrong."""
    try:
        return BackendConfig.model_validate(source.data.get("backend", {}))
    except ValidationError:
        return None


def _physical_problems(
    experiment: ExperimentSection | None, backend: BackendConfig | None, seed: int
) -> Problems:
    """What is well-formed but cannot be run, each with its path."""
    points: Sequence[Point] = ()
    if experiment is not None:
        wrong = list(experiment.all_problems())
        yield from ((("experiment", *path), message) for path, message in wrong)
        if not wrong:
            try:
                points = experiment.points(seed)
            except ValueError as error:
                yield ("experiment",), str(error)
    if backend is None:
        return
    yield from _provider_problems(backend)
    if backend.provider == "ibm":
        yield from ibm_problems(backend.device, backend.ibm or IbmConfig())
    elif backend.provider == "braket":
        yield from _braket_problems(backend, experiment)
    elif backend.device != IDEAL:
        yield from _device_problems(backend.device, experiment, points)
    if experiment is not None and (backend.device == IDEAL or backend.provider == "braket"):
        for index, n in enumerate(experiment.signals):
            if n > LARGEST_N:
                message = f"n = {n} is out of reach; the largest n without a device is {LARGEST_N}"
                yield ("experiment", "n", index), message


_SECTIONS = {
    "rehearsal": "'backend.rehearsal' describes a simulated cloud",
    "ibm": "'backend.ibm' says how jobs are sent to IBM Quantum",
    "braket": "'backend.braket' says how Amazon Braket is reached",
    "braket_local": "'backend.braket_local' chooses a simulator of the Braket SDK",
}


def _provider_problems(backend: BackendConfig) -> Problems:
    """Sections of providers that are not used."""
    for section, purpose in _SECTIONS.items():
        provider = section.replace("_", "-")
        if getattr(backend, section) is not None and backend.provider != provider:
            yield (
                ("backend", section),
                f"{purpose}, but the provider is '{backend.provider}'; leave it out, or set "
                f"provider: {provider}",
            )


def _budget_problems(config: RunConfig) -> Problems:
    """Budgets that nobody could keep."""
    options = config.backend.braket
    if options is not None and options.without_prices and config.budget.usd is not None:
        yield (
            ("budget", "usd"),
            "'budget.usd' cannot be kept while 'backend.braket.without_prices' is true: remove one",
        )


def _chosen_problems(config: RunConfig) -> Problems:
    """What a file says that ``auto`` chose, but cannot have chosen."""
    decryption = config.experiment.decryption
    if decryption is not None and decryption.chosen is not None:
        try:
            slots(config)
        except ValueError as error:
            yield ("experiment", "decrypt", "chosen"), str(error)


def _braket_problems(backend: BackendConfig, experiment: ExperimentSection | None) -> Problems:
    """What is wrong whatever the device turns out to be; nothing is asked here."""
    options = backend.braket or BraketOptions()
    if backend.device == IDEAL or backend.device.startswith("fake_"):
        yield (
            ("backend", "device"),
            f"'{backend.device}' is no device of Amazon Braket; give an ARN or a name such as "
            "iqm/garnet (see 'enclone devices --braket')",
        )
    if options.s3 is not None and not options.s3.removeprefix("s3://").startswith(BUCKET_PREFIX):
        yield (
            ("backend", "braket", "s3"),
            f"Braket writes results only into buckets whose name begins with '{BUCKET_PREFIX}', "
            f"but this is '{printable(options.s3, _LONGEST_VALUE)}'; leave it out for the "
            "account's default bucket",
        )
    if experiment and experiment.conditional_gates and not options.conditional_gates:
        yield (
            ("experiment", "decrypt", "strategy"),
            "'feedforward' needs gates conditioned on outcomes, which Amazon Braket offers on "
            "IQM's processors only, as an experiment: set 'backend.braket.conditional_gates: "
            "true' there; 'frame' gives the same clone up to a known Pauli on every device",
        )


def _device_problems(
    device: str, experiment: ExperimentSection | None, points: Sequence[Point]
) -> Problems:
    try:
        snapshot = load_device(device)
        snapshot.to_target()
    except BackendError as error:
        yield ("backend", "device"), str(error)
        return
    if experiment is None:
        return
    available = len(snapshot.largest_region)
    sizes = experiment.sizes()
    for index, value in enumerate(sizes.values):
        needed = sizes.needed(value, points)
        if needed > available:
            largest = sizes.largest_within(available)
            limit = "" if largest is None else f"; the largest {sizes.key} there is {largest}"
            yield (
                ("experiment", sizes.key, index),
                f"{sizes.key} = {value} needs {needed} connected qubits, but device '{device}' has "
                f"{snapshot.what_is_connected}{limit}",
            )
            break
    if experiment.conditional_gates and not snapshot.dynamic_circuits:
        yield (
            ("experiment", "decrypt", "strategy"),
            f"device '{device}' offers no conditional gates, which 'feedforward' needs; "
            "'frame' gives the same clone up to a known Pauli",
        )


def _keys(section: type[Section]) -> tuple[str, ...]:
    return tuple(section.model_fields)


_KEYS: dict[tuple[str, ...], tuple[str, ...]] = {
    (): _keys(RunConfig),
    ("backend",): _keys(BackendConfig),
    ("backend", "rehearsal"): tuple(f.name for f in fields(RehearsalConfig)),
    ("backend", "ibm"): tuple(f.name for f in fields(IbmConfig)),
    ("backend", "ibm", "least_busy"): tuple(f.name for f in fields(LeastBusyConfig)),
    ("suppression", "twirling"): tuple(f.name for f in fields(TwirlingConfig)),
    ("backend", "rehearsal", "faults"): tuple(f.name for f in fields(Fault)),
    ("backend", "rehearsal", "fail_circuits"): tuple(f.name for f in fields(FailingCircuit)),
    ("backend", "braket"): tuple(BraketOptions.model_fields),
    ("backend", "braket_local"): tuple(BraketLocalOptions.model_fields),
    ("compile",): _keys(CompileConfig),
    ("suppression",): _keys(SuppressionConfig),
    ("budget",): _keys(BudgetConfig),
}

_CHOICES: dict[tuple[str, ...], Sequence[str]] = {
    ("backend", "provider"): PROVIDERS,
    ("compile", "strategy"): ("stock", "protocol"),
    ("compile", "layouts"): ("best", "each"),
    ("compile", "decoupling"): DECOUPLINGS,
    ("backend", "braket", "outside_window"): get_args(OutsideWindow),
    ("backend", "braket_local", "simulator"): get_args(LocalSimulator),
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
    "model_attributes_type": "a section with keys of its own",
    "dataclass_type": "a section with keys of its own",
    "list_type": "a list",
}


def _problem(source: Source, detail: ErrorDetails) -> tuple[tuple[int, int], Problem]:
    """A validation error as one line in the user's words, with its position for sorting."""
    path, of_key, message = _explained(detail)
    place = source.place(path, of_key=of_key)
    return source.position(path, of_key=of_key), Problem(place, message)


def _explained(detail: ErrorDetails) -> tuple[tuple[str | int, ...], bool, str]:
    """Path of an error, whether its key is meant, and what is wrong and would be right."""
    kind = detail["type"]
    path = tuple(detail["loc"])
    experiment: type[ExperimentSection] | None = None
    if path[:1] == ("experiment",) and path[1:2] and path[1] in kinds():
        # The kind of experiment is no key of the file.
        experiment, path = kinds()[str(path[1])].section, (*path[:1], *path[2:])
    if path[:2] == ("suppression", "twirling"):
        # Whether it is a switch or a section is no key either.
        path = (*path[:2], *path[3:])
    # Circuits that fail are named by number; every other number is an index of a list.
    named = tuple(
        p for p in path if isinstance(p, str) and not (p.isdigit() and "fail_circuits" in path)
    )
    key = ".".join(named)
    value = printable(repr(detail["input"]), _LONGEST_VALUE)
    if kind == "union_tag_not_found":
        return path, False, "'experiment.kind' is missing; " + f"it is one of: {', '.join(kinds())}"
    if kind == "union_tag_invalid":
        given = detail["ctx"]["tag"]
        near = get_close_matches(given, kinds(), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        message = (
            f"'experiment.kind' is {given!r}, but this version knows only: "
            f"{', '.join(kinds())}{hint}"
        )
        return ("experiment", "kind"), False, message
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        known = known_keys(experiment, named[1:-1]) if experiment else _KEYS[named[:-1]]
        near = get_close_matches(named[-1], known, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'?" if near else f"known keys here: {', '.join(known)}"
        return path, True, f"unknown key '{key}'; {remedy}"
    if kind == "missing":
        return path[:-1], False, f"'{key}' is missing; add it, as in configs/quickstart.yaml"
    if kind == "literal_error":
        choices = known_values(experiment, named[1:]) if experiment else _CHOICES.get(named)
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
        if kind in ("range", "input"):
            message = f"'{key}' is {value}: {detail['msg']}"
    return path, False, message

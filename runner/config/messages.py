"""Errors of validation in the user's words: the broken rule, the value, and what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import get_args

from pydantic_core import ErrorDetails

from backends.providers.braket.options import (
    BraketLocalOptions,
    BraketOptions,
    LocalSimulator,
    OutsideWindow,
)
from backends.providers.ibm.options import IbmConfig, LeastBusyConfig, TwirlingConfig
from backends.providers.registry import PROVIDERS
from backends.providers.rehearsal.cloud import FailingCircuit
from backends.providers.rehearsal.transport import CALLS, FAULT_KINDS, Fault
from backends.simulation.pulse_trains import DECOUPLINGS
from runner.config.known_values import known_keys, known_values
from runner.config.run_config import (
    BackendConfig,
    BudgetConfig,
    CompileConfig,
    RehearsalConfig,
    RunConfig,
)
from runner.config.source import Source
from runner.config.suppression import SuppressionConfig
from runner.errors import Problem, printable
from runner.kinds.contract.section import ExperimentSection
from runner.kinds.contract.strict import Section
from runner.kinds.registry import kinds

LONGEST_VALUE = 80
"""Longer values of a configuration are shown without their middle."""


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


def located_problem(source: Source, detail: ErrorDetails) -> tuple[tuple[int, int], Problem]:
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
    value = printable(repr(detail["input"]), LONGEST_VALUE)
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

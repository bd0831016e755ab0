"""Errors of validation in the user's words: the broken rule, the value, and what would be right."""

from __future__ import annotations

from difflib import get_close_matches

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from runner.config.backend import backend_model
from runner.config.known_values import known_keys, known_values
from runner.config.run_config import RunConfig
from runner.config.source import Source
from runner.errors import Problem, printable
from runner.kinds.registry import kinds

LONGEST_VALUE = 80
"""Longer values of a configuration are shown without their middle."""


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
    model, depth = _model_at(path)
    if path[:1] == ("experiment",) and path[1:2] and path[1] in kinds():
        # The kind of experiment is no key of the file.
        path = (*path[:1], *path[2:])
    if path[:2] == ("suppression", "twirling"):
        # Whether it is a switch or a section is no key either.
        path = (*path[:2], *path[3:])
    unknown = kind in ("extra_forbidden", "unexpected_keyword_argument")
    # A number is an index of a list or a key of a mapping: what is in all of them is meant.
    named = tuple(p for p in path if isinstance(p, str) and not p.isdigit())
    if unknown and isinstance(path[-1], str) and path[-1].isdigit():
        named = (*named, path[-1])
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
    if unknown:
        known = known_keys(model, named[depth:-1])
        near = get_close_matches(named[-1], known, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'?" if near else f"known keys here: {', '.join(known)}"
        return path, True, f"unknown key '{key}'; {remedy}"
    if kind == "missing":
        return path[:-1], False, f"'{key}' is missing; add it, as in configs/quickstart.yaml"
    if kind == "literal_error":
        choices = known_values(model, named[depth:])
        wanted = ", ".join(choices) if choices else detail["ctx"]["expected"]
        near = get_close_matches(str(detail["input"]), choices, n=1)
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


def _model_at(path: tuple[str | int, ...]) -> tuple[type[BaseModel], int]:
    """The model to which an error belongs, and how many keys lead to it.

    Sections that a registry makes are models of their own.
    """
    if path[:1] == ("experiment",) and path[1:2] and path[1] in kinds():
        return kinds()[str(path[1])].section, 1
    if path[:1] == ("backend",) and len(path) > 1:
        return backend_model(), 1
    return RunConfig, 0

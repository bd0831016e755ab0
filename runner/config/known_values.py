"""Keys and values that a section of a configuration knows, read from its model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel


def known_keys(model: type[BaseModel], path: Sequence[str] = ()) -> tuple[str, ...]:
    """The keys of a section; empty if there is no such section.

    Args:
        model: of the outermost section.
        path: keys that lead from it to the section that is meant.
    """
    section = _section(model, path)
    return tuple(section.model_fields) if section else ()


def known_values(model: type[BaseModel], path: Sequence[str]) -> tuple[str, ...]:
    """The texts that a value may be; empty if it is none of a few texts.

    Args:
        model: of the outermost section.
        path: keys that lead from it to the value.
    """
    section = _section(model, path[:-1])
    if section is None or path[-1] not in section.model_fields:
        return ()
    annotation = section.model_fields[path[-1]].annotation
    literals = (part for part in _parts(annotation) if get_origin(part) is Literal)
    texts = (value for part in literals for value in get_args(part) if isinstance(value, str))
    return tuple(dict.fromkeys(texts))


def _section(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel] | None:
    for key in path:
        if key not in model.model_fields:
            return None
        inner = [
            part
            for part in _parts(model.model_fields[key].annotation)
            if isinstance(part, type) and issubclass(part, BaseModel)
        ]
        if not inner:
            return None
        model = inner[0]
    return model


def _parts(annotation: Any) -> Iterator[Any]:
    """A type and everything it is made of, outermost first."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _parts(part)

"""Keys and values that a section of a configuration knows, read from its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo


def known_keys(model: type[BaseModel], path: Sequence[str] = ()) -> tuple[str, ...]:
    """The keys of a section; empty if there is no such section.

    Args:
        model: of the outermost section.
        path: keys that lead from it to the section that is meant.
    """
    section = _section(model, path)
    return tuple(_fields(section)) if section else ()


def known_values(model: type[BaseModel], path: Sequence[str]) -> tuple[str, ...]:
    """The texts that a value may be; empty if it is none of a few texts.

    Args:
        model: of the outermost section.
        path: keys that lead from it to the value.
    """
    section = _section(model, path[:-1])
    field = _fields(section).get(path[-1]) if section else None
    if field is None:
        return ()
    literals = (part for part in _parts(field.annotation) if get_origin(part) is Literal)
    texts = (value for part in literals for value in get_args(part) if isinstance(value, str))
    return tuple(dict.fromkeys(texts))


def _section(model: type[Any], path: Sequence[str]) -> type[Any] | None:
    for key in path:
        if key not in _fields(model):
            return None
        inner = [part for part in _parts(_fields(model)[key].annotation) if _is_section(part)]
        if not inner:
            return None
        model = inner[0]
    return model


def _is_section(part: Any) -> bool:
    return isinstance(part, type) and (issubclass(part, BaseModel) or is_pydantic_dataclass(part))


def _fields(model: type[Any]) -> Mapping[str, FieldInfo]:
    """The fields of a model or of a checked dataclass, by name."""
    found: Mapping[str, FieldInfo] = (
        model.model_fields if issubclass(model, BaseModel) else model.__pydantic_fields__
    )
    return found


def _parts(annotation: Any) -> Iterator[Any]:
    """A type and everything it is made of, outermost first."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _parts(part)

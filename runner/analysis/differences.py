"""Differences between what a run folder says and what follows from its counts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.results.fields import LIBRARY_ROUNDING, ResultField
from runner.results.rows import FIELDS

ABSENT = "nothing"

_OF_CIRCUITS = {"predicted_success": LIBRARY_ROUNDING}


def tolerances(columns: Iterable[ResultField] = FIELDS) -> Mapping[str, float]:
    """Field → largest absolute difference that is rounding.

    All other fields agree exactly or not. Among them are those of ``circuits/index.json``.
    """
    return {**{c.name: c.tolerance for c in columns if c.tolerance}, **_OF_CIRCUITS}


_EVERYWHERE = tolerances()


@dataclass(frozen=True)
class Difference:
    """Something that a run folder says and that does not follow from the rest of it.

    Attributes:
        what: which value, circuit or property.
        file: where it stands, as a path within the folder.
        stored: what stands there.
        recomputed: what should.
    """

    what: str
    file: str
    stored: str
    recomputed: str


def agree(
    field: str, stored: object, recomputed: object, tolerance: Mapping[str, float] = _EVERYWHERE
) -> bool:
    """Whether two values of a field are the same, up to its tolerance."""
    if isinstance(stored, bool) or isinstance(recomputed, bool):
        return stored is recomputed
    if isinstance(stored, int | float) and isinstance(recomputed, int | float):
        return abs(stored - recomputed) <= tolerance.get(field, 0.0)
    return stored == recomputed


def mapping_differences(
    where: str,
    file: str,
    stored: Mapping[str, Any],
    recomputed: Mapping[str, Any],
    unasked: Collection[str] = (),
    tolerance: Mapping[str, float] = _EVERYWHERE,
) -> Iterator[Difference]:
    """One difference for each key whose values do not agree; nested keys are joined by dots.

    A key that one of the two lacks counts as None there, so that fields may be added.

    Args:
        where: what the mappings describe.
        file: where the stored one stands.
        stored: what is written.
        recomputed: what should be.
        unasked: keys that are not compared.
        tolerance: see :func:`tolerances`.
    """
    for key in dict.fromkeys((*stored, *recomputed)):
        old, new = stored.get(key), recomputed.get(key)
        if key in unasked:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            name = f"{where}: {key}"
            yield from mapping_differences(name, file, old, new, tolerance=tolerance)
        elif not agree(key, old, new, tolerance):
            yield Difference(f"{where}: {key}", file, shown(old), shown(new))


def table_differences(
    names: Sequence[str] | None,
    file: str,
    stored: bytes,
    recomputed: bytes,
    *,
    exact: bool,
    tolerance: Mapping[str, float] = _EVERYWHERE,
) -> Iterator[Difference]:
    """Differences between two CSV files, cell by cell.

    A column that one of the two lacks counts as empty there.

    Args:
        names: what each line is called; None numbers them.
        file: where the stored one stands.
        stored: what is written.
        recomputed: what should be.
        exact: whether even rounding is a difference.
        tolerance: see :func:`tolerances`.
    """
    if stored == recomputed:
        return
    try:
        old, new = _lines(stored), _lines(recomputed)
    except (UnicodeDecodeError, csv.Error) as error:
        yield Difference("the table", file, f"cannot be read: {error}", "a CSV file")
        return
    if len(old) != len(new):
        yield Difference("number of lines", file, str(len(old)), str(len(new)))
    before = 0
    for number, (was, now) in enumerate(zip(old, new, strict=False)):
        name = names[number] if names else f"line {number + 2}"
        for key in dict.fromkeys((*was, *now)):
            text, wanted = was.get(key) or "", now.get(key) or ""
            if text != wanted and (exact or not _close(key, text, wanted, tolerance)):
                before += 1
                yield Difference(f"{name}: {key}", file, text or ABSENT, wanted or ABSENT)
    if exact and not before and len(old) == len(new) and old[:1] and list(old[0]) == list(new[0]):
        yield Difference("ends of lines or quotes", file, "other bytes", "the same cells")


def shown(value: object) -> str:
    """A value as a row of differences shows it."""
    return ABSENT if value is None else json.dumps(value, ensure_ascii=False).strip('"')


def _close(field: str, stored: str, recomputed: str, tolerance: Mapping[str, float]) -> bool:
    try:
        return agree(field, float(stored), float(recomputed), tolerance)
    except ValueError:
        return False


def _lines(content: bytes) -> list[dict[str, str]]:
    text = io.StringIO(content.decode("utf-8"), newline="")
    return list(csv.DictReader(text, restkey="beyond the last column", strict=True))

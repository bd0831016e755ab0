"""The format of run folders: by what methods, and with what rows, older ones were made."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backends.simulation.readout_mitigation import MitigationMethod
from experiments.kinds.entanglement import CLASSICAL_FIDELITY
from experiments.statistics.estimators import IntervalMethod
from runner.errors import RunFolderError
from runner.results.rows import ResultRow

FIRST_FORMAT = 1
"""That of folders that name none."""

FORMAT = 2
"""That of folders that are written now.

1. Every row had a witness threshold, no row was corrected for comparisons or named an assumption,
   and published errors stood as printed, right or wrong. Certificates had fewer checks. Intervals
   were by MOVER over single settings, mitigated values by mthree, and no error of a draw stated.
   Predictions had no interval.
2. As now.
"""


def format_of(provenance: Mapping[str, Any] | None) -> int:
    """The format that the provenance of a run states; the first if it states none."""
    stated = (provenance or {}).get("format")
    return stated if isinstance(stated, int) else FIRST_FORMAT


@dataclass(frozen=True)
class Methods:
    """The methods by which a run is evaluated, now and whenever it is verified.

    Attributes:
        intervals: how confidence intervals are found.
        mitigation: how readout errors are undone where that is asked for.
    """

    intervals: IntervalMethod = "pooled"
    mitigation: MitigationMethod = "exact"


_METHODS: Mapping[int, Methods] = {FIRST_FORMAT: Methods("mover", "mthree"), FORMAT: Methods()}


def methods_of(written_in: int) -> Methods:
    """The methods of runs of a format.

    Raises:
        RunFolderError: if this version does not know the format.
    """
    if written_in not in _METHODS:
        raise RunFolderError(
            f"the run has format {written_in}, and this version knows "
            f"{', '.join(map(str, _METHODS))}; install the version of enclone that its "
            "provenance.json names, or a newer one"
        )
    return _METHODS[written_in]


def in_format(row: ResultRow, written_in: int) -> ResultRow:
    """A planned row as that format has it."""
    if written_in >= FORMAT:
        return row
    threshold = row.witness_threshold
    if threshold is None:
        # A GHZ state of one qubit counted as one of several.
        threshold = CLASSICAL_FIDELITY if row.r is None else 0.5
    return replace(
        row,
        witness_threshold=threshold,
        comparisons=None,
        assumes=None,
        published_shot_err=None,
        published_note=None,
        predicted_low=None,
        predicted_high=None,
    )


def checks_in_format(
    checks: Mapping[str, bool], stored: Container[str], written_in: int
) -> dict[str, bool]:
    """The checks of a certificate that a folder of that format can hold.

    Args:
        checks: name of each check that is made now → whether it holds.
        stored: names of those that the folder holds.
        written_in: its format.
    """
    return {
        name: holds for name, holds in checks.items() if written_in > FIRST_FORMAT or name in stored
    }

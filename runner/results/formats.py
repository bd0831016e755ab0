"""The format of run folders, and what rows of older ones said otherwise."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from experiments.kinds.entanglement import CLASSICAL_FIDELITY
from runner.results.rows import ResultRow

FIRST_FORMAT = 1
"""That of folders that name none."""

FORMAT = 2
"""That of folders that are written now.

1. Every row had a witness threshold, no row was corrected for comparisons or named an assumption,
   and published errors stood as printed, right or wrong. Certificates had fewer checks.
2. As now.
"""


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

"""The published tables, as printed, each file naming its source in its first line.

All values are for ibm_kingston and the ``unitary`` strategy. Predictions never use them: they
are shown beside a result and nothing else.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

DEVICE = "ibm_kingston"
SOURCE = "arXiv:2602.10695v1"


@dataclass(frozen=True, slots=True)
class Published:
    """A printed value.

    Attributes:
        value: as printed.
        std_err: its printed error.
        two_qubit_layers: depth in two-qubit layers of the circuit that ran, where printed.
    """

    value: float
    std_err: float
    two_qubit_layers: int | None


def is_published_device(name: str) -> bool:
    """Whether a device is the one the tables are for, or a snapshot of it.

    >>> is_published_device("fake_kingston"), is_published_device("fake_aachen")
    (True, False)
    """
    return name.removeprefix("fake_").removeprefix("ibm_") == DEVICE.removeprefix("ibm_")


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """Rows of one table, e.g. ``table1_entanglement_fidelity``, as strings."""
    text = files(__package__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(csv.DictReader(lines))


def entanglement_fidelity(n: int, estimator: str) -> Published | None:
    """Extended Data Table I, columns BSM or POM; None where nothing was printed."""
    column = {"bsm": "bsm", "parity": "pom"}[estimator]
    for row in table("table1_entanglement_fidelity"):
        if int(row["n"]) == n:
            return Published(
                float(row[f"fe_{column}"]),
                float(row[f"fe_{column}_err"]),
                int(row[f"l2q_{column}"]),
            )
    return None

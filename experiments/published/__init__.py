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
    """A published value.

    Attributes:
        value: as printed.
        std_err: its printed error.
        two_qubit_layers: depth in two-qubit layers of the circuit that ran, where printed.
    """

    value: float
    std_err: float
    two_qubit_layers: int | None


def is_published_device(name: str) -> bool:
    """Whether a device is the one of the published tables, or a snapshot of it.

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


def chsh(n: int, scenario: str) -> Published | None:
    """Extended Data Table II; None where nothing was printed."""
    column = f"s_{scenario.replace('-', '_')}"
    for row in table("table2_chsh"):
        if int(row["n"]) == n and column in row:
            return Published(float(row[column]), float(row[f"{column}_err"]), None)
    return None


def ghz(r: int) -> Published | None:
    """Extended Data Table IV; None where nothing was printed."""
    for row in table("table4_ghz"):
        if int(row["r"]) == r:
            return Published(float(row["fr"]), float(row["fr_err"]), int(row["l2q"]))
    return None


def iterated(clones: int, level: int) -> Published | None:
    """Extended Data Table III by the number of clones made and the level of the decrypted one."""
    depth = {"0": 0, "1": 1, "2": 2, "2star": 2, "3full": 3}
    for row in table("table3_iterated"):
        if (int(row["clones"]), depth[row["case"]]) == (clones, level):
            return Published(float(row["fe"]), float(row["fe_err"]), int(row["l2q"]))
    return None


def virtual_iterated(n: int, level: int) -> Published | None:
    """Supplementary Table VI; None where nothing was printed."""
    for row in table("table6_virtual_iterated"):
        if (int(row["n"]), int(row["l"])) == (n, level):
            return Published(float(row["fe"]), float(row["fe_err"]), int(row["l2q"]))
    return None

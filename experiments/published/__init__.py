"""The published tables, as printed, each file naming its source in its first line.

Where print is known to be wrong, the value says so and what would be right.

All values are for ibm_kingston and the ``unitary`` strategy. Predictions never use them: they
are shown beside a result and nothing else.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from experiments.published.errors import error_from_shots

DEVICE = "ibm_kingston"
SOURCE = "arXiv:2602.10695v1"


@dataclass(frozen=True, slots=True)
class Published:
    """A published value.

    Attributes:
        value: as printed.
        std_err: its printed error.
        two_qubit_layers: depth in two-qubit layers of the circuit that ran, where printed.
        parity_qubits: qubits of the state, where the value is of parity oscillations and its
            printed error therefore wrong; None elsewhere.
        remark: what else is wrong in print; empty if nothing.
    """

    value: float
    std_err: float
    two_qubit_layers: int | None
    parity_qubits: int | None = field(default=None, compare=False)
    remark: str = field(default="", compare=False)

    @property
    def shot_err(self) -> float:
        """The error that the shots give, at most; the printed one where that is right."""
        if self.parity_qubits is None:
            return self.std_err
        return error_from_shots(self.value, self.std_err, self.parity_qubits)

    @property
    def note(self) -> str:
        """What is wrong in print; empty if nothing."""
        wrong = [] if self.parity_qubits is None else [WRONG_PARITY_ERRORS]
        return "; ".join([*wrong, *([self.remark] if self.remark else [])])


WRONG_PARITY_ERRORS = (
    "errors of parity oscillations are printed 1.8 to 3.5 times too large (equation 12 lacks the "
    "covariance of the two populations, equation 14 the factor 1/4); '± from shots' is what 10,000 "
    "shots of each setting give at most"
)

UNDECRYPTED_CHSH = Published(0.014, 0.020, None)
"""S of an undecrypted clone, which Extended Data Table II lacks."""


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
                _PAIR if estimator == "parity" else None,
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
            return Published(float(row["fr"]), float(row["fr_err"]), int(row["l2q"]), r)
    return None


def iterated(clones: int, level: int) -> Published | None:
    """Extended Data Table III by the number of clones made and the level of the decrypted one."""
    depth = {"0": 0, "1": 1, "2": 2, "2star": 2, "3full": 3}
    for row in table("table3_iterated"):
        if (int(row["clones"]), depth[row["case"]]) == (clones, level):
            return Published(float(row["fe"]), float(row["fe_err"]), int(row["l2q"]), _PAIR)
    return None


def virtual_iterated(n: int, level: int) -> Published | None:
    """Supplementary Table VI; None where nothing was printed."""
    for row in table("table6_virtual_iterated"):
        if (int(row["n"]), int(row["l"])) == (n, level):
            remark = _OF_THE_OTHER_ESTIMATOR if (n, level) == (4, 0) else ""
            fidelity, error = float(row["fe"]), float(row["fe_err"])
            return Published(fidelity, error, int(row["l2q"]), _PAIR, remark)
    return None


_PAIR = 2
_OF_THE_OTHER_ESTIMATOR = (
    "the row n = 4, l = 0 of Supplementary Table VI (0.693, 44 layers) is the Bell measurement of "
    "Table I; parity oscillations gave 0.785 there"
)

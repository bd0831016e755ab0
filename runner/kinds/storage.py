"""Clones on servers that are lost, and a key that works once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Literal

from pydantic import Field

from experiments.gates import sizes_and_clones
from experiments.kinds import storage
from experiments.kinds.storage import Loss, Read
from experiments.point import Point
from experiments.protocol import Cloning
from experiments.readout import Estimator
from runner.kinds.contract.decryption import DecryptConfig
from runner.kinds.contract.drawing import AGAINST_N, Axis
from runner.kinds.contract.kind import FIDELITY_MARKS, ExperimentKind, Wording
from runner.kinds.contract.section import ExperimentSection, Sizes, signal_problems, signal_sizes
from runner.kinds.contract.strict import Problems, Swept, value_problems
from runner.results.rows import ResultRow


class StorageConfig(ExperimentSection):
    """Clones on servers that are lost.

    An entry of ``lost`` is a list of servers, or a number: so many of the last servers, that of
    the clone that is decrypted left out.
    """

    kind: Literal["storage"]
    n: Swept[int]
    decrypt: DecryptConfig = DecryptConfig()
    lost: Swept[int | list[int]] = [0]
    loss: Swept[Loss] = ["reset"]
    idle_microseconds: Swept[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]] = [0.0]
    spent_on: int | None = None
    read: Swept[Read] = ["second"]
    estimator: Swept[Estimator] = ["parity"]

    def sizes(self) -> Sizes:
        """The signal qubits."""
        return signal_sizes(self.n)

    def points(self, seed: int) -> Sequence[Point]:
        """The points of the sweep."""
        del seed
        out: list[Point] = []
        for entry in self.lost:
            out += self._points(entry)
        return out

    def _points(self, entry: int | list[int]) -> list[Point]:
        out: list[Point] = []
        chosen = sizes_and_clones(self.n, self.decrypt.clone)
        for (n, clone), strategy in product(chosen, self.decrypt.strategies):
            out += storage.points(
                [Cloning(n, clone, strategy)],
                [self._servers(entry, n, clone)],
                self.loss,
                self.idle_microseconds,
                self.spent_on,
                self.estimator,
                self.read,
            )
        return out

    def _servers(self, entry: int | list[int], n: int, clone: int) -> tuple[int, ...]:
        if isinstance(entry, list):
            return tuple(entry)
        free = [server for server in range(1, n + 1) if server not in (clone, self.spent_on)]
        if not 0 <= entry <= len(free):
            raise ValueError(
                f"lost = {entry}: of n = {n} servers at most {len(free)} can be lost, since what "
                "is decrypted must survive"
            )
        return tuple(free[len(free) - entry :])

    def problems(self) -> Problems:
        """What is well-formed but is no experiment."""
        signals = list(signal_problems(self.n, self.decrypt.clone))
        yield from signals
        if not signals:
            yield from value_problems(("lost",), self.lost, self._points)

    def why_unchecked(self) -> str:
        """Why unused qubits can tell nothing of this experiment; empty if they can."""
        if self.spent_on is not None:
            return "a spent key returns no clone, so there is nothing to correct"
        return ""


_PAST = {"reset": "reset", "measure": "measured", "depolarize": "depolarized"}
_AGAINST_TIME = Axis("storage time (µs)", lambda row: row.idle_microseconds or 0.0)
_AGAINST_LOSSES = Axis("servers lost", lambda row: (row.lost or "").count("S"))


def _axis(rows: Sequence[ResultRow]) -> Axis:
    if any(row.spent_on is not None for row in rows):
        return AGAINST_N
    several_times = len({row.idle_microseconds for row in rows}) > 1
    return _AGAINST_TIME if several_times else _AGAINST_LOSSES


def _series(row: ResultRow) -> Sequence[str]:
    return (
        "" if row.loss in (None, "none") else f"servers {_PAST[str(row.loss)]}",
        "" if row.spent_on is None else f"key spent on S{row.spent_on}",
    )


KIND = ExperimentKind(
    StorageConfig,
    Wording(
        title="Backup on servers that are lost, and a key that works once",
        value="Fe",
        value_name="entanglement fidelity Fe",
        marks=FIDELITY_MARKS,
    ),
    axis=_axis,
    series=_series,
)

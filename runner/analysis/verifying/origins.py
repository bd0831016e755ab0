"""Where shots come from: circuits as planned, shots of these circuits, and their seeds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure
from backends.circuit_digest import circuit_digest
from runner.analysis.differences import Difference, mapping_differences
from runner.analysis.verifying.redrawing import Redrawing
from runner.errors import DamagedFile, printable
from runner.identity import derived_seed
from runner.run_folder.archive import MISSING, ArchivedRun, counts_path, read_origin
from runner.run_folder.files import PLANNED, lists_provenance, read_planned


class Origins:
    """The origins of the shots of a run.

    Args:
        run: the run.
        redraw: whether shots of a simulator are drawn again from their seeds.
    """

    def __init__(self, run: ArchivedRun, *, redraw: bool) -> None:
        self._run = run
        self._redrawing = Redrawing(run, wanted=redraw)
        self._unread: list[Difference] = []

    @property
    def drawn(self) -> int:
        """Number of circuits whose shots were drawn again."""
        return self._redrawing.drawn

    def compare(
        self,
        name: str,
        stem: str,
        circuit: QuantumCircuit,
        identity: str,
        shots: BitArray | CircuitFailure | None,
    ) -> Iterator[Difference]:
        """What was planned of a circuit, and what its shots are of.

        Args:
            name: of the circuit.
            stem: of its program.
            circuit: as it lies in the folder.
            identity: as it follows from the configuration.
            shots: its outcomes, if there are any.
        """
        seed = derived_seed(self._run.config.seed, identity)
        counted = shots if isinstance(shots, BitArray) else None
        if lists_provenance(self._run.provenance):
            digest = circuit_digest(circuit)
            wanted = {
                **{"name": name, "circuit": stem, "circuit_sha256": digest},
                **{"identity": identity, "shots": self._run.config.shots, "seed": str(seed)},
            }
            planned = self._planned.pop(name, None)
            if planned is not None:
                yield from mapping_differences(name, PLANNED, planned, wanted)
            elif not self._unread:
                yield Difference(name, PLANNED, MISSING, "an entry")
            if counted is not None:
                origin = read_origin(self._run.folder, name)
                told = "no circuit" if origin is None else f"{origin.name} {origin.circuit_sha256}"
                if told != f"{name} {digest}":
                    yield Difference("circuit", counts_path(name), told, f"{name} {digest}")
        if counted is not None:
            try:
                same = self._redrawing.compare(name, circuit, counted, seed)
            except Exception as error:
                # An edited circuit may make a simulator stumble in any way.
                text = printable(f"cannot be drawn again: {type(error).__name__}: {error}")
                yield Difference("shots", counts_path(name), text, "those that the seed draws")
                return
            if not same and self._redrawing.made_alike:
                yield Difference("shots", counts_path(name), "others", "those that the seed draws")

    def left_over(self) -> Iterator[Difference]:
        """Planned circuits that the configuration does not ask for; after all comparisons."""
        for name in self._planned:
            yield Difference(name, PLANNED, "is there", "no circuit of the configuration")
        yield from self._unread

    def remarks(self) -> list[str]:
        """What could not be judged."""
        unlike = self._redrawing.unlike
        if not unlike or self._redrawing.made_alike:
            return []
        return [
            f"the shots of {unlike} of {self.drawn} circuits are not those that this version draws "
            "from their seeds on this machine; only the version that made the run, on the same "
            "kind of processor, must draw them"
        ]

    @cached_property
    def _planned(self) -> dict[str, dict[str, Any]]:
        """Name → what was planned; an entry is taken out when it is compared."""
        if not lists_provenance(self._run.provenance):
            return {}
        try:
            entries = read_planned(self._run.folder)
        except DamagedFile as error:
            self._unread.append(Difference("file", PLANNED, error.problem, "planned circuits"))
            return {}
        if entries is None:
            self._unread.append(Difference("file", PLANNED, MISSING, "the planned circuits"))
        return {str(one["name"]): one for one in entries or ()}

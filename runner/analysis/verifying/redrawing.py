"""Shots of a simulator drawn again from their seeds."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import Job, Request
from backends.providers.registry import open_adapter
from runner.planning.points import stored_options
from runner.run_folder.archive import ArchivedRun
from runner.run_folder.files import maker

if TYPE_CHECKING:
    from backends.adapter import Adapter

_OF_THE_PROGRAM = ("enclone", "git_commit", "machine")
_ALWAYS = ("qiskit", "stim", "numpy")
"""What decides the shots of every simulator, beside the packages of its own."""


class Redrawing:
    """The simulator of a run, if it is one that draws equal shots from equal seeds.

    Args:
        run: the run.
        wanted: whether shots are to be drawn again.

    Attributes:
        drawn: number of circuits that were drawn again.
        unlike: number of those whose shots are others.
    """

    def __init__(self, run: ArchivedRun, *, wanted: bool) -> None:
        self.drawn = 0
        self.unlike = 0
        self._run = run
        self._wanted = wanted and run.config.backend.record.redraws

    def compare(self, name: str, circuit: QuantumCircuit, shots: BitArray, seed: int) -> bool:
        """Whether a circuit has the shots that its seed draws; True where none can be drawn."""
        if not self._wanted:
            return True
        request = Request(circuit, shots.num_shots, seed)
        job = self._adapter.submit(Job(f"verify-{name}", "", (request,)))
        (found,) = self._adapter.results(job)
        self.drawn += 1
        same = isinstance(found, BitArray) and np.array_equal(found.array, shots.array)
        self.unlike += not same
        return same

    @cached_property
    def made_alike(self) -> bool:
        """Whether this program would draw what that of the run drew."""
        now = maker(packages := self._run.config.backend.record.packages)
        then = self._run.provenance
        return all(then.get(key) == now[key] for key in ("enclone", "git_commit", "machine")) and (
            all(
                then["packages"].get(name) == now["packages"][name]
                for name in (*_ALWAYS, *packages)
            )
        )

    @cached_property
    def _adapter(self) -> Adapter:
        run = self._run
        backend = run.config.backend
        options = stored_options(run.config, run.run_id, run.folder.parent)
        return open_adapter(backend.provider, run.snapshot or backend.device, options)

"""A circuit followed from one barrier to the next: what its qubits do to each other.

The same code follows the logical and the compiled circuit, and notes for each stage what
has to agree: which symbols meet, what every readout shows, which qubits are reset, and how long
each one waits before anything is done with it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from backends.compiling.certificate.pullback import Pauli, Pullback, is_relocation
from experiments.stabilizer.clifford import NotClifford, Step


class Meeting(NamedTuple):
    """Gates on one pair of sites, uninterrupted, both of which hold symbols.

    Attributes:
        symbols: the symbols that both sites held before.
        gates: names and sites of the gates.
        sites: the pair.
    """

    symbols: int
    gates: list[tuple[str, tuple[int, ...]]]
    sites: tuple[int, int]

    @property
    def relocates(self) -> bool:
        """Whether the two sites only exchange what they hold."""
        return is_relocation(self.gates, self.sites)


@dataclass
class Stage:
    """What happened in a stage.

    Attributes:
        meetings: runs of gates that bring symbols together.
        conditions: symbols behind the bits of each conditional gate, and those of its qubit.
        read: classical bit → what its outcome shows of the symbols at the beginning of the stage.
        reset: how often each qubit was reset.
        lost: whether something other than one whole qubit or a spare was reset.
        waits: seconds that each qubit waited before anything but single-qubit gates and moves.
        seconds: seconds of all delays.
    """

    meetings: list[Meeting] = field(default_factory=list)
    conditions: list[int] = field(default_factory=list)
    read: dict[int, Pauli] = field(default_factory=dict)
    reset: Counter[int] = field(default_factory=Counter)
    lost: bool = False
    waits: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    seconds: float = 0.0

    @property
    def met(self) -> list[int]:
        """The symbols of every meeting, as bit masks."""
        return [*(one.symbols for one in self.meetings), *self.conditions]


@dataclass(frozen=True)
class Numbering:
    """Which input of a :class:`Pullback` means what.

    Attributes:
        qubits: number of logical qubits; input q is what qubit q held when its stage began.
        bits: number of classical bits.
    """

    qubits: int
    bits: int

    def after_reset(self, qubit: int) -> int:
        """The input that stands for a qubit that was reset: a spare."""
        return self.qubits + qubit

    @property
    def resets(self) -> int:
        """All inputs that stand for qubits that were reset, as a bit mask."""
        return ((1 << self.qubits) - 1) << self.qubits

    def record(self, bit: int) -> int:
        """The input that stands for an outcome of an earlier stage."""
        return 2 * self.qubits + bit

    @property
    def reserved(self) -> int:
        """Number of inputs with a meaning."""
        return 2 * self.qubits + self.bits


def record_site(bit: int) -> int:
    """The site that holds a classical bit."""
    return ~bit


class Follower:
    """Follows a circuit on numbered sites; qubits that were not opened are spares in state 0.

    Args:
        numbering: the meaning of inputs, the same for circuits that are compared.

    Attributes:
        pullback: the images of all sites.
        stage: what happened so far in this stage.
    """

    def __init__(self, numbering: Numbering) -> None:
        self.pullback = Pullback(numbering.reserved)
        self.stage = Stage()
        self._numbering = numbering
        self._written: set[int] = set()
        self._run_of: dict[int, _Run] = {}

    def next_stage(self, places: Mapping[int, int]) -> Follower:
        """Another follower that goes on with the next stage, in which qubits are symbols anew.

        What else is left of earlier symbols is unknown from there on.

        Args:
            places: logical qubit → site.
        """
        other = Follower(self._numbering)
        other._written = set(self._written)
        other.pullback = self.pullback.copy()
        kept = set(places.values())
        for site in self.pullback.sites():
            if site < 0:
                other.pullback.open(site, self._numbering.record(~site))
            elif site not in kept and self.pullback.depends(site, self._numbering.resets):
                other.pullback.open(site)
        other.open(places)
        return other

    def open(self, places: Mapping[int, int]) -> None:
        """Let qubits be symbols from now on, within a stage."""
        for qubit, site in places.items():
            self.pullback.open(site, qubit)

    def follow(self, operations: Iterable[Step]) -> None:
        """Follow steps.

        Raises:
            NotClifford: for what the stabilizer formalism cannot follow.
        """
        for step in operations:
            name = step.name
            if name == "barrier":
                continue
            if name == "delay":
                self._wait(step)
            elif name == "measure":
                self._measure(step)
            elif name == "reset":
                self._reset(step.qubits[0])
            elif step.condition:
                self._conditional(step)
            else:
                self._gate(step.clifford_name, step.qubits)

    def settle(self) -> None:
        """Close all runs of gates on pairs."""
        for run in list(self._run_of.values()):
            self._close(run)

    def _gate(self, name: str, sites: tuple[int, ...]) -> None:
        if len(sites) == 2:
            first, second = sites
            run = self._run_of.get(first)
            if run is None or run is not self._run_of.get(second):
                self.interrupt(sites)
                run = _Run((first, second), self.pullback.held(first), self.pullback.held(second))
                self._run_of[first] = self._run_of[second] = run
            run.gates.append((name, sites))
        elif sites[0] in self._run_of:
            self._run_of[sites[0]].gates.append((name, sites))
        self.pullback.gate(name, sites)

    def interrupt(self, sites: Iterable[int]) -> None:
        """Close the runs of gates on pairs that some sites belong to."""
        for site in sites:
            if site in self._run_of:
                self._close(self._run_of[site])

    def _close(self, run: _Run) -> None:
        for site in run.sites:
            self._run_of.pop(site, None)
        if run.first and run.second:
            self.stage.meetings.append(Meeting(run.first | run.second, run.gates, run.sites))
        for site in run.sites:
            self.pullback.release(site)

    def _wait(self, step: Step) -> None:
        for site in step.qubits:
            qubit = self.pullback.holds_alone(site)
            self.stage.seconds += step.seconds
            if qubit is not None:
                self.stage.waits[qubit] += step.seconds

    def _measure(self, step: Step) -> None:
        self.interrupt(step.qubits)
        (site,), (bit,) = step.qubits, step.clbits
        if bit in self._written:
            raise NotClifford(
                f"classical bit {bit} is written twice, which a deferred measurement cannot "
                "follow; measure into another bit"
            )
        self._written.add(bit)
        self.stage.read[bit] = self.pullback.image({site: "Z"})
        self.pullback.fresh(record_site(bit))
        self.pullback.gate("cx", (site, record_site(bit)))

    def _reset(self, site: int) -> None:
        self.interrupt((site,))
        held = self.pullback.held(site)
        qubit = self.pullback.holds_alone(site)
        if qubit is not None and qubit < self._numbering.qubits:
            self.stage.reset[qubit] += 1
            self.pullback.fresh(site, self._numbering.after_reset(qubit))
            return
        self.stage.lost |= bool(held)
        self.pullback.fresh(site)

    def _conditional(self, step: Step) -> None:
        self.interrupt(step.qubits)
        if step.name == "id":
            return
        (site,) = step.qubits
        for bit in step.condition:
            if bit not in self._written:
                continue  # never measured: it is 0
            record = record_site(bit)
            held = self.pullback.held(record), self.pullback.held(site)
            if all(held):
                self.stage.conditions.append(held[0] | held[1])
            self.pullback.gate("c" + step.name, (record, site))
        if step.condition_value == 0:
            self.pullback.gate(step.name, (site,))


@dataclass
class _Run:
    """Gates on one pair of sites that nothing has interrupted yet, and what both held before."""

    sites: tuple[int, int]
    first: int
    second: int
    gates: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

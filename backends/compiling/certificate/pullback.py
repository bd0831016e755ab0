"""Clifford circuits in the Heisenberg picture: what each site shows of the inputs.

A :class:`Pullback` holds, for every site, the operators X and Z of that site at the present moment
as Pauli strings on the inputs of the circuit. An input is a *symbol*, a qubit in any state, or a
*spare*, a qubit that starts in state 0. A circuit acts as a given channel on its symbols exactly if
these images are the given ones, up to Z on spares. Followed this way a gate costs a few operations
on integers, whatever the size of the circuit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import stim

from experiments.stabilizer.clifford import STIM_NAMES

_ECHOED_CROSS_RESONANCE = "S 0\nSQRT_X 1\nCX 0 1\nX 0"
"""Qiskit's ``ecr`` in stim's gates, up to a phase."""


class Pauli(NamedTuple):
    """The operator i^phase X^x Z^z.

    Attributes:
        x: inputs on which X acts, input k being ``1 << k``.
        z: inputs on which Z acts.
        phase: powers of i, modulo 4.
    """

    x: int
    z: int
    phase: int = 0

    @property
    def support(self) -> int:
        """The inputs on which it acts."""
        return self.x | self.z

    @property
    def negative(self) -> Pauli:
        """The same with the other sign."""
        return self._replace(phase=self.phase ^ 2)


IDENTITY = Pauli(0, 0)


def product(factors: Iterable[Pauli], phase: int = 0) -> Pauli:
    """The product of Pauli strings in order, times i^phase."""
    x = z = 0
    for factor in factors:
        phase += factor.phase + 2 * (z & factor.x).bit_count()
        x ^= factor.x
        z ^= factor.z
    return Pauli(x, z, phase & 3)


_Word = tuple[tuple[int, ...], int]
"""Which rows are multiplied, and a phase: row 2k is X of the k-th site, row 2k + 1 its Z."""


@cache
def _words(name: str) -> tuple[_Word, ...]:
    """What X and Z after a gate are before it."""
    if name == "ecr":
        gate = stim.Circuit(_ECHOED_CROSS_RESONANCE).to_tableau()
    else:
        gate = stim.Tableau.from_named_gate(STIM_NAMES[name])
    before = gate.inverse()
    rows = [f(k) for k in range(len(before)) for f in (before.x_output, before.z_output)]
    return tuple(_word(row) for row in rows)


def _word(pauli: stim.PauliString) -> _Word:
    factors: list[int] = []
    phase = 0 if pauli.sign.real > 0 else 2
    for k in range(len(pauli)):
        if pauli[k] in (1, 2):
            factors.append(2 * k)
        if pauli[k] in (2, 3):
            factors.append(2 * k + 1)
        phase += pauli[k] == 2  # Y = iXZ
    return tuple(factors), phase


class Pullback:
    """The images of all sites; a site that was never mentioned is a spare.

    Args:
        reserved: inputs 0 … reserved - 1 have meanings of their own and are handed out by
            :meth:`open` and :meth:`fresh` only.

    Attributes:
        symbols: the inputs that are symbols.
    """

    def __init__(self, reserved: int) -> None:
        self.symbols = 0
        self._next = reserved
        self._rows: dict[int, tuple[Pauli, Pauli]] = {}

    def rows(self, site: int) -> tuple[Pauli, Pauli]:
        """The images of X and Z of a site."""
        found = self._rows.get(site)
        if found is None:
            self.fresh(site)
            found = self._rows[site]
        return found

    @property
    def inputs(self) -> int:
        """Number of inputs so far."""
        return self._next

    def copy(self) -> Pullback:
        """One that goes on by itself."""
        other = Pullback(self._next)
        other.symbols, other._rows = self.symbols, dict(self._rows)
        return other

    def sites(self) -> tuple[int, ...]:
        """All sites that were mentioned."""
        return tuple(self._rows)

    def open(self, site: int, symbol: int | None = None) -> None:
        """Let a site hold a symbol from now on; None makes a new one, which nothing equals."""
        mine = 1 << self._new() if symbol is None else 1 << symbol
        self.symbols |= mine
        self._rows[site] = Pauli(mine, 0), Pauli(0, mine)

    def fresh(self, site: int, spare: int | None = None) -> None:
        """Let a site be in state 0 from now on."""
        mine = 1 << (self._new() if spare is None else spare)
        self._rows[site] = Pauli(mine, 0), Pauli(0, mine)

    def _new(self) -> int:
        self._next += 1
        return self._next - 1

    def gate(self, name: str, sites: Sequence[int]) -> None:
        """Append a Clifford gate by Qiskit's name."""
        if name == "id":
            return
        old = [row for site in sites for row in self.rows(site)]
        new = [product([old[k] for k in word], phase) for word, phase in _words(name)]
        for k, site in enumerate(sites):
            self._rows[site] = new[2 * k], new[2 * k + 1]

    def image(self, letters: Mapping[int, str]) -> Pauli:
        """What a Pauli string on sites shows of the inputs: Z on spares is worth 1."""
        factors: list[Pauli] = []
        phase = 0
        for site, letter in letters.items():
            x, z = self.rows(site)
            factors += {"X": (x,), "Y": (x, z), "Z": (z,)}[letter]
            phase += letter == "Y"
        return self.reduced(product(factors, phase))

    def reduced(self, pauli: Pauli) -> Pauli:
        """A string on the inputs without the Z on spares that has no effect there.

        What flips a spare has the mean 0, whatever the symbols; then only its X tell what it is.
        """
        if pauli.x & ~self.symbols:
            return Pauli(pauli.x, pauli.z & self.symbols)
        return Pauli(pauli.x, pauli.z & self.symbols, pauli.phase)

    def held(self, site: int) -> int:
        """The symbols that the operators of a site depend on; 0 if it is pure."""
        x, z = self.rows(site)
        return (x.support | z.support) & self.symbols

    def depends(self, site: int, inputs: int) -> bool:
        """Whether a site depends on symbols, or on any of the given inputs (a bit mask)."""
        x, z = self.rows(site)
        return bool((x.support | z.support) & (self.symbols | inputs))

    def holds_alone(self, site: int) -> int | None:
        """The only symbol of a site that holds it wholly, turned by a Clifford gate or not."""
        x, z = (self.reduced(row) for row in self.rows(site))
        mine = x.support
        if mine == z.support and mine.bit_count() == 1 and mine & self.symbols and x[:2] != z[:2]:
            return mine.bit_length() - 1
        return None

    def holds_as_is(self, site: int, symbol: int) -> bool:
        """Whether a site holds a symbol just as it was opened."""
        mine = 1 << symbol
        return tuple(map(self.reduced, self.rows(site))) == (Pauli(mine, 0), Pauli(0, mine))

    def release(self, site: int) -> None:
        """Make a site a spare if it is in a pure state of its own."""
        x, z = self.rows(site)
        if not (x.support | z.support) & self.symbols:
            return
        for letter, row in (("Z", z), ("X", x), ("Y", product((x, z), 1))):
            if row.x == 0 and row.z & self.symbols == 0:
                self.fresh(site)
                spare_x, spare_z = self._rows[site]
                known = Pauli(spare_z.x, spare_z.z, row.phase)
                if letter == "Z":
                    self._rows[site] = spare_x, known
                elif letter == "X":
                    self._rows[site] = known, spare_x
                else:
                    # iXZ has to be the known operator.
                    self._rows[site] = product((known, spare_x), 3), spare_x
                return


def is_relocation(gates: Iterable[tuple[str, tuple[int, ...]]], sites: tuple[int, int]) -> bool:
    """Whether gates on two sites exchange what these hold, up to single-qubit gates."""
    own = Pullback(2)
    for k, site in enumerate(sites):
        own.open(site, k)
    for name, on in gates:
        own.gate(name, on)
    first, second = sites
    return (own.held(first), own.held(second)) == (0b10, 0b01)

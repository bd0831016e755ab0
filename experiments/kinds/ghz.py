"""Experiment 4: every qubit of a GHZ state is cloned, one clone of each comes back.

r qubits A_1 … A_r in (|0…0> + |1…1>)/√2; each is encrypted in a group of its own, one clone of
each group is decrypted, and the fidelity of the r clones with the GHZ state is measured
(arXiv:2602.10695, Fig. 3). Populations alone would pass a classical mixture of |0…0> and |1…1>
with fidelity 1/2 at most; F > 1/2 needs coherences and witnesses genuine r-partite entanglement.

- ``parity``: parity oscillations, r+1 settings (Methods of the paper).
- ``stabilizers``: direct fidelity estimation (Flammia & Liu, PRL 106, 230501): populations from
  one setting, coherences from stabilizers with X or Y on every qubit, all of them or a random
  choice. Pauli bases only, so it works with ``frame`` for every r.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Literal, get_args

import numpy as np
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister, Qubit

from experiments import published
from experiments.gates import Clones, DecryptGate, EncryptGate, require_clone, sizes_and_clones
from experiments.point import Point
from experiments.protocol import (
    NO_FRAME,
    TO_Z,
    PauliFrame,
    Strategy,
    append_feedforward,
    append_gates,
    diagonalize_key,
    find_pauli_frame,
    measure_key,
)
from experiments.settings import Check, Setting
from experiments.statistics.estimators import (
    SINGLE_QUBIT,
    LinearEstimator,
    parity_oscillations,
    sampled_stabilizers,
)

KIND = "ghz"
WITNESS_THRESHOLD = 0.5
LARGEST_R = 22
"""Exact predictions look at all 2^r stabilizers."""
DEFAULT_STABILIZERS = 32

GhzEstimator = Literal["parity", "stabilizers"]
GHZ_ESTIMATORS: tuple[GhzEstimator, ...] = get_args(GhzEstimator)


@dataclass(frozen=True)
class GhzPoint(Point):
    """One point of the sweep.

    >>> GhzPoint(r=3, n=2).num_qubits
    15

    Attributes:
        r: qubits of the GHZ state.
        n: signal qubits of each group.
        clone: the clone of each group that comes back.
        strategy: how it is decrypted; ``frame`` with ``parity`` needs r <= 2.
        estimator: ``parity`` or ``stabilizers``.
        stabilizers: most settings of ``stabilizers`` beside the populations.
        draw: seed of the choice of stabilizers.
    """

    r: int
    n: int = 2
    clone: int = 1
    strategy: Strategy = "unitary"
    estimator: GhzEstimator = "parity"
    stabilizers: int = DEFAULT_STABILIZERS
    draw: int = 0

    @property
    def witness_threshold(self) -> float | None:
        """F of the best biseparable state; one qubit has nothing to be entangled with."""
        return WITNESS_THRESHOLD if self.r > 1 else None

    def __post_init__(self) -> None:
        require_clone(self.n, self.clone)
        if not 1 <= self.r <= LARGEST_R:
            raise ValueError(
                f"r = {self.r}: a GHZ state has 1 to {LARGEST_R} qubits here, because an exact "
                "prediction looks at all 2^r of its stabilizers"
            )
        if self.strategy == "witness":
            raise ValueError(
                "strategy 'witness' decrypts nothing, so there is no GHZ state of clones; choose "
                "'unitary', 'feedforward' or 'frame'"
            )
        if self.strategy == "frame" and self.estimator == "parity" and self.r > 2:
            raise ValueError(
                f"r = {self.r}: with strategy 'frame' parity oscillations of more than 2 qubits "
                "cannot be corrected in software, since a Pauli turns one of their bases into "
                "one that is not measured; use estimator 'stabilizers'"
            )

    @property
    def parameters(self) -> dict[str, int | str]:
        """What defines the point, under the names of a result row."""
        return {
            "experiment": KIND,
            "n": self.n,
            "r": self.r,
            "clone": self.clone,
            "strategy": self.strategy,
            "estimator": self.estimator,
        }

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``r03-n02-clone1-unitary-parity``."""
        return f"r{self.r:02d}-n{self.n:02d}-clone{self.clone}-{self.strategy}-{self.estimator}"

    @property
    def num_qubits(self) -> int:
        """2n+1 qubits for each of the r groups."""
        return self.r * (2 * self.n + 1)

    @property
    def noise_floor(self) -> float:
        """Fidelity of the maximally mixed state."""
        return 0.5**self.r

    def decrypted_by(self, strategy: Strategy) -> GhzPoint:
        """The same point with its clones decrypted in another way.

        Raises:
            ValueError: if there is no such experiment.
        """
        return replace(self, strategy=strategy)

    @property
    def linear_estimator(self) -> LinearEstimator:
        """How the settings' success probabilities make up F."""
        if self.r == 1:
            return SINGLE_QUBIT
        if self.estimator == "parity":
            return parity_oscillations(self.r)
        chosen = self._chosen()
        return sampled_stabilizers(len(chosen), whole=len(chosen) == 2 ** (self.r - 1))

    def settings(self) -> tuple[Setting, ...]:
        """The circuits to run, in the order of the estimator's weights."""
        if self.r == 1:
            return (self._pauli_setting("X"),)
        if self.estimator == "parity":
            turned = tuple(self._turned_setting(k) for k in range(1, self.r + 1))
            return (self._populations(), *turned)
        return (
            self._populations(),
            *(self._pauli_setting(s, f"s{k:03d}-{s}") for k, s in enumerate(self._chosen())),
        )

    def published(self) -> published.Published | None:
        """The printed value of this point, if there is one."""
        if (self.n, self.strategy, self.estimator) != (2, "unitary", "parity") or self.clone == 0:
            return None
        return published.ghz(self.r)

    def _chosen(self) -> tuple[str, ...]:
        """Letters of the stabilizers that hold X or Y on every qubit: an even number of Y."""
        if 2 ** (self.r - 1) <= self.stabilizers:
            return tuple(
                "".join(letters)
                for letters in product("XY", repeat=self.r)
                if letters.count("Y") % 2 == 0
            )
        odd = np.random.default_rng([self.draw, self.r]).integers(
            0, 2, size=(self.stabilizers, self.r - 1)
        )
        chosen = []
        for row in odd.tolist():
            letters = "".join("XY"[bit] for bit in row)
            chosen.append(letters + "XY"[sum(row) % 2])
        return tuple(chosen)

    def _populations(self) -> Setting:
        circuit, bits, frames = self._read("Z" * self.r)
        checks = []
        for other in range(1, self.r):
            mask, parity = 0, 0
            for k in (0, other):
                m, p = frames(k, "Z")
                mask, parity = mask ^ 1 << bits[k] ^ m, parity ^ p
            checks.append(Check.of_mask(mask, parity))
        return Setting("populations", circuit, tuple(checks))

    def _pauli_setting(self, letters: str, label: str = "") -> Setting:
        circuit, bits, frames = self._read(letters)
        # X…X stabilizes with sign +; each pair of X turned into Y brings a factor -1.
        mask, parity = 0, letters.count("Y") // 2 % 2
        for k, letter in enumerate(letters):
            m, p = frames(k, letter)
            mask, parity = mask ^ 1 << bits[k] ^ m, parity ^ p
        return Setting(label or letters, circuit, (Check.of_mask(mask, parity),))

    def _turned_setting(self, k: int) -> Setting:
        """M_k = ⊗(cos(kπ/r) X + sin(kπ/r) Y); success is the sign (-1)^k."""
        turns = 2 * k / self.r
        if turns.is_integer():
            # A multiple of π/2: the letters are Paulis, up to signs.
            letter, sign = (("X", 0), ("Y", 0), ("X", 1), ("Y", 1))[int(turns) % 4]
            circuit, bits, frames = self._read(letter * self.r)
            mask, parity = 0, (k + sign * self.r) % 2
            for index, bit in enumerate(bits):
                m, p = frames(index, letter)
                mask, parity = mask ^ 1 << bit ^ m, parity ^ p
            return Setting(f"k{k:02d}", circuit, (Check.of_mask(mask, parity),))
        done = _decrypted(self.r, self.n, self.clone, self.strategy)
        circuit = done.circuit.copy()
        register = ClassicalRegister(self.r, "c")
        circuit.add_register(register)
        for clone in done.clones:
            circuit.rz(-k * math.pi / self.r, clone)
            circuit.h(clone)
        circuit.measure(done.clones, register)
        bits = [circuit.find_bit(bit).index for bit in register]
        return Setting(f"k{k:02d}", circuit, (Check(tuple(sorted(bits)), k % 2),))

    def _read(self, letters: str) -> tuple[QuantumCircuit, list[int], _Frames]:
        """The clones read in Pauli bases; their bits, and what the key says of each."""
        done = _decrypted(self.r, self.n, self.clone, self.strategy)
        circuit = done.circuit.copy()
        register = ClassicalRegister(self.r, "c")
        circuit.add_register(register)
        for clone, letter in zip(done.clones, letters, strict=True):
            append_gates(circuit, TO_Z[letter], clone)
        circuit.measure(done.clones, register)
        keys = [measure_key(circuit, key, f"key{k}") for k, key in enumerate(done.keys)]
        offsets = [circuit.find_bit(key[0]).index for key in keys]
        return (
            circuit,
            [circuit.find_bit(bit).index for bit in register],
            _Frames(done.frame, tuple(offsets)),
        )


@dataclass(frozen=True)
class _Frames:
    """What the outcomes of each group's key do to the outcome of its clone."""

    frame: PauliFrame
    offsets: tuple[int, ...]

    def __call__(self, group: int, letter: str) -> tuple[int, int]:
        """Mask of key bits and constant parity for a Pauli of a group's clone."""
        if not self.offsets:
            return 0, 0
        mask = sum(1 << self.offsets[group] + i for i in self.frame.key[letter])
        return mask, self.frame.flip[letter]


@dataclass(frozen=True, eq=False)
class _Decrypted:
    """All groups decrypted: the clones, and the keys that are read with them."""

    circuit: QuantumCircuit
    clones: tuple[Qubit, ...]
    keys: tuple[tuple[Qubit, ...], ...]
    frame: PauliFrame


@cache
def _decrypted(r: int, n: int, clone: int, strategy: Strategy) -> _Decrypted:
    """Preparation, encryption and decryption of all groups, each closed by a barrier."""
    a = [QuantumRegister(1, f"A{k}") for k in range(r)]
    s = [QuantumRegister(n, f"S{k}") for k in range(r)]
    noise = [QuantumRegister(n, f"N{k}") for k in range(r)]
    circuit = QuantumCircuit(*(reg for group in zip(a, s, noise, strict=True) for reg in group))
    # From the middle outwards: half the depth of a chain.
    middle = r // 2
    circuit.h(a[middle][0])
    for k in range(middle, 0, -1):
        circuit.cx(a[k][0], a[k - 1][0])
    for k in range(middle, r - 1):
        circuit.cx(a[k][0], a[k + 1][0])
    for group in range(r):
        for signal, key in zip(s[group], noise[group], strict=True):
            circuit.h(signal)
            circuit.cx(signal, key)
    circuit.barrier(label="preparation")
    for group in range(r):
        circuit.append(EncryptGate(n), [a[group][0], *s[group]])
    circuit.barrier(label="encryption")
    clones = tuple(a[k][0] if clone == 0 else s[k][clone - 1] for k in range(r))
    frame, path = NO_FRAME, (clone,)
    for group, returned in enumerate(clones):
        if strategy == "unitary":
            circuit.append(DecryptGate(n, clone), [returned, *noise[group]])
            continue
        diagonalize_key(circuit, returned, list(noise[group]), n, path)
        frame = find_pauli_frame(n, path)
        if strategy == "feedforward":
            append_feedforward(circuit, returned, list(noise[group]), frame, name=f"outcome{group}")
    circuit.barrier(label="decryption")
    keys = tuple(tuple(key) for key in noise) if strategy == "frame" else ()
    return _Decrypted(circuit, clones, keys, frame if keys else NO_FRAME)


def points(
    r: Iterable[int],
    n: Iterable[int],
    clones: Clones,
    strategies: Iterable[Strategy],
    estimators: Iterable[GhzEstimator],
    stabilizers: int = DEFAULT_STABILIZERS,
    draw: int = 0,
) -> Sequence[GhzPoint]:
    """The sweep, in the order of its arguments (r slowest)."""
    return [
        GhzPoint(size, signals, clone, strategy, estimator, stabilizers, draw)
        for size, (signals, clone), strategy, estimator in product(
            tuple(r), sizes_and_clones(n, clones), tuple(strategies), tuple(estimators)
        )
    ]

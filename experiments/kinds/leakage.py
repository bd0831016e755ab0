"""Which coalitions of stored qubits learn what (Gianini et al., arXiv:2604.10155, 2605.27421).

R holds half of a Bell pair with the input, so what a set of qubits knows of the input is what it is
correlated with in R. The stabilizers that act only on R and the set say it exactly
(:func:`experiments.stabilizer.states.find_recovery_stabilizers`): no Pauli of R (nothing), one
(that component of the input), or all three (the input itself).

The measured version reads the set in the bases of its best observables. The value is the mean bias
<P_R ⊗ Q>, 1 if the set tells P with certainty and 0 if it tells nothing. Where the theory says
that the set learns nothing there is no best observable; then R and the set are read in Y, which is
what the partly leaking sets show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

from qiskit.circuit import ClassicalRegister, QuantumCircuit, Qubit

from experiments.gates import require_signals
from experiments.point import Point
from experiments.protocol import TO_Z, Cloning, append_gates, build_encryption, register
from experiments.settings import Check, Setting
from experiments.stabilizer.states import StabilizerState, find_recovery_stabilizers
from experiments.statistics.estimators import LinearEstimator

KIND = "leakage"

NOTHING, EVERYTHING = "nothing", "everything"

_NAME = re.compile(r"^(A|[SN][1-9][0-9]*)$")


@dataclass(frozen=True)
class Coalition:
    """A set of qubits that are held together.

    >>> from enclone import Coalition
    >>> Coalition(3, ("S1", "S2", "S3")).learns()
    'Y'

    Attributes:
        n: signal qubits of the protocol.
        names: ``A``, ``S1`` …, ``N1`` …, in this order.
    """

    n: int
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        require_signals(self.n)
        if not self.names:
            raise ValueError("a subset names no qubit; give some of A, S1, S2, …, N1, N2, …")
        for name in self.names:
            if not _NAME.match(name) or (name != "A" and int(name[1:]) > self.n):
                raise ValueError(
                    f"'{name}' names no qubit at n = {self.n}; qubits are A, S1 to S{self.n} and "
                    f"N1 to N{self.n}"
                )
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"subset {' '.join(self.names)}: name each qubit once")

    @classmethod
    def of(cls, n: int, text: str) -> Coalition:
        """From names separated by spaces or commas.

        >>> Coalition.of(3, "S1, S2 S3").names
        ('S1', 'S2', 'S3')
        """
        return cls(n, tuple(text.replace(",", " ").split()))

    @property
    def text(self) -> str:
        """The names, separated by spaces."""
        return " ".join(self.names)

    def strings(self) -> dict[str, dict[str, str]]:
        """Pauli of the input → qubit name → letter of the observable that shows it."""
        state, index = _encrypted_state(self.n)
        held = [index[name] for name in self.names]
        found = find_recovery_stabilizers(state, index["R"], held)
        return {
            pauli: {name: "IXYZ"[string[index[name]]] for name in self.names}
            for pauli, string in found.items()
        }

    def learns(self) -> str:
        """``nothing``, one Pauli component, or ``everything``.

        >>> [Coalition.of(3, s).learns() for s in ("S1 S2", "S1 S2 S3", "S1 N1 S2 S3")]
        ['nothing', 'Y', 'everything']
        """
        found = self.strings()
        if len(found) == 1:
            return next(iter(found))
        return EVERYTHING if found else NOTHING


def coalitions(n: int, *, with_input: bool = True) -> Iterator[Coalition]:
    """Every set of at least one stored qubit, small sets first.

    Args:
        n: signal qubits.
        with_input: whether A may be in it.
    """
    names = [
        *(["A"] if with_input else []),
        *(f"S{i}" for i in range(1, n + 1)),
        *(f"N{i}" for i in range(1, n + 1)),
    ]
    for size in range(1, len(names) + 1):
        for chosen in combinations(names, size):
            yield Coalition(n, chosen)


@cache
def _encrypted_state(n: int) -> tuple[StabilizerState, dict[str, int]]:
    circuit = build_encryption(Cloning(n))
    names = ["R", "A", *(f"S{i + 1}" for i in range(n)), *(f"N{i + 1}" for i in range(n))]
    return StabilizerState.of_circuit(circuit), {name: k for k, name in enumerate(names)}


@dataclass(frozen=True)
class LeakagePoint(Point):
    """One point of the sweep.

    >>> import enclone
    >>> point = enclone.LeakagePoint(enclone.Coalition.of(3, "S1 S2 S3"))
    >>> enclone.sample(enclone.compile_point(point, "ideal"), shots=100, seed=7).value
    1.0

    Attributes:
        coalition: n and the set that is read.
    """

    coalition: Coalition

    noise_floor = 0.0
    witness_threshold = 0.0
    # Among many sets that tell nothing, some seem to tell something.
    tested_together = True

    @property
    def parameters(self) -> dict[str, int | str]:
        """What defines the point, under the names of a result row."""
        return {
            "experiment": KIND,
            "n": self.coalition.n,
            "clone": 1,
            "strategy": "none",
            "estimator": "parity",
            "subset": self.coalition.text,
            "learns": self.coalition.learns(),
        }

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n03-S1.S2.S3``."""
        return f"n{self.coalition.n:02d}-{'.'.join(self.coalition.names)}"

    @property
    def num_qubits(self) -> int:
        """R, A, n signals and n noise qubits."""
        return 2 * self.coalition.n + 2

    @property
    def linear_estimator(self) -> LinearEstimator:
        """Mean over the observables of 2 p - 1."""
        number = len(self._observables())
        return LinearEstimator(-1.0, (2.0 / number,) * number, -1.0, 1.0)

    def settings(self) -> tuple[Setting, ...]:
        """One for each component that the set learns; one if it learns nothing."""
        return tuple(self._setting(pauli, letters) for pauli, letters in self._observables())

    def _observables(self) -> list[tuple[str, dict[str, str]]]:
        found = self.coalition.strings()
        return list(found.items()) or [("Y", dict.fromkeys(self.coalition.names, "Y"))]

    def _setting(self, pauli: str, letters: dict[str, str]) -> Setting:
        circuit = build_encryption(Cloning(self.coalition.n))
        qubits: list[tuple[Qubit, str]] = [(register(circuit, "R")[0], pauli)]
        qubits += [(_qubit(circuit, name), letter) for name, letter in letters.items()]
        read = [(qubit, letter) for qubit, letter in qubits if letter != "I"]
        bits = ClassicalRegister(len(read), "m")
        circuit.add_register(bits)
        for bit, (qubit, letter) in zip(bits, read, strict=True):
            append_gates(circuit, TO_Z[letter], qubit)
            circuit.measure(qubit, bit)
        every = tuple(range(len(read)))
        right = Setting(pauli, circuit, (Check(every, 0),))
        if right.ideal_success() == 0.0:
            return Setting(pauli, circuit, (Check(every, 1),))
        return right


def _qubit(circuit: QuantumCircuit, name: str) -> Qubit:
    return register(circuit, name[0])[int(name[1:] or 1) - 1]


def points(n: Iterable[int], subsets: Iterable[str]) -> Sequence[LeakagePoint]:
    """The sweep, in the order of its arguments (n slowest)."""
    return [
        LeakagePoint(Coalition.of(size, subset))
        for size, subset in product(tuple(n), tuple(subsets))
    ]

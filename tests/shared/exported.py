"""Reading exported OpenQASM 3 and running it, with nothing of this project.

Two simulators: dense state vectors for small circuits, stim's tableaus for large ones.
"""

import itertools
import math
import re

import numpy as np
import stim

_ANGLE = re.compile(r"^(-?)(?:(\d+)\*)?pi(?:/(\d+))?$")
_LINE = re.compile(
    r"^(?:(?P<target>\w+\[\d+\]) = )?(?P<name>\w+)(?:\((?P<angle>.*)\))? (?P<on>.+);$"
)
_BIT = re.compile(r"^bit\[(\d+)\] (\w+);$")
_ENTANGLING = {"cz", "cx"}
_DENSE = 18
"""Most qubits of a state vector."""
_ZERO = 1e-12


def angle_of(text):
    """The angle of a rotation in radians."""
    if text == "0":
        return 0.0
    if match := _ANGLE.match(text):
        sign, times, part = match.groups()
        return (-1 if sign else 1) * int(times or 1) * math.pi / int(part or 1)
    return float(text)


class Program:
    """An exported circuit: (name, qubits, angle, bit) in order, qubits renumbered from 0."""

    def __init__(self, text):
        self.operations = []
        offsets, bits = {}, 0
        number = {}
        for line in filter(None, text.splitlines()):
            if line.startswith(("OPENQASM", "include", "qubit")):
                continue
            if match := _BIT.match(line):
                offsets[match[2]] = bits
                bits += int(match[1])
                continue
            match = _LINE.match(line)
            assert match, line
            on = tuple(
                number.setdefault(int(q), len(number))
                for q in re.findall(r"(?:q\[|\$)(\d+)", match["on"])
            )
            bit = None
            if match["target"]:
                register, index = match["target"].rstrip("]").split("[")
                bit = offsets[register] + int(index)
            angle = angle_of(match["angle"]) if match["angle"] else 0.0
            self.operations.append((match["name"], on, angle, bit))
        self.num_qubits = len(number)

    def stages(self, size):
        """Positions of the barriers on ``size`` qubits."""
        return [k for k, o in enumerate(self.operations) if o[0] == "barrier" and len(o[1]) == size]

    def entangled_between(self, start, end):
        """Qubits of entangling gates in [start, end)."""
        return {q for o in self.operations[start:end] if o[0] in _ENTANGLING for q in o[1]}

    def tableau(self, end):
        """The state after the first operations, as a stim simulator."""
        return _run(self.operations[:end], self.num_qubits)

    def dense(self, end):
        """The state after the first operations, shape (2,) * qubits."""
        state = np.zeros((2,) * self.num_qubits, dtype=complex)
        state[(0,) * self.num_qubits] = 1
        for name, on, angle, _ in self.operations[:end]:
            if name in ("barrier", "measure"):
                continue
            if name in _ENTANGLING:
                index = [slice(None)] * self.num_qubits
                index[on[0]] = 1
                part = state[tuple(index)]
                if name == "cz":
                    second = on[1] - (on[1] > on[0])
                    sub = [slice(None)] * (self.num_qubits - 1)
                    sub[second] = 1
                    part[tuple(sub)] *= -1
                else:
                    state[tuple(index)] = np.flip(part, on[1] - (on[1] > on[0]))
                continue
            matrix = {
                "rz": np.diag([np.exp(-0.5j * angle), np.exp(0.5j * angle)]),
                "sx": np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2,
                "x": np.array([[0, 1], [1, 0]]),
            }[name]
            state = np.moveaxis(np.tensordot(matrix, state, axes=(1, on[0])), 0, on[0])
        return state

    def is_hidden(self, position):
        """Whether the first qubit of a barrier shows nothing of any other one alone there.

        That is so for R once its input is encrypted, and for a qubit of a GHZ state.
        """
        first, *others = self.operations[position][1]
        state = self.tableau(position)
        for other in others:
            for a, b in itertools.product("XYZ", repeat=2):
                string = stim.PauliString(self.num_qubits)
                string[first], string[other] = a, b
                if state.peek_observable_expectation(string):
                    return False
        return True

    def read(self):
        """Classical bit → qubit."""
        return {o[3]: o[1][0] for o in self.operations if o[0] == "measure"}

    def mean(self, bits):
        """Mean of (-1)^(sum of some classical bits), and how it was found.

        A qubit that was measured is left alone afterwards, so that all readouts can be taken at
        the end.
        """
        for k, (name, on, _, _) in enumerate(self.operations):
            if name == "measure":
                later = self.operations[k + 1 :]
                assert not any(on[0] in o[1] for o in later if o[0] != "barrier"), "read twice"
        if self.num_qubits <= _DENSE:
            qubit_of = self.read()
            qubits = [qubit_of[bit] for bit in bits]
            return parity_mean(self.dense(len(self.operations)), qubits), "dense"
        return self.mean_by_tableau(bits), "tableau"

    def mean_by_tableau(self, bits):
        """Readouts may be turned by any angle: each is a sum of Paulis before its last gates."""
        qubit_of = self.read()
        qubits = [qubit_of[bit] for bit in bits]
        axes, turned = {}, set()
        for qubit in qubits:
            axis = np.array([0.0, 0.0, 1.0])
            for k in range(len(self.operations) - 1, -1, -1):
                name, on, angle, _ = self.operations[k]
                if qubit not in on or name in ("barrier", "measure"):
                    continue
                if len(on) > 1:
                    break
                axis = _rotation(name, angle).T @ axis
                turned.add(k)
            axes[qubit] = axis
        rest = [o for k, o in enumerate(self.operations) if k not in turned]
        simulator = _run(rest, self.num_qubits)
        terms = [[(p, axes[q][p]) for p in range(3) if abs(axes[q][p]) > _ZERO] for q in qubits]
        total = 0.0
        for chosen in itertools.product(*terms):
            string = stim.PauliString(self.num_qubits)
            weight = 1.0
            for qubit, (letter, share) in zip(qubits, chosen, strict=True):
                string[qubit] = "XYZ"[letter]
                weight *= share
            total += weight * simulator.peek_observable_expectation(string)
        return total


def _run(operations, num_qubits):
    """Clifford operations on |0…0>, as a stim simulator; readouts left out."""
    simulator = stim.TableauSimulator()
    simulator.set_num_qubits(num_qubits)
    for name, on, angle, _ in operations:
        if name == "rz":
            turns = round(angle / (math.pi / 2))
            assert abs(angle - turns * math.pi / 2) < 1e-9
            [lambda *_: None, simulator.s, simulator.z, simulator.s_dag][turns % 4](*on)
        elif name not in ("barrier", "measure"):
            {"sx": simulator.sqrt_x, "x": simulator.x, "cz": simulator.cz, "cx": simulator.cx}[
                name
            ](*on)
    return simulator


def _rotation(name, angle):
    """What a single-qubit gate does to Bloch vectors, shape (3, 3)."""
    if name == "rz":
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return {
        "sx": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
        "x": np.diag([1.0, -1, -1]),
    }[name]


def parity_mean(state, qubits):
    """Mean of (-1)^(sum of the outcomes) of some qubits of a dense state."""
    weights = np.abs(state) ** 2
    for qubit in qubits:
        shape = [1] * state.ndim
        shape[qubit] = 2
        weights = weights * np.array([1, -1]).reshape(shape)
    return float(weights.sum())


def reduced(state, qubits):
    """Density matrix of some qubits of a dense state."""
    kept = np.moveaxis(state, qubits, range(len(qubits))).reshape(2 ** len(qubits), -1)
    return kept @ kept.conj().T

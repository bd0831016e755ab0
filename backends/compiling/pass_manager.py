"""The protocol compiler as a pass manager of Qiskit.

For a plain :class:`~qiskit.circuit.QuantumCircuit` that contains :class:`EncryptGate` and, perhaps,
:class:`DecryptGate`, and any :class:`~qiskit.transpiler.Target`::

    compiled = protocol_pass_manager(backend.target, seconds=20).run(circuit)

Stock passes see encryption and decryption as one block of gates and may cancel parts of one against
the other; this pass keeps them apart by barriers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from qiskit.circuit import QuantumCircuit, QuantumRegister, Qubit
from qiskit.converters import circuit_to_dag, dag_to_circuit
from qiskit.dagcircuit import DAGCircuit
from qiskit.transpiler import Layout, PassManager, Target
from qiskit.transpiler.basepasses import TransformationPass

from backends.compiling.compile import MOVES_PER_SECOND, StockCompiler
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit

Otherwise = Literal["raise", "stock"]


class CompileProtocol(TransformationPass):
    """Replace a circuit of the protocol by a native one on a device's qubits.

    Sets ``layout`` to the final position of each qubit. There is no other initial layout, since key
    qubits are moved until encryption begins, and start in |0> like all others. Sets
    ``protocol_remark`` to the reason why the stock transpiler was used instead; empty otherwise.

    Args:
        device: calibration snapshot, or a target, whose errors and durations are the calibration.
        moves: number of changes of a placement to try.
        seed: seed of the search, and of the stock transpiler.
        otherwise: what to do with circuits that the compiler does not recognise or that do not fit:
            ``raise``, or compile them by the ``stock`` transpiler, stages separated.
        workers: number of threads; None for one per core.

    Raises:
        UnusableDevice: if the target has no Clifford two-qubit gate.
    """

    def __init__(
        self,
        device: Target | DeviceSnapshot,
        moves: int,
        seed: int = 0,
        otherwise: Otherwise = "raise",
        workers: int | None = None,
    ) -> None:
        super().__init__()
        if isinstance(device, Target):
            device = DeviceSnapshot.from_target(device, device.description or "target")
        self.snapshot = device
        self.moves = moves
        self.seed = seed
        self.otherwise = otherwise
        self.workers = workers

    def run(self, dag: DAGCircuit) -> DAGCircuit:
        """Compile ``dag``.

        Raises:
            NotRecognised: if it is not one instance of the protocol, with ``otherwise: raise``.
            DoesNotFit: if the device is too small or lacks an operation.
        """
        from backends.compiling.protocol.compiler import NotRecognised, compile_protocol
        from backends.compiling.protocol.single.stages import Staged, with_stages

        circuit = dag_to_circuit(dag)
        logical = Staged(circuit, {q: k for k, q in enumerate(circuit.qubits)})
        self.property_set["protocol_remark"] = ""
        try:
            logical = with_stages(circuit)
            (compiled,) = compile_protocol(
                [logical.circuit], self.snapshot, self.moves, self.seed, self.workers
            )
        except (NotRecognised, DoesNotFit) as reason:
            if self.otherwise == "raise":
                raise
            self.snapshot.require_room(len(set(dag.qubits).difference(dag.idle_wires())))
            self.property_set["protocol_remark"] = str(reason)
            target = self.snapshot.to_target()
            (compiled,) = StockCompiler(target, self.seed).compile_all([logical.circuit])
        self._set_layout(dag, logical.number, _final_positions(logical.circuit, compiled))
        return circuit_to_dag(compiled)

    def _set_layout(
        self, dag: DAGCircuit, number: Mapping[Qubit, int], positions: list[int]
    ) -> None:
        layout = Layout(
            {qubit: positions[number[qubit]] for qubit in dag.qubits if qubit in number}
        )
        free = [k for k in range(self.snapshot.num_qubits) if k not in layout.get_physical_bits()]
        idle = [qubit for qubit in dag.qubits if qubit not in number]
        spare = QuantumRegister(len(free) - len(idle), "ancilla")
        for qubit, place in zip([*idle, *spare], free, strict=True):
            layout.add(qubit, place)
        layout.add_register(spare)
        for register in dag.qregs.values():
            layout.add_register(register)
        indices = dict(self.property_set["original_qubit_indices"])
        indices |= {qubit: len(indices) + k for k, qubit in enumerate(spare)}
        self.property_set["layout"] = layout
        self.property_set["original_qubit_indices"] = indices


def _final_positions(logical: QuantumCircuit, compiled: QuantumCircuit) -> list[int]:
    """Index of the physical qubit of each logical qubit at the end of a compiled circuit."""
    if compiled.layout is not None:
        return list(compiled.layout.final_index_layout(filter_ancillas=True))
    size = logical.num_qubits
    stages, found = (
        [i for i in circuit.data if i.name == "barrier" and len(i.qubits) == size]
        for circuit in (logical, compiled)
    )
    positions = [0] * size
    for qubit, physical in zip(stages[-1].qubits, found[-1].qubits, strict=True):
        positions[logical.find_bit(qubit).index] = compiled.find_bit(physical).index
    return positions


def protocol_pass_manager(
    device: Target | DeviceSnapshot,
    *,
    seconds: float = 20,
    moves: int | None = None,
    seed: int = 0,
    otherwise: Otherwise = "raise",
    workers: int | None = None,
) -> PassManager:
    """A pass manager that compiles circuits of the protocol to native ones.

    A circuit holds one :class:`EncryptGate`; a Bell pair for each signal qubit before it; and as
    input of A half of a Bell pair, or any state by single-qubit gates. After it may come a
    :class:`DecryptGate`, gates between pairs of key qubits, and any readout. Names of registers and
    labels of barriers are not needed; what is ambiguous is refused. Equal arguments give equal
    circuits.

    >>> from backends.devices.catalog import load_device
    >>> from qiskit.circuit import QuantumCircuit
    >>> from experiments.gates import EncryptGate
    >>> circuit = QuantumCircuit(5)
    >>> for signal, noise in ((1, 3), (2, 4)):
    ...     _ = circuit.h(signal), circuit.cx(signal, noise)
    >>> _ = circuit.append(EncryptGate(2), [0, 1, 2])
    >>> compiler = protocol_pass_manager(load_device("fake_kingston"), moves=1000)
    >>> compiler.run(circuit).count_ops()["cz"] < 20
    True

    Args:
        device: a snapshot, or any Qiskit target with ``cz``, ``cx`` or ``ecr``.
        seconds: budget of the search, which stands for a fixed number of moves.
        moves: the same as a number of moves; overrides ``seconds``.
        seed: seed of the search.
        otherwise: as in :class:`CompileProtocol`.
        workers: number of threads; None for one per core.
    """
    budget = round(seconds * MOVES_PER_SECOND) if moves is None else moves
    return PassManager([CompileProtocol(device, budget, seed, otherwise, workers)])

"""The compiler: settings of one point in, native circuits out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from qiskit.circuit import QuantumCircuit

from backends.compiling.protocol.core.native.entanglers import SPOKEN, as_if_cz, translate
from backends.compiling.protocol.core.recognition import NotRecognised
from backends.compiling.protocol.multi.circuits import write_circuits
from backends.compiling.protocol.multi.recognition import recognise_instances
from backends.compiling.protocol.multi.search import best_layout
from backends.compiling.protocol.single.circuits import write_circuit
from backends.compiling.protocol.single.recognition import recognise
from backends.compiling.protocol.single.search import best_placement
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.simulation.pulse_trains import DECOUPLINGS, Decoupling


def compile_protocol(
    circuits: Sequence[QuantumCircuit],
    snapshot: DeviceSnapshot,
    moves: int,
    seed: int,
    workers: int | None = None,
    decoupling: Decoupling = "none",
) -> list[QuantumCircuit]:
    """Compile circuits that differ only in their readout, all with the same placement.

    Equal arguments give equal circuits, however many workers there are and however fast they are.

    Args:
        circuits: logical circuits with registers R, A, S, N and labelled barriers.
        snapshot: the device.
        moves: changes of the placement that are tried.
        seed: of the search.
        workers: threads; None takes as many as there are cores.
        decoupling: the pulse trains that waits will get; the placement is searched with them, but
            they are not in the circuits yet: :mod:`backends.compiling.decoupling` inserts them.

    Raises:
        NotRecognised: if the circuits are of a kind that this compiler has no construction for.
        DoesNotFit: if the device is too small, or the search found no placement on it.
    """
    snapshot.require_room(circuits[0].num_qubits)
    if snapshot.entangler not in SPOKEN:
        made = compile_protocol(circuits, as_if_cz(snapshot), moves, seed, workers, decoupling)
        return [translate(circuit, snapshot) for circuit in made]
    trains = DECOUPLINGS.index(decoupling)
    if search_of(circuits[0]) == "multi":
        several = recognise_instances(circuits)
        wanted = several[0].problem._replace(decoupling=trains)
        with _pool(workers) as pool:
            layout = best_layout(wanted, snapshot, moves, seed, pool.map)
        if layout is None:
            raise _no_room(circuits[0].num_qubits, snapshot, moves)
        return list(write_circuits(several, layout, snapshot))
    recognised = recognise(circuits)
    problem = recognised[0].problem._replace(decoupling=trains)
    with _pool(workers) as pool:
        placement = best_placement(problem, snapshot, moves, seed, pool.map)
    if placement is None:
        raise _no_room(len(recognised[0].qubits), snapshot, moves)
    return [write_circuit(one, placement, snapshot) for one in recognised]


def search_of(circuit: QuantumCircuit) -> Literal["single", "multi"]:
    """The package whose search places a circuit: that of one instance, or of several.

    Where inputs are numbered they are a GHZ state, even of one qubit, which has no R.
    """
    numbered = any(register.name == "A0" for register in circuit.qregs)
    instances = sum(instruction.name == "encrypt" for instruction in circuit.data)
    return "multi" if numbered or instances != 1 else "single"


def _pool(workers: int | None) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers or os.cpu_count() or 1)


def _no_room(qubits: int, snapshot: DeviceSnapshot, moves: int) -> DoesNotFit:
    return DoesNotFit(
        f"no placement of {qubits} qubits was found on device '{snapshot.name}' in {moves:,} "
        "moves; give more moves, a smaller n, or strategy 'stock'"
    )


__all__ = ["NotRecognised", "compile_protocol"]

"""The compiler: settings of one point in, native circuits out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from qiskit.circuit import QuantumCircuit

from backends.errors import DoesNotFit
from backends.protocol_compiler.cached import best_placement
from backends.protocol_compiler.emission import emit
from backends.protocol_compiler.other_entanglers import SPOKEN, as_if_cz, translated
from backends.protocol_compiler.recognition import NotRecognised, recognise
from backends.pulse_trains import DECOUPLINGS, Decoupling
from backends.snapshot import DeviceSnapshot


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
            they are not in the circuits yet (:func:`backends.decoupling.decoupled`).

    Raises:
        NotRecognised: if the circuits are of a kind that this compiler has no construction for.
        DoesNotFit: if the search found no placement on this device.
    """
    if snapshot.entangler not in SPOKEN:
        made = compile_protocol(circuits, as_if_cz(snapshot), moves, seed, workers, decoupling)
        return [translated(circuit, snapshot) for circuit in made]
    recognised = recognise(circuits)
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        problem = recognised[0].problem._replace(decoupling=DECOUPLINGS.index(decoupling))
        place = best_placement(problem, snapshot, moves, seed, pool.map)
    if place is None:
        raise DoesNotFit(
            f"no placement of {len(recognised[0].qubits)} qubits was found on device "
            f"'{snapshot.name}' in {moves:,} moves; give more moves, a smaller n, or strategy "
            "'stock'"
        )
    return [emit(one, place, snapshot) for one in recognised]


__all__ = ["NotRecognised", "compile_protocol"]

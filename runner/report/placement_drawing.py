"""A drawing of where a compiled circuit stands on its device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import rustworkx as rx
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit

from backends.compiling.compile import CompiledSetting
from backends.devices.snapshot import DeviceSnapshot
from runner.planning.points import PlannedPoint

# Okabe and Ito's palette: told apart by every reader, and in print.
_COLOURS = {"R": "#CC79A7", "A": "#009E73", "S": "#0072B2", "N": "#E69F00"}
_OTHERS, _UNUSED, _BROKEN = "#999999", "#DDDDDD", "#FFFFFF"
_INCHES = 11.0


def draw_placements(
    folder: Path, planned: Sequence[PlannedPoint], snapshot: DeviceSnapshot
) -> None:
    """Write an SVG for each point, named by its label.

    Args:
        folder: where the drawings go; it is made.
        planned: the compiled points.
        snapshot: the device.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = coordinates(snapshot)
    with mpl.rc_context({"svg.hashsalt": "enclone", "svg.fonttype": "none", "font.size": 7}):
        for one in planned:
            figure = draw(one.compiled.settings[0], snapshot, places, one.point.label)
            figure.savefig(folder / f"{one.point.label}.svg", metadata={"Date": None})


def roles(logical: QuantumCircuit, compiled: QuantumCircuit) -> dict[int, str]:
    """Device qubit → name of the logical qubit that stands there when encryption ends."""

    def barrier(circuit: QuantumCircuit) -> list[int]:
        last = [i for i in circuit.data if i.name == "barrier" and i.label == "encryption"][-1]
        return [circuit.find_bit(q).index for q in last.qubits]

    names = {}
    for register in logical.qregs:
        for k, qubit in enumerate(register):
            alone = len(register) == 1
            names[logical.find_bit(qubit).index] = (
                register.name if alone else f"{register.name}{k + 1}"
            )
    pairs = zip(barrier(logical), barrier(compiled), strict=True)
    return {site: names[qubit] for qubit, site in pairs}


def coordinates(snapshot: DeviceSnapshot) -> NDArray[np.float64]:
    """Positions in a plane whose distances are those along couplers as well as can be.

    Classical multidimensional scaling; it unfolds lattices.

    Returns:
        Shape (qubits, 2).
    """
    graph = rx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(snapshot.num_qubits))
    graph.add_edges_from_no_data([c.qubits for c in snapshot.couplers])
    distance = np.asarray(rx.distance_matrix(graph, null_value=snapshot.num_qubits))
    size = len(distance)
    centring = np.eye(size) - 1 / size
    values, vectors = np.linalg.eigh(-0.5 * centring @ distance**2 @ centring)
    plane = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0))
    # The longer side lies flat, and signs are fixed, so that a device always looks the same.
    plane = plane[:, ::-1]
    return np.asarray(plane * np.where(plane[np.abs(plane).argmax(axis=0), [0, 1]] < 0, -1, 1))


def draw(
    one: CompiledSetting, snapshot: DeviceSnapshot, places: NDArray[np.float64], title: str
) -> Figure:
    """Draw the device, who stands where, and which couplers are used how often."""
    name_of = roles(one.setting.circuit, one.circuit)
    uses: dict[tuple[int, int], int] = {}
    touched: set[int] = set()
    for instruction in one.circuit.data:
        on = sorted(one.circuit.find_bit(q).index for q in instruction.qubits)
        if instruction.name == snapshot.entangler:
            uses[on[0], on[1]] = uses.get((on[0], on[1]), 0) + 1
            touched.update(on)
    width, height = np.ptp(places, axis=0) + 1
    figure = Figure(figsize=(_INCHES, max(2.5, _INCHES * height / width)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(aspect="equal")
    axes.set_axis_off()
    axes.set_title(
        f"{title} on {snapshot.name}: {one.certificate.two_qubit_gates} two-qubit gates in "
        f"{one.certificate.two_qubit_layers} layers; numbers on couplers: gates"
    )
    for pair in sorted({(min(c.qubits), max(c.qubits)) for c in snapshot.couplers}):
        ends = places[list(pair)]
        used = uses.get(pair, 0)
        axes.plot(*ends.T, color="#333333" if used else _UNUSED, linewidth=2 if used else 1)
        if used:
            axes.annotate(str(used), ends.mean(axis=0), ha="center", va="center", color="#D55E00")
    for qubit, position in enumerate(places):
        name = name_of.get(qubit, "")
        works = snapshot.qubits[qubit].works
        colour = _COLOURS.get(name[:1], _OTHERS if qubit in touched else _UNUSED)
        axes.plot(
            *position,
            marker="o",
            markersize=15 if name else 9,
            color=colour if works else _BROKEN,
            markeredgecolor="#333333" if works else "#D55E00",
        )
        axes.annotate(name or str(qubit), position, ha="center", va="center")
    return figure

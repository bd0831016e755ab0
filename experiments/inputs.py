"""Inputs of the protocol: half of a Bell pair, an eigenstate of a Pauli, or any pure state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from qiskit.circuit import QuantumCircuit, Qubit

from experiments.stabilizer.arbitrary_input import INPUT_STAGE, Bloch

NamedInput = Literal["bell", "0", "1", "+", "-", "+i", "-i"]
NAMED_INPUTS: tuple[NamedInput, ...] = get_args(NamedInput)

_PREPARE: dict[NamedInput, tuple[str, ...]] = {
    "bell": (),
    "0": (),
    "1": ("x",),
    "+": ("h",),
    "-": ("x", "h"),
    "+i": ("h", "s"),
    "-i": ("h", "sdg"),
}


@dataclass(frozen=True)
class PureState:
    """cos(θ/2) |0> + e^{iφ} sin(θ/2) |1>.

    Attributes:
        theta_degrees: θ, the polar angle on the Bloch sphere, 0 to 180 degrees.
        phi_degrees: φ, the azimuth, in degrees.
    """

    theta_degrees: float
    phi_degrees: float

    def __post_init__(self) -> None:
        if not 0 <= self.theta_degrees <= 180 or not math.isfinite(self.phi_degrees):
            raise ValueError(
                f"theta_degrees = {self.theta_degrees:g}, phi_degrees = {self.phi_degrees:g}: the "
                "polar angle runs from 0 to 180 degrees, the azimuth is any number of degrees"
            )

    @property
    def bloch(self) -> Bloch:
        """The Bloch vector (x, y, z).

        >>> [round(x, 12) for x in PureState(90, 180).bloch]
        [-1.0, 0.0, 0.0]
        """
        theta, phi = math.radians(self.theta_degrees), math.radians(self.phi_degrees)
        return math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)

    @property
    def name(self) -> str:
        """Name in a result row.

        >>> PureState(60, 45).name
        'θ=60° φ=45°'
        """
        return f"θ={self.theta_degrees:.10g}° φ={self.phi_degrees:.10g}°"


Input = NamedInput | PureState

_STREAM = 0x1907
"""Separates these random numbers from others that are drawn with the run's seed."""


def draw_pure_states(number: int, seed: int) -> tuple[PureState, ...]:
    """Draw states uniformly from the Bloch sphere.

    For a given seed, a larger number extends the same sequence of states.
    """
    draws = np.random.default_rng([seed, _STREAM]).random((number, 2))
    return tuple(
        # Rounded to 1e-6 degrees, so that a file with these angles gives the same state.
        PureState(round(math.degrees(math.acos(1 - 2 * height)), 6), round(360 * float(azimuth), 6))
        for height, azimuth in draws
    )


def append_input_preparation(circuit: QuantumCircuit, qubit: Qubit, state: Input) -> None:
    """Append the gates that prepare a state from |0>; none for half of a Bell pair."""
    if not isinstance(state, PureState):
        for gate in _PREPARE[state]:
            getattr(circuit, gate)(qubit)
        return
    circuit.h(qubit)
    circuit.rz(math.radians(state.theta_degrees), qubit)
    circuit.h(qubit)
    circuit.rz(math.radians(state.phi_degrees) + math.pi / 2, qubit)
    # Keeps a compiler from merging the preparation with later gates: the state is checked here.
    circuit.barrier(qubit, label=INPUT_STAGE)

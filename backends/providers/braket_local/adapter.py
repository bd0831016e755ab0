"""The simulators of the Amazon Braket SDK behind the adapter contract.

They run the same OpenQASM that is sent to a device, on this machine and for nothing: without
noise, with the noise model of this project as density matrices, or as the SDK's own emulation of
a device, made from its capabilities. So they check what is written for the service, and rehearse
a device, independently of stim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from braket.circuits import Circuit
from braket.default_simulator import DensityMatrixSimulator, StateVectorSimulator
from braket.devices import LocalSimulator as SdkSimulator
from braket.emulation.local_emulator import LocalEmulator
from braket.emulation.passes.circuit_passes import RemoveVerbatimTransformation
from braket.ir.openqasm import Program
from pydantic import ValidationError
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import Job, ProviderError, Refused
from backends.devices.braket_capabilities import Capabilities
from backends.devices.catalog import as_snapshot
from backends.devices.snapshot import DeviceSnapshot
from backends.errors import DoesNotFit
from backends.providers.braket.programs import Dialect, Readout, Writer, program
from backends.providers.braket.results import in_qiskit_order
from backends.providers.braket_local.options import BraketLocalOptions, LocalSimulator
from backends.providers.local_adapter import LocalAdapter
from backends.simulation.noise import (
    Channel,
    noisy_events,
    readout_asymmetries,
    replace_outcomes,
)
from experiments.stabilizer.clifford import Step, steps

MOST_QUBITS: Mapping[LocalSimulator, int] = {"braket_sv": 26, "braket_dm": 13, "emulator": 13}
"""Beyond these the memory of a laptop does not do."""

_CIRCUITS_PER_JOB = 4
_NOISES = {"x": "bit_flip", "z": "phase_flip"}


class _SeededStates(StateVectorSimulator):
    """The SDK draws its shots from a generator of its own; this one starts where it is told."""

    seed = 0

    def initialize_simulation(self, **kwargs: Any) -> Any:
        simulation = super().initialize_simulation(**kwargs)
        simulation._rng_generator = np.random.default_rng(self.seed)
        return simulation


class _SeededMatrices(DensityMatrixSimulator):
    seed = 0

    def initialize_simulation(self, **kwargs: Any) -> Any:
        simulation = super().initialize_simulation(**kwargs)
        simulation._rng_generator = np.random.default_rng(self.seed)
        return simulation


class BraketLocalAdapter(LocalAdapter):
    """A simulator of the SDK.

    Args:
        device: the snapshot whose noise is simulated; None for a perfect device.
        simulator: which simulator runs.
        capabilities: the device's capabilities as JSON; the emulator needs them.
    """

    def __init__(
        self, device: DeviceSnapshot | None, simulator: LocalSimulator, capabilities: str | None
    ) -> None:
        super().__init__("braket-local", device, self._sample, _CIRCUITS_PER_JOB)
        self._simulator = simulator
        self._capabilities = capabilities

    def submit(self, job: Job) -> str:
        """Take a job, if it is small enough to be simulated."""
        most = MOST_QUBITS[self._simulator]
        for request in job.requests:
            used = {q for i in request.circuit.data if i.name != "barrier" for q in i.qubits}
            if len(used) > most:
                raise Refused(
                    f"circuit '{request.circuit.name}' uses {len(used)} qubits, but simulator "
                    f"'{self._simulator}' takes at most {most}",
                    remedy="choose a smaller n, or provider 'stim', which takes any size",
                )
        return super().submit(job)

    def _sample(
        self, circuit: QuantumCircuit, device: DeviceSnapshot | None, shots: int, seed: int
    ) -> BitArray:
        if self._simulator == "emulator":
            return _emulated(circuit, self._capabilities or "", shots, seed)
        source = program_with_noise(circuit, device)
        states = _SeededStates() if self._simulator == "braket_sv" else _SeededMatrices()
        sampled = _run(Program(source=source), source, states, shots, seed)
        asymmetries = readout_asymmetries(noisy_events(tuple(steps(circuit)), device))
        if not asymmetries:
            return sampled
        outcomes = sampled.to_bool_array(order="little")
        replace_outcomes(outcomes, asymmetries, seed)
        return BitArray.from_bool_array(outcomes, order="little")


def program_with_noise(circuit: QuantumCircuit, device: DeviceSnapshot | None) -> str:
    """A circuit for a simulator, with the noise that the snapshot predicts.

    A wrong readout is written as a flip before it: nothing but readouts follows. Its asymmetry is
    not part of the program (:func:`~backends.simulation.noise.replace_outcomes`).

    Raises:
        DoesNotFit: if Braket cannot express the circuit.
    """
    events = noisy_events(tuple(steps(circuit)), device)
    number: dict[int, int] = {}
    for event in events:
        if isinstance(event, Channel) or event.name != "barrier":
            for qubit in event.qubits:
                number.setdefault(qubit, len(number))
    renamed = [
        event._replace(qubits=tuple(number[q] for q in event.qubits if q in number))
        for event in events
    ]
    operations = [event for event in renamed if isinstance(event, Step)]
    writer = Writer(Dialect(), len(number), operations)
    body = [
        line
        for event in renamed
        for line in (_noise(event) if isinstance(event, Channel) else writer.lines_of(event))
    ]
    return writer.program(body, circuit.num_clbits)


def _noise(channel: Channel) -> Iterator[str]:
    on = ", ".join(f"q[{q}]" for q in channel.qubits)
    p = channel.symmetric_part
    if channel.kind == "depolarize":
        name = "depolarizing" if len(channel.qubits) == 1 else "two_qubit_depolarizing"
        yield f"#pragma braket noise {name}({p!r}) {on}"
    elif channel.kind == "y":
        yield f"#pragma braket noise pauli_channel(0.0, {p!r}, 0.0) {on}"
    else:
        yield f"#pragma braket noise {_NOISES.get(channel.kind, 'bit_flip')}({p!r}) {on}"


def _emulated(circuit: QuantumCircuit, capabilities: str, shots: int, seed: int) -> BitArray:
    """Run what would be sent to the device on the SDK's emulation of it."""
    source = program(circuit, Dialect.of(Capabilities.parse(capabilities)))
    emulator = LocalEmulator.from_json(capabilities)
    try:
        noisy = emulator.transform(Circuit.from_ir(source), apply_noise_model=True)
    except ValueError as error:
        raise DoesNotFit(f"the emulated device refuses the circuit: {error}") from error
    runnable = RemoveVerbatimTransformation().run(noisy)
    return _run(runnable, source, _SeededMatrices(), shots, seed)


def _run(
    task: Circuit | Program,
    source: str,
    simulator: _SeededStates | _SeededMatrices,
    shots: int,
    seed: int,
) -> BitArray:
    simulator.seed = seed
    result = SdkSimulator(simulator).run(task, shots=shots).result()
    measured = np.asarray(result.measurements, dtype=bool)
    return in_qiskit_order(measured, [int(q) for q in result.measured_qubits], Readout.of(source))


def open_braket_local(
    device: str | DeviceSnapshot, options: Mapping[str, Any]
) -> BraketLocalAdapter:
    """Open a simulator of the SDK.

    Args:
        device: a snapshot, its name or file, or ``ideal`` for a perfect device.
        options: fields of :class:`~backends.providers.braket_local.options.BraketLocalOptions`, and
            ``capabilities``, the device's capabilities as JSON, or None.

    Raises:
        UnknownDevice: if there is no such device.
        ProviderError: if an option is wrong.
    """
    wanted = dict(options)
    capabilities = wanted.pop("capabilities", None)
    try:
        simulator = BraketLocalOptions.model_validate(wanted).simulator
    except ValidationError as error:
        first = error.errors()[0]
        raise ProviderError(
            f"an option of provider 'braket-local' is wrong: {first['msg']}"
        ) from error
    snapshot = as_snapshot(device)
    if simulator == "auto":
        simulator = "braket_sv" if snapshot is None else "braket_dm"
    if simulator == "braket_sv" and snapshot is not None:
        raise ProviderError(
            "simulator 'braket_sv' knows no noise, but the device is not 'ideal'",
            remedy="set 'device: ideal', or simulator 'braket_dm'",
        )
    if simulator == "emulator" and capabilities is None:
        raise ProviderError(
            "simulator 'emulator' is made from the capabilities of a Braket device, but the "
            "device is not given as such",
            remedy="give a file with the capabilities, as 'enclone devices --braket "
            "--save DIR' writes them",
        )
    return BraketLocalAdapter(snapshot, simulator, capabilities)

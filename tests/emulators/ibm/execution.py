"""Running a job: parameters decoded, circuits checked and sampled, results encoded.

Nothing is taken from the client's process: a job is what came over the wire.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from ibm_quantum_schemas.common import CompressedTensorModel
from ibm_quantum_schemas.executor.version_2_0 import (
    ChunkPart,
    ChunkSpan,
    ItemMetadataModel,
    MetadataModel,
    ParamsModel,
    QuantumProgramResultItemModel,
    QuantumProgramResultModel,
)
from numpy.typing import NDArray
from qiskit.circuit import Delay, QuantumCircuit
from qiskit.primitives import DataBin, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers import BitArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_ibm_runtime import RuntimeEncoder
from qiskit_ibm_runtime.fake_provider.executor.broadcast_sample import broadcast_sample
from qiskit_ibm_runtime.quantum_program.converters import quantum_program_from_2_0
from qiskit_ibm_runtime.utils.utils import is_isa_circuit
from samplomatic.quantum_program import SamplexItem

from backends.errors import DoesNotFit
from backends.simulation.schedule import schedule, total_seconds
from backends.simulation.stim_sampler import sample
from experiments.stabilizer.clifford import NotClifford, steps
from tests.emulators.ibm.devices import Device

NOT_ISA = 1517
"""The service's code for a circuit that its device cannot run."""

INTERNAL = 1524
OVERHEAD_SECONDS = 2.0
"""Time that the processor is locked for a job beside its shots."""

MOST_EXECUTIONS = 10_000_000


class JobFailed(Exception):
    """A job that ends as failed.

    Attributes:
        code: the service's code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Outcome:
    """What a job came to.

    Attributes:
        results: the body of its results.
        seconds: time that the processor was locked.
    """

    results: str
    seconds: float


def run(program: str, params: Any, device: Device, seed: int) -> Outcome:
    """Run a job.

    Raises:
        JobFailed: if it cannot be run.
    """
    try:
        if program == "executor":
            return _run_executor(ParamsModel.model_validate(params), device, seed)
        if program == "sampler":
            return _run_sampler(params, device, seed)
    except (NotClifford, DoesNotFit) as error:
        raise JobFailed(f"the emulator simulates Clifford circuits only: {error}", 1) from error
    raise JobFailed(f"the emulator has no program '{program}'", INTERNAL)


def _run_executor(model: ParamsModel, device: Device, seed: int) -> Outcome:
    program, _ = quantum_program_from_2_0(model)
    rep_delay = model.options.rep_delay
    data, parts, seconds, executions = [], [], OVERHEAD_SECONDS, 0
    for index, item in enumerate(program.items):
        _require_native(item.circuit, device)
        draw = np.random.default_rng([seed, index])
        if isinstance(item, SamplexItem):
            item.samplex.finalize()
            drawn = broadcast_sample(item.samplex, item.samplex_arguments, item.shape, draw)
            angles = drawn.pop("parameter_values")
            size, shape = int(np.prod(item.shape)), tuple(item.shape)
            bound = [
                item.circuit.assign_parameters(dict(zip(item.circuit.parameters, row, strict=True)))
                for row in angles.reshape(size, -1)
            ]
        else:
            drawn, size, shape, bound = {}, 1, (), [item.circuit]
        executions += size * program.shots
        sampled = [_sampled(c, device, program.shots, int(draw.integers(2**62))) for c in bound]
        arrays = {
            name: np.stack([one[name] for one in sampled]).reshape(
                *shape, program.shots, sampled[0][name].shape[-1]
            )
            for name in sampled[0]
        }
        seconds += size * program.shots * _shot_seconds(bound[0], device, rep_delay)
        data.append(
            QuantumProgramResultItemModel(
                results={
                    name: CompressedTensorModel.from_numpy(array)
                    for name, array in {**drawn, **arrays}.items()
                },
                metadata=ItemMetadataModel(),
            )
        )
        parts.append(
            ChunkPart(
                idx_item=index,
                size=size,
                permutation=list(range(len(shape))),
                element_range=(0, size, 1),
            )
        )
    _require_few(executions)
    now = datetime.datetime.now(datetime.UTC)
    result = QuantumProgramResultModel(
        data=data,
        metadata=MetadataModel(chunk_timing=[ChunkSpan(start=now, stop=now, parts=parts)]),
        passthrough_data=model.quantum_program.passthrough_data,
        semantic_role=model.quantum_program.semantic_role,
    )
    return Outcome(json.dumps(result.model_dump(mode="json"), cls=RuntimeEncoder), seconds)


def _run_sampler(params: Any, device: Device, seed: int) -> Outcome:
    """The older program, whose options the service applies: the emulator has none of them."""
    options = params.get("options", {})
    for name in ("dynamical_decoupling", "twirling"):
        if any(value is True for value in options.get(name, {}).values()):
            raise JobFailed(f"the emulator applies no '{name}' in program 'sampler'", INTERNAL)
    results, seconds, executions = [], OVERHEAD_SECONDS, 0
    for index, given in enumerate(params["pubs"]):
        circuit, _, shots = (*given, None, None)[:3]
        pub = SamplerPub.coerce((circuit, None, shots or options.get("default_shots", 4096)))
        _require_native(pub.circuit, device)
        draw = np.random.default_rng([seed, index])
        bits = _sampled(pub.circuit, device, pub.shots, int(draw.integers(2**62)))
        arrays = {name: BitArray.from_bool_array(b, order="little") for name, b in bits.items()}
        results.append(SamplerPubResult(DataBin(**arrays, shape=())))
        seconds += pub.shots * _shot_seconds(pub.circuit, device, None)
        executions += pub.shots
    _require_few(executions)
    return Outcome(json.dumps(PrimitiveResult(results), cls=RuntimeEncoder), seconds)


def _require_native(circuit: QuantumCircuit, device: Device) -> None:
    if circuit.num_qubits != device.target.num_qubits:
        problem = f"it has {circuit.num_qubits} qubits, the device {device.target.num_qubits}"
    else:
        problem = is_isa_circuit(circuit, device.target)
    if problem:
        raise JobFailed(
            f"The circuit does not fit the instruction set of {device.name}: {problem}", NOT_ISA
        )


def _require_few(executions: int) -> None:
    if executions > MOST_EXECUTIONS:
        raise JobFailed(f"{executions:,} executions, at most {MOST_EXECUTIONS:,}", INTERNAL)


def _sampled(
    circuit: QuantumCircuit, device: Device, shots: int, seed: int
) -> dict[str, NDArray[np.bool_]]:
    """Register → outcomes, shape (shots, bits), bit k of the register in column k."""
    bits = sample(_in_seconds(circuit, device), device.snapshot, shots, seed).to_bool_array(
        order="little"
    )
    return {
        register.name: bits[:, [circuit.find_bit(bit).index for bit in register]]
        for register in circuit.cregs
    }


def _in_seconds(circuit: QuantumCircuit, device: Device) -> QuantumCircuit:
    """Delays come as clock ticks: the wire keeps no other unit."""
    if all(instruction.name != "delay" for instruction in circuit.data):
        return circuit
    out = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if instruction.name == "delay":
            operation = Delay(float(operation.duration) * device.dt_seconds, "s")
        out.append(instruction.replace(operation=operation))
    return out


def _shot_seconds(circuit: QuantumCircuit, device: Device, rep_delay: float | None) -> float:
    operations = tuple(steps(_in_seconds(circuit, device)))
    between = device.default_rep_delay_seconds if rep_delay is None else rep_delay
    return between + total_seconds(schedule(operations, device.snapshot))

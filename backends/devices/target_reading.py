"""A target of Qiskit, taken apart into what it states of a device."""

from __future__ import annotations

from datetime import datetime

from qiskit.transpiler import Target

from backends.devices.ibm_properties import PULSES, first_entangler
from backends.devices.offers import offers_of_target
from backends.devices.stated import StatedCoupler, StatedDevice, StatedQubit, Time
from backends.errors import UnusableDevice


def stated_by_target(target: Target, name: str, calibrated_at: datetime | None) -> StatedDevice:
    """What any target states.

    An operation that states no error has none, as Qiskit means it.

    Raises:
        UnusableDevice: if no Clifford two-qubit gate is among its operations, or if it does not
            say which qubits they join.
    """
    entangler = first_entangler(name, target.operation_names)
    pulse = next((p for p in PULSES if p in target.operation_names), None)
    if pulse is None or "measure" not in target.operation_names:
        raise UnusableDevice(
            f"device '{name}' states no single-qubit pulse ({', '.join(PULSES)}) or no "
            f"measurement; its operations are: {', '.join(sorted(target.operation_names))}"
        )
    pairs = target.qargs_for_operation_name(entangler)
    if pairs is None or target.num_qubits is None:
        raise UnusableDevice(
            f"device '{name}' does not state which qubits '{entangler}' joins: its operations "
            "are for any qubits, as those of an ideal simulator; give its Target a coupling map"
        )
    offers = offers_of_target(target)
    decays = list(target.qubit_properties or [None] * target.num_qubits)
    qubits = []
    for index, decay in enumerate(decays):
        missing = offers.why_not(pulse, (index,)) or offers.why_not("measure", (index,))
        gate_error, gate_seconds = _properties(target, pulse, (index,))
        readout_error, readout_seconds = _properties(target, "measure", (index,))
        qubits.append(
            StatedQubit(
                t1=None if decay is None else Time(decay.t1),
                t2=None if decay is None else Time(decay.t2),
                gate_error=gate_error,
                gate_time=Time(gate_seconds),
                readout_error=readout_error,
                readout_time=Time(readout_seconds),
                out_of_order=missing,
            )
        )
    couplers = []
    for pair in pairs:
        error, seconds = _properties(target, entangler, pair)
        couplers.append(StatedCoupler((pair[0], pair[1]), error, Time(seconds)))
    return StatedDevice(
        name=name,
        date=calibrated_at,
        entangler=entangler,
        qubits=qubits,
        couplers=couplers,
        dynamic_circuits=offers.dynamic_circuits,
    )


def _properties(target: Target, name: str, qargs: tuple[int, ...]) -> tuple[float, float]:
    """(error, seconds) as stated: 1 where the operation is missing, 0 where it states nothing."""
    table = target[name]
    if qargs not in table and None not in table:
        return 1.0, 0.0
    properties = table.get(qargs)
    if properties is None:
        return 0.0, 0.0
    error = 0.0 if properties.error is None else properties.error
    seconds = 0.0 if properties.duration is None else properties.duration
    return error, seconds

"""The noise model: Pauli channels from a calibration snapshot, without fitted parameters.

- Every gate is followed by depolarizing noise on its qubits. Calibrations state the average
  infidelity e of a gate; a depolarizing channel with that infidelity applies some other Pauli
  with probability p = e (d+1)/d, i.e. 5e/4 for two qubits and 3e/2 for one. Z rotations are
  virtual and free.
- Every idle of length t is followed by the Pauli twirl of relaxation and dephasing,
  p_X = p_Y = (1 - exp(-t/T1))/4 and p_Z = (1 - exp(-t/T2))/2 - p_X, written as three
  independent flips so that their composition is exact.
- A readout flips its outcome with the stated (averaged) readout error.
- A reset is as faulty as a readout, because it is one followed by a conditional X.

- Where *refocusing is assumed*, there is no pure dephasing within a pulse train: T2 = 2 T1.

The model has no crosstalk, leakage, coherent error or drift. A real-time condition takes no time
beyond the readout that it waits for, since calibrations state none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Literal, NamedTuple

import stim

from backends.devices.snapshot import DeviceSnapshot, QubitCalibration
from backends.simulation.schedule import TimedStep, schedule
from experiments.stabilizer.arbitrary_input import (
    INPUT_STAGE,
    PREPARE,
    ArbitraryInput,
    ArbitraryInputLaw,
    Bloch,
    find_arbitrary_input,
    preparation_gates,
    rotate_bloch,
)
from experiments.stabilizer.clifford import Step, StimWriter
from experiments.stabilizer.non_pauli_readout import (
    NonPauliReadoutLaw,
    drop_idle_rotations,
    find_non_pauli_readouts,
)

Cause = Literal["gate", "idle", "readout"]
CAUSES: tuple[Cause, ...] = ("gate", "idle", "readout")

_ROUNDING_SECONDS = 1e-15
"""Shorter times are rounding errors of sums of the same durations."""

_NOISELESS = frozenset({"rz", "barrier"})
_MAXIMALLY_MIXING = {1: 0.75, 2: 15 / 16}


class Channel(NamedTuple):
    """A Pauli channel on one or two qubits.

    Attributes:
        cause: the source of the error.
        kind: ``depolarize`` (each Pauli but the identity equally likely), the single flip
            ``x``, ``y`` or ``z``, or ``record``: a wrong outcome of the measurement that
            follows next.
        qubits: indices of the qubits on which it acts.
        probability: probability of any error.
    """

    cause: Cause
    kind: Literal["depolarize", "x", "y", "z", "record"]
    qubits: tuple[int, ...]
    probability: float


Event = Step | Channel
"""A noisy circuit is a sequence of steps and channels."""


def depolarizing_probability(infidelity: float, num_qubits: int) -> float:
    """Error probability of the depolarizing channel with an average infidelity.

    >>> depolarizing_probability(0.002, 2)
    0.0025
    """
    dimension = 2**num_qubits
    probability = infidelity * (dimension + 1) / dimension
    return min(probability, _MAXIMALLY_MIXING[num_qubits])


def idle_channels(
    qubit: int, seconds: float, calibration: QubitCalibration, refocused_seconds: float = 0.0
) -> Iterator[Channel]:
    """The Pauli twirl of relaxation and dephasing during an idle, as independent X, Y, Z flips.

    During ``refocused_seconds`` of the idle there is no pure dephasing.

    With flip factors f_X = f_Y = exp(-t/2T1) and f_Z = exp(-t/T2 + t/2T1), a flip has
    probability (1 - f)/2; their composition is exactly the channel in the docstring of this module.
    """
    if seconds <= 0 or not calibration.t1_seconds or not calibration.t2_seconds:
        return
    t1 = calibration.t1_seconds
    t2 = min(calibration.t2_seconds, 2 * t1)  # the physical bound; fits may exceed it
    relaxing = -math.expm1(-seconds / (2 * t1)) / 2
    exposed = seconds - refocused_seconds
    if exposed < _ROUNDING_SECONDS:
        exposed = 0.0
    dephasing = -math.expm1(-exposed / t2 + exposed / (2 * t1)) / 2
    yield Channel("idle", "x", (qubit,), relaxing)
    yield Channel("idle", "y", (qubit,), relaxing)
    if dephasing > 0:
        yield Channel("idle", "z", (qubit,), dephasing)


def noisy_events(
    operations: Sequence[Step],
    snapshot: DeviceSnapshot | None,
    causes: Iterable[Cause] = CAUSES,
    *,
    refocusing: bool = False,
) -> tuple[Event, ...]:
    """Interleave the steps of a compiled circuit with the noise channels of a device.

    Args:
        operations: the steps of the circuit, on the device's qubits.
        snapshot: the device; None for no noise.
        causes: kinds of noise to include.
        refocusing: whether pulse trains are assumed to refocus all dephasing between their
            pulses, an upper bound; otherwise dephasing is white and pulses only add errors.
    """
    if snapshot is None:
        return tuple(operations)
    wanted = set(causes)
    events: list[Event] = []
    for timed in schedule(operations, snapshot):
        if timed.step.name not in _NOISELESS:
            before = _before(timed, snapshot, refocusing=refocusing)
            events += [c for c in before if c.cause in wanted and c.probability > 0]
            events.append(timed.step)
            after = _after(timed, snapshot)
            events += [c for c in after if c.cause in wanted and c.probability > 0]
        else:
            events.append(timed.step)
    return tuple(events)


def _before(timed: TimedStep, snapshot: DeviceSnapshot, *, refocusing: bool) -> list[Channel]:
    step = timed.step
    channels: list[Channel] = []
    if step.name == "reset":
        return channels
    in_train = timed.in_train_seconds if refocusing else ()
    for k, (qubit, idle) in enumerate(zip(step.qubits, timed.idle_seconds, strict=False)):
        if idle:
            refocused = in_train[k] if in_train else 0.0
            channels += idle_channels(qubit, idle, snapshot.qubits[qubit], refocused)
    if step.name == "measure":
        (qubit,) = step.qubits
        error = snapshot.qubits[qubit].readout_error
        channels.append(Channel("readout", "record", (qubit,), error))
    return channels


def _after(timed: TimedStep, snapshot: DeviceSnapshot) -> list[Channel]:
    step = timed.step
    # A delay is part of the idle that the next operation ends, and is charged there.
    if step.name in ("measure", "z", "id", "delay"):
        return []
    if step.name == "reset":
        (qubit,) = step.qubits
        return [Channel("readout", "x", (qubit,), snapshot.qubits[qubit].readout_error)]
    return [_gate_channel(snapshot, step.qubits)]


@lru_cache(maxsize=4096)
def _gate_channel(snapshot: DeviceSnapshot, qubits: tuple[int, ...]) -> Channel:
    if len(qubits) == 2:
        error = snapshot.working_couplers[qubits[0], qubits[1]].error
    else:
        error = snapshot.qubits[qubits[0]].gate_error
    return Channel("gate", "depolarize", qubits, depolarizing_probability(error, len(qubits)))


@dataclass(frozen=True, eq=False)
class NoisyCircuit:
    """A noisy circuit for stim.

    Non-Pauli readouts (:mod:`experiments.stabilizer.non_pauli_readout`) are not part of it: the
    record of such a bit is 1 where noise after the rotation flips the outcome, and the records in
    ``joint`` determine the state before the rotation.

    Attributes:
        circuit: the stim circuit.
        record_of: classical bit → index of its measurement record.
        law: the outcome law without noise; None without non-Pauli readouts.
        joint: records of Z_1 Z_k for each qubit k with a non-Pauli readout but the first, then of
            the product of :attr:`NonPauliReadoutLaw.letters` over all of them; empty without such
            readouts.
    """

    circuit: stim.Circuit
    record_of: dict[int, int]
    law: NonPauliReadoutLaw | None
    joint: tuple[int, ...]


def build_noisy_circuit(
    operations: Sequence[Step],
    snapshot: DeviceSnapshot | None,
    causes: Iterable[Cause] = CAUSES,
    *,
    refocusing: bool = False,
) -> NoisyCircuit:
    """Build the stim circuit of a compiled circuit with noise; see :func:`noisy_events`.

    Raises:
        NotClifford: if it is not Clifford up to non-Pauli readouts.
        DoesNotFit: if an operation is not native to the device.
    """
    given = find_arbitrary_input(operations)
    if given:
        events = noisy_events(operations, snapshot, causes, refocusing=refocusing)
        letter = ArbitraryInputLaw.of(operations, given).letter
        return _write_circuit(_replace_input_by_eigenstate(events, given, letter), None)
    law = NonPauliReadoutLaw.of(operations) if find_non_pauli_readouts(operations) else None
    kept = drop_idle_rotations(operations, law.read if law else ())
    return _write_circuit(noisy_events(kept, snapshot, causes, refocusing=refocusing), law)


def _replace_input_by_eigenstate(
    events: Sequence[Event], given: ArbitraryInput, letter: str
) -> list[Event]:
    """Replace the preparation of the input by a mixture of eigenstates of a Pauli.

    Noise during the preparation shortens the Bloch vector of the input; the flip probability of the
    eigenstate follows from the shortened vector.
    """
    end = next(
        k
        for k, event in enumerate(events)
        if isinstance(event, Step) and event.name == "barrier" and event.label == INPUT_STAGE
    )
    bloch: Bloch = (0.0, 0.0, 1.0)
    kept: list[Event] = []
    for event in events[:end]:
        if given.qubit not in event.qubits or (isinstance(event, Step) and event.name == "barrier"):
            kept.append(event)
        elif isinstance(event, Channel):
            bloch = _shorten_bloch(bloch, event)
        else:
            bloch = rotate_bloch(bloch, preparation_gates([event], given.qubit, 1))
    component = bloch["XYZ".index(letter)]
    on = (given.qubit,)
    kept += [Step(gate, on) for gate in PREPARE[letter]]
    if component < 0:
        kept.append(Step(_FLIP[letter], on))
    # By rounding a Bloch vector may be longer than 1.
    kept.append(Channel("gate", _FLIP[letter], on, max(0.0, (1 - abs(component)) / 2)))
    return [*kept, *events[end:]]


_FLIP: dict[str, Literal["x", "z"]] = {"X": "z", "Y": "z", "Z": "x"}
"""Pauli letter → a Pauli gate that exchanges its eigenstates."""


def _shorten_bloch(bloch: Bloch, channel: Channel) -> Bloch:
    """Apply a single-qubit channel to a Bloch vector."""
    if channel.kind == "depolarize":
        kept = dict.fromkeys("xyz", 1 - 4 * channel.probability / 3)
    else:
        kept = {k: 1.0 if k == channel.kind else 1 - 2 * channel.probability for k in "xyz"}
    x, y, z = bloch
    return x * kept["x"], y * kept["y"], z * kept["z"]


def _write_circuit(events: Sequence[Event], law: NonPauliReadoutLaw | None) -> NoisyCircuit:
    writer = StimWriter()
    flip_probability = 0.0
    read = law.read if law else ()
    ancillas = dict(zip((readout.qubit for readout in read), _spare(events), strict=False))
    pauli = {readout.qubit: readout.pauli for readout in read}
    ancilla_of: dict[int, int] = {}
    for event in events:
        # Events after a rotation act on an ancilla, whose readout is certain without noise.
        on = tuple(ancilla_of.get(q, q) for q in event.qubits) if ancilla_of else event.qubits
        if isinstance(event, Channel):
            if event.kind == "record":
                # stim flips the record itself: the state after the measurement is not disturbed.
                flip_probability = event.probability
            else:
                writer.line(_stim_name(event), on)
        elif event.angle and event.qubits[0] in ancillas and event.qubits[0] not in ancilla_of:
            qubit = event.qubits[0]
            ancilla_of[qubit] = ancillas[qubit]
            writer.line(f"R{pauli[qubit]}", (ancillas[qubit],))
        else:
            writer.write(event._replace(qubits=on), flip_probability)
            flip_probability = 0.0
    joint: tuple[int, ...] = ()
    if law and law.letters:
        qubits = [readout.qubit for readout in read]
        joint = (
            *[writer.observe([("Z", qubits[0]), ("Z", other)]) for other in qubits[1:]],
            writer.observe(list(zip(law.letters, qubits, strict=True))),
        )
    return NoisyCircuit(writer.circuit(), writer.record_of, law, joint)


def _spare(events: Iterable[Event]) -> Iterator[int]:
    """Indices of qubits that no event uses."""
    return count(1 + max((q for event in events for q in event.qubits), default=-1))


@lru_cache(maxsize=4096)
def _stim_name(channel: Channel) -> str:
    if channel.kind == "depolarize":
        return f"DEPOLARIZE{len(channel.qubits)}({channel.probability!r})"
    return f"{channel.kind.upper()}_ERROR({channel.probability!r})"

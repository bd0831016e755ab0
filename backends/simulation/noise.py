"""The noise model: Pauli channels from a calibration snapshot, without fitted parameters.

- Every gate is followed by depolarizing noise on its qubits. Calibrations state the average
  infidelity e of a gate; a depolarizing channel with that infidelity applies some other Pauli
  with probability p = e (d+1)/d, i.e. 5e/4 for two qubits and 3e/2 for one. Z rotations are
  virtual and free.
- Every idle of length t is followed by the Pauli twirl of relaxation and dephasing,
  p_X = p_Y = (1 - exp(-t/T1))/4 and p_Z = (1 - exp(-t/T2))/2 - p_X, written as three
  independent flips so that their composition is exact.
- A readout is wrong with the stated readout error, with different probabilities for |0> and |1>
  where the calibration tells them apart. A readout that a condition depends on is wrong with the
  mean of both: exact where its outcome is a fair coin, as all outcomes of the key are.
- A reset is as faulty as a readout, because it is one followed by a conditional X.

- Where *refocusing is assumed*, there is no pure dephasing within a pulse train: T2 = 2 T1.

That is the calibration as it stands; the bounds of :mod:`backends.simulation.noise_models` change
the parameters of its channels. No model has leakage or coherent errors. A real-time condition takes
no time beyond the readout that it waits for, since calibrations state none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Literal, NamedTuple

import numpy as np
import stim
from numpy.typing import NDArray

from backends.devices.snapshot import DeviceSnapshot, QubitCalibration
from backends.simulation.noise_models import CALIBRATION, NoiseModel
from backends.simulation.schedule import TimedStep, schedule, total_seconds
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
        asymmetry: of a ``record``, the probability of reading |1> as 0 less that of reading |0>
            as 1; ``probability`` is their mean.
    """

    cause: Cause
    kind: Literal["depolarize", "x", "y", "z", "record"]
    qubits: tuple[int, ...]
    probability: float
    asymmetry: float = 0.0

    @property
    def symmetric_part(self) -> float:
        """Probability of a flip, of outcomes that the asymmetry does not replace.

        A wrong readout is one of two things: with probability ``abs(asymmetry)`` the outcome is
        replaced, by 0 if the asymmetry is positive and by 1 if it is negative; otherwise it is
        flipped with this probability, whatever the state.
        """
        replaced = abs(self.asymmetry)
        if not replaced:
            return self.probability
        if replaced >= 1:
            return 0.0
        return min(1.0, max(0.0, (self.probability - replaced / 2) / (1 - replaced)))


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
    qubit: int,
    seconds: float,
    calibration: QubitCalibration,
    refocused_seconds: float = 0.0,
    model: NoiseModel = CALIBRATION,
) -> Iterator[Channel]:
    """The Pauli twirl of relaxation and dephasing during an idle, as independent X, Y, Z flips.

    During ``refocused_seconds`` of the idle there is no pure dephasing.

    With flip factors f_X = f_Y = exp(-t/2T1) and f_Z = exp(-t/T2 + t/2T1), a flip has
    probability (1 - f)/2; their composition is exactly the channel in the docstring of this module.
    """
    decay = model.decay_seconds(calibration)
    if seconds <= 0 or decay is None:
        return
    t1, t2 = decay
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
    model: NoiseModel = CALIBRATION,
) -> tuple[Event, ...]:
    """Interleave the steps of a compiled circuit with the noise channels of a device.

    Args:
        operations: the steps of the circuit, on the device's qubits.
        snapshot: the device; None for no noise.
        causes: kinds of noise to include.
        refocusing: whether pulse trains are assumed to refocus all dephasing between their
            pulses, an upper bound; otherwise dephasing is white and pulses only add errors.
        model: how the channels follow from the calibration.
    """
    if snapshot is None:
        return tuple(operations)
    wanted = set(causes)
    asked = {bit for step in operations for bit in step.condition}
    refocusing = refocusing or model.refocusing
    timed_steps = _scheduled(tuple(operations), snapshot)
    early = _early_readouts(timed_steps) if model.readout_dephasing else ()
    events: list[Event] = []
    for timed in timed_steps:
        step = timed.step
        if step.name in _NOISELESS:
            events.append(step)
            continue
        before = _idles(timed, snapshot, model, early, refocusing=refocusing)
        if step.name == "measure":
            qubit = snapshot.qubits[step.qubits[0]]
            conditional = not asked.isdisjoint(step.clbits)
            asymmetry = 0.0 if conditional else model.readout_asymmetry(qubit)
            error = model.readout_error(qubit)
            before.append(Channel("readout", "record", step.qubits, error, asymmetry))
        events += [c for c in before if c.cause in wanted and c.probability > 0]
        events.append(step)
        after = _after(step, snapshot, model)
        events += [c for c in after if c.cause in wanted and c.probability > 0]
    return tuple(events)


@lru_cache(maxsize=8)
def _scheduled(operations: tuple[Step, ...], snapshot: DeviceSnapshot) -> tuple[TimedStep, ...]:
    """The schedule, which all noise models of a circuit share."""
    return schedule(operations, snapshot)


class _EarlyReadout(NamedTuple):
    """A readout that ends before the circuit does."""

    qubit: int
    start_seconds: float
    end_seconds: float


def _early_readouts(timed_steps: Sequence[TimedStep]) -> tuple[_EarlyReadout, ...]:
    total = total_seconds(timed_steps)
    found = (
        _EarlyReadout(t.step.qubits[0], t.start_seconds, t.start_seconds + t.seconds)
        for t in timed_steps
        if t.step.name in ("measure", "reset")
    )
    return tuple(one for one in found if total - one.end_seconds > _ROUNDING_SECONDS)


def _idles(
    timed: TimedStep,
    snapshot: DeviceSnapshot,
    model: NoiseModel,
    early: Sequence[_EarlyReadout],
    *,
    refocusing: bool,
) -> list[Channel]:
    """What happened to the qubits of a step while they waited for it."""
    step = timed.step
    channels: list[Channel] = []
    if step.name == "reset":
        return channels
    in_train = timed.in_train_seconds if refocusing else ()
    for k, (qubit, idle) in enumerate(zip(step.qubits, timed.idle_seconds, strict=False)):
        if not idle:
            continue
        refocused = in_train[k] if in_train else 0.0
        channels += idle_channels(qubit, idle, snapshot.qubits[qubit], refocused, model)
        if model.interactions:
            flip = model.interaction_flip(snapshot, qubit, idle)
            channels.append(Channel("idle", "z", (qubit,), flip))
        if early:
            end = timed.start_seconds
            near = snapshot.neighbours.get(qubit, frozenset())
            # More than half of the readout must lie within the idle.
            number = sum(
                2 * (min(end, one.end_seconds) - max(end - idle, one.start_seconds))
                > one.end_seconds - one.start_seconds
                for one in early
                if one.qubit in near
            )
            channels += number * [Channel("idle", "z", (qubit,), model.readout_dephasing)]
    return channels


def _after(step: Step, snapshot: DeviceSnapshot, model: NoiseModel) -> list[Channel]:
    # A delay is part of the idle that the next operation ends, and is charged there.
    if step.name in ("measure", "z", "id", "delay"):
        return []
    if step.name == "reset":
        error = model.readout_error(snapshot.qubits[step.qubits[0]])
        return [Channel("readout", "x", step.qubits, error)]
    return [_gate_channel(snapshot, step.qubits, model)]


@lru_cache(maxsize=4096)
def _gate_channel(snapshot: DeviceSnapshot, qubits: tuple[int, ...], model: NoiseModel) -> Channel:
    if len(qubits) == 2:
        error = model.two_qubit_error(snapshot, (qubits[0], qubits[1]))
    else:
        error = model.pulse_error(snapshot.qubits[qubits[0]])
    return Channel("gate", "depolarize", qubits, depolarizing_probability(error, len(qubits)))


def readout_asymmetries(events: Iterable[Event]) -> dict[int, float]:
    """Classical bit → asymmetry of its readout, where there is any."""
    found: dict[int, float] = {}
    asymmetry = 0.0
    for event in events:
        if isinstance(event, Channel):
            asymmetry = event.asymmetry if event.kind == "record" else asymmetry
        elif event.name == "measure":
            found[event.clbits[0]] = asymmetry
            asymmetry = 0.0
    return {bit: value for bit, value in found.items() if value}


def replace_outcomes(
    outcomes: NDArray[np.bool_], asymmetries: Mapping[int, float], seed: int
) -> None:
    """Replace the outcomes of asymmetric readouts, in place; see :class:`Channel`.

    Args:
        outcomes: outcomes of readouts with the symmetric part of their errors, shape
            (shots, classical bits), bool.
        asymmetries: classical bit → asymmetry of its readout.
        seed: seed of the draw, independent of other draws with that seed.
    """
    draw = np.random.default_rng([seed, 1])
    for bit, asymmetry in sorted(asymmetries.items()):
        replaced = draw.random(len(outcomes)) < abs(asymmetry)
        outcomes[replaced, bit] = asymmetry < 0


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
        asymmetries: classical bit → asymmetry of its readout, which is not part of the circuit.
        joint: records of Z_1 Z_k for each qubit k with a non-Pauli readout but the first, then of
            the product of :attr:`NonPauliReadoutLaw.letters` over all of them; empty without such
            readouts.
    """

    circuit: stim.Circuit
    record_of: dict[int, int]
    law: NonPauliReadoutLaw | None
    joint: tuple[int, ...]
    asymmetries: Mapping[int, float] = field(default_factory=dict)


def build_noisy_circuit(
    operations: Sequence[Step],
    snapshot: DeviceSnapshot | None,
    causes: Iterable[Cause] = CAUSES,
    *,
    refocusing: bool = False,
    model: NoiseModel = CALIBRATION,
) -> NoisyCircuit:
    """Build the stim circuit of a compiled circuit with noise; see :func:`noisy_events`.

    Raises:
        NotClifford: if it is not Clifford up to non-Pauli readouts.
        DoesNotFit: if an operation is not native to the device.
    """
    given = find_arbitrary_input(operations)
    if given:
        events = noisy_events(operations, snapshot, causes, refocusing=refocusing, model=model)
        letter = ArbitraryInputLaw.of(operations, given).letter
        return _write_circuit(_replace_input_by_eigenstate(events, given, letter), None)
    law = NonPauliReadoutLaw.of(operations) if find_non_pauli_readouts(operations) else None
    kept = drop_idle_rotations(operations, law.read if law else ())
    events = noisy_events(kept, snapshot, causes, refocusing=refocusing, model=model)
    return _write_circuit(events, law)


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
                flip_probability = event.symmetric_part
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
    return NoisyCircuit(writer.circuit(), writer.record_of, law, joint, readout_asymmetries(events))


def _spare(events: Iterable[Event]) -> Iterator[int]:
    """Indices of qubits that no event uses."""
    return count(1 + max((q for event in events for q in event.qubits), default=-1))


@lru_cache(maxsize=4096)
def _stim_name(channel: Channel) -> str:
    if channel.kind == "depolarize":
        return f"DEPOLARIZE{len(channel.qubits)}({channel.probability!r})"
    return f"{channel.kind.upper()}_ERROR({channel.probability!r})"

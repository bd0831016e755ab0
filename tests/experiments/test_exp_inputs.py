"""Any pure state as input: exact laws against dense linear algebra."""

import math
from dataclasses import replace

import numpy as np
import pytest
from dense import outcome_distribution, success_chance
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.inputs import PureState, draw_pure_states
from experiments.kinds.entanglement import PROCESS, EntanglementPoint, points
from experiments.protocol import STRATEGIES, Cloning, build_preparation
from experiments.stabilizer.arbitrary_input import ArbitraryInputLaw, find_arbitrary_input
from experiments.stabilizer.clifford import NotClifford, Step, steps

ROUNDED = 2e-6
"""Angles closer than a microradian to a quarter turn count as one."""

angles = {
    "theta": st.floats(0, 180, allow_nan=False),
    "phi": st.floats(-360, 360, allow_nan=False),
}


def point(state: PureState, n: int = 2, clone: int = 1, strategy="unitary") -> EntanglementPoint:
    return EntanglementPoint(Cloning(n, clone, strategy, state), "parity")


@settings(max_examples=30, deadline=None)
@given(**angles)
def test_the_prepared_state_has_the_angles(theta, phi):
    state = PureState(theta, phi)
    given_input = find_arbitrary_input(tuple(steps(build_preparation(Cloning(2, input=state)))))
    assert given_input is not None
    np.testing.assert_allclose(given_input.bloch, state.bloch, atol=ROUNDED)
    x, y, z = state.bloch
    assert z == pytest.approx(math.cos(math.radians(theta)))
    assert math.hypot(x, y) == pytest.approx(math.sin(math.radians(theta)), abs=1e-9)


@settings(max_examples=6, deadline=None)
@given(strategy=st.sampled_from(STRATEGIES), n=st.sampled_from([2, 3]), **angles)
def test_tomography_of_the_clone_is_that_of_a_dense_simulation(theta, phi, strategy, n):
    found = point(PureState(theta, phi), n, 1, strategy)
    for setting in found.settings():
        chance = success_chance(outcome_distribution(setting.circuit), setting.checks)
        assert setting.ideal_success() == pytest.approx(chance, abs=ROUNDED), setting.label
    chances = [s.ideal_success() for s in found.settings()]
    assert found.linear_estimator.value(chances) == pytest.approx(1, abs=ROUNDED)


@pytest.mark.parametrize("strategy", ["unitary", "feedforward", "frame"])
def test_the_whole_outcome_distribution_is_that_of_a_dense_simulation(strategy):
    """Every parity of bits, not only the one that decides success."""
    for setting in point(PureState(50, 20), 2, 1, strategy).settings():
        law = ArbitraryInputLaw.of(
            tuple(steps(setting.circuit)), find_arbitrary_input(tuple(steps(setting.circuit)))
        )
        distribution = outcome_distribution(setting.circuit)
        for mask in range(1, len(distribution)):
            signs = [(-1) ** (outcome & mask).bit_count() for outcome in range(len(distribution))]
            assert law.mean(mask) == pytest.approx(float(distribution @ signs), abs=1e-9)


def test_random_states_fill_the_sphere_evenly():
    vectors = np.array([s.bloch for s in draw_pure_states(4000, 3)])
    assert np.abs(vectors.mean(axis=0)).max() < 0.05
    np.testing.assert_allclose(vectors.T @ vectors / len(vectors), np.eye(3) / 3, atol=0.03)
    assert draw_pure_states(2, 3) == draw_pure_states(5, 3)[:2]
    assert draw_pure_states(2, 3) != draw_pure_states(2, 4)


def test_the_mean_fidelity_of_six_states_is_that_of_all():
    """A channel's mean over the six Pauli eigenstates is its mean over the sphere: (2 Fe + 1)/3."""
    process = next(iter(points([2], [1], ["unitary"], ["parity"], [PROCESS])))
    assert len(process.settings()) == 6
    assert process.linear_estimator.value([1.0] * 6) == pytest.approx(1)
    assert process.linear_estimator.value([0.5] * 6) == pytest.approx(0.5)
    assert (process.noise_floor, process.witness_threshold) == (0.5, 2 / 3)


@pytest.mark.parametrize("state", ["0", "-i", PureState(60, 45)])
def test_a_single_state_witnesses_nothing(state):
    """A box that always emits the state, whatever goes in, has fidelity 1."""
    (point,) = points([2], [1], ["unitary"], ["parity"], [state])
    assert (point.noise_floor, point.witness_threshold) == (0.5, None)


def test_measuring_and_preparing_reaches_two_thirds_on_the_six_states():
    """The best axis is any: a third of the states is copied perfectly, the others are guessed."""
    process = next(iter(points([2], [1], ["unitary"], ["parity"], [PROCESS])))
    measured_in_z = [1.0 if label in ("inputZ0", "inputZ1") else 0.5 for label in labels(process)]
    assert process.linear_estimator.value(measured_in_z) == pytest.approx(process.witness_threshold)


def labels(point):
    return [setting.label for setting in point.settings()]


def test_inputs_have_names_that_tell_them_apart():
    found = points(
        [2],
        [1],
        ["unitary"],
        ["bsm", "parity"],
        ["bell", "0", PROCESS, PureState(60, 45), PureState(60, 46)],
    )
    assert len({p.label for p in found}) == len(found) == 6
    assert [p.parameters.get("input") for p in found] == [
        *[None, None, "0", "process"],
        *["θ=60° φ=45°", "θ=60° φ=46°"],
    ]


@pytest.mark.parametrize("theta", [-1, 181, math.nan])
def test_angles_off_the_sphere_are_refused(theta):
    with pytest.raises(ValueError, match="0 to 180 degrees"):
        PureState(theta, 0)


def test_an_input_that_met_another_qubit_has_no_simple_law():
    operations = list(steps(build_preparation(Cloning(2, input=PureState(10, 20)))))
    meeting = [Step("cx", (0, 1)), *operations]
    with pytest.raises(NotClifford, match="more than single-qubit gates"):
        find_arbitrary_input(meeting)


def test_a_named_input_keeps_its_law():
    assert find_arbitrary_input(tuple(steps(build_preparation(Cloning(2, input="+i"))))) is None
    for name in ("0", "1", "+", "-", "+i", "-i"):
        (one,) = replace(point(PureState(0, 0)), cloning=Cloning(2, input=name)).settings()
        assert one.ideal_success() == 1

"""Correlators between R and every qubit: nothing before decryption, the clone alone after it."""

import pytest

from experiments.gates import clones_of
from experiments.kinds.correlators import PAULIS, CorrelatorsPoint, points, qubit_names
from experiments.protocol import Cloning
from experiments.stabilizer.states import OutcomeLaw

SIZES = [(n, clone) for n in (2, 3, 4) for clone in clones_of(n)]


def correlators(point: CorrelatorsPoint) -> dict[tuple[str, str], float]:
    """(pair of Paulis, qubit) → T without noise."""
    out = {}
    for setting in point.settings():
        law = OutcomeLaw.of_circuit(setting.circuit)
        for bit, name in enumerate(qubit_names(point.cloning.n), start=1):
            parity = law.parity(1 | 1 << bit)
            out[setting.label, name] = 0.0 if parity is None else 1.0 - 2.0 * parity
    return out


@pytest.mark.parametrize(("n", "clone"), SIZES)
def test_before_decryption_no_qubit_shows_anything(n, clone):
    found = correlators(CorrelatorsPoint(Cloning(n, clone), "before"))
    assert len(found) == 9 * (2 * n + 1)
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize(("n", "clone"), SIZES)
def test_after_decryption_the_clone_alone_is_correlated(n, clone):
    found = correlators(CorrelatorsPoint(Cloning(n, clone), "after"))
    mine = "A" if clone == 0 else f"S{clone}"
    bell = {"XX": 1.0, "YY": -1.0, "ZZ": 1.0}
    assert {key: value for key, value in found.items() if value} == {
        (paulis, mine): value for paulis, value in bell.items()
    }


@pytest.mark.parametrize(("n", "clone"), SIZES)
@pytest.mark.parametrize(("stage", "fe"), [("before", 0.25), ("after", 1.0)])
def test_the_value_is_the_fidelity_of_the_clone(n, clone, stage, fe):
    point = CorrelatorsPoint(Cloning(n, clone), stage)
    chances = [s.ideal_success() for s in point.settings()]
    assert point.linear_estimator.value(chances) == pytest.approx(fe, abs=1e-12)


def test_the_nine_settings_read_every_qubit():
    settings = CorrelatorsPoint(Cloning(2), "after").settings()
    assert [s.label for s in settings] == [a + b for a in PAULIS for b in PAULIS]
    assert all(s.circuit.num_clbits == s.circuit.num_qubits == 6 for s in settings)


def test_a_strategy_that_reads_the_key_is_refused():
    with pytest.raises(ValueError, match="choose 'unitary'"):
        CorrelatorsPoint(Cloning(2, 1, "frame"), "after")


def test_a_sweep_goes_over_n_then_clones_then_stages():
    found = points([2, 3], "all", ["before", "after"])
    assert len(found) == 2 * (3 + 3)
    assert len({p.label for p in found}) == len(found)

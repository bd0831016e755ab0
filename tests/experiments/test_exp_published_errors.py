"""Which printed errors are wrong, and what their shots give."""

import math

import numpy as np
import pytest

from experiments import published
from experiments.published import table
from experiments.published.errors import (
    SHOTS,
    error_from_shots,
    possible,
    printed_error,
    right_error,
)
from experiments.statistics.estimators import Counts, parity_oscillations

ROUNDING = 0.0005
COLUMNS = {
    "table1_entanglement_fidelity": "fe_pom",
    "table3_iterated": "fe",
    "table4_ghz": "fr",
    "table5_days": "fe",
    "table6_virtual_iterated": "fe",
}
PRINTED = [
    (float(row[column]), float(row[f"{column}_err"]), int(row.get("r", 2)))
    for name, column in COLUMNS.items()
    for row in table(name)
]
TABLE_1 = [(f, e, r) for f, e, r in PRINTED[:14]]


@pytest.mark.parametrize(("r", "p00", "p11", "coherence"), [(2, 0.5, 0.42, 0.8), (5, 0.3, 0.2, 0)])
def test_the_right_error_is_that_of_simulated_counts(r, p00, p11, coherence):
    """Populations are counted in the same shots, each parity in shots of its own."""
    rng = np.random.default_rng(3)
    populations = rng.multinomial(SHOTS, [p00, p11, 1 - p00 - p11], size=20_000)
    parities = rng.binomial(SHOTS, (1 + coherence) / 2, size=(20_000, r))
    chi = (2 * parities / SHOTS - 1).mean(axis=1)
    found = np.std((populations[:, :2].sum(axis=1) / SHOTS + chi) / 2)
    # The standard error of a standard deviation of 20,000 values is half a percent.
    assert right_error(p00 + p11, coherence, r) == pytest.approx(found, rel=0.025)
    assert printed_error(p00 + p11, coherence, r) > 2 * found


@pytest.mark.parametrize("r", [2, 3, 7])
def test_the_right_error_is_that_of_our_estimator(r):
    counts = [Counts(8000, SHOTS), *[Counts(9000, SHOTS)] * r]
    ours = parity_oscillations(r).estimate(counts).std_err
    assert right_error(0.8, 0.8, r) == pytest.approx(ours, rel=1e-3)


@pytest.mark.parametrize(("fidelity", "printed", "r"), PRINTED)
def test_every_printed_error_is_that_of_the_wrong_equations(fidelity, printed, r):
    wrong = [printed_error(*pair, r) for pair in possible(fidelity, r)]
    assert min(abs(one - printed) for one in wrong) <= ROUNDING
    right = error_from_shots(fidelity, printed, r)
    assert right < max(right_error(*pair, r) for pair in possible(fidelity, r)) + 1e-12
    assert 1.8 <= printed / right <= 3.5


def test_no_number_of_shots_makes_the_right_equation_give_the_printed_errors():
    """So it is the equations that are wrong, and not the number of shots."""
    largest = [max(right_error(*pair, r) for pair in possible(f, r)) for f, _, r in TABLE_1]
    most = min(
        SHOTS * (one / (printed - ROUNDING)) ** 2
        for one, (_, printed, _) in zip(largest, TABLE_1, strict=True)
    )
    smallest = [min(right_error(*pair, r) for pair in possible(f, r)) for f, _, r in TABLE_1]
    least = max(
        SHOTS * (one / (printed + ROUNDING)) ** 2
        for one, (_, printed, _) in zip(smallest, TABLE_1, strict=True)
    )
    assert most < least


def test_errors_of_bell_measurements_and_of_chsh_are_right():
    for row in table("table1_entanglement_fidelity"):
        f = float(row["fe_bsm"])
        right = math.sqrt(f * (1 - f) / SHOTS)
        assert float(row["fe_bsm_err"]) == pytest.approx(right, abs=ROUNDING)
        known = published.entanglement_fidelity(int(row["n"]), "bsm")
        assert known is not None
        assert (known.shot_err, known.note) == (known.std_err, "")
    for row in table("table2_chsh"):
        for column in ("s_2_1", "s_2_2", "s_2_3"):
            # Four correlators, equal but for their sign.
            right = math.sqrt(4 * (1 - (float(row[column]) / 4) ** 2) / SHOTS)
            assert float(row[f"{column}_err"]) == pytest.approx(right, abs=ROUNDING)
    undecrypted = published.UNDECRYPTED_CHSH
    assert (undecrypted.value, undecrypted.std_err) == (0.014, 0.020)
    assert undecrypted.std_err == pytest.approx(math.sqrt(4 / SHOTS), abs=ROUNDING)


def test_values_carry_their_right_error_and_say_what_is_wrong():
    known = published.entanglement_fidelity(2, "parity")
    assert known is not None
    assert (known.std_err, round(known.shot_err, 4)) == (0.008, 0.0024)
    assert "equation 12" in known.note
    one, many = published.ghz(1), published.ghz(15)
    assert one is not None
    assert many is not None
    assert (round(one.shot_err, 4), round(many.shot_err, 4)) == (0.0026, 0.0022)


def test_a_row_of_table_6_is_one_of_table_1():
    virtual = published.virtual_iterated(4, 0)
    bell = published.entanglement_fidelity(4, "bsm")
    assert virtual is not None
    assert bell is not None
    assert (virtual.value, virtual.two_qubit_layers) == (bell.value, bell.two_qubit_layers)
    parity = published.entanglement_fidelity(4, "parity")
    assert parity is not None
    assert f"{parity.value:.3f}" in virtual.note
    other = published.virtual_iterated(2, 0)
    assert other is not None
    assert "Table I" not in other.note

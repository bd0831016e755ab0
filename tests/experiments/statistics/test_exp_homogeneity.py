"""Pearson's test of homogeneity."""

import numpy as np
import pytest

from experiments.statistics.homogeneity import homogeneity_p_value


def test_a_known_table_has_the_known_p_value():
    """Two by two: chi-squared is N (ad - bc)² over the product of the four sums."""
    table = np.array([[30, 20], [20, 30]])
    assert homogeneity_p_value([table]) == pytest.approx(0.0455002638963584, abs=1e-12)


def test_strata_add_up_and_outcomes_that_never_came_tell_nothing():
    table = np.array([[30, 0, 20], [20, 0, 30]])
    # Chi-squared of 8 with two degrees of freedom: exp(-4).
    assert homogeneity_p_value([table, table]) == pytest.approx(np.exp(-4), abs=1e-12)


def test_a_single_outcome_cannot_be_tested():
    assert homogeneity_p_value([np.array([[50, 0], [70, 0]])]) is None


def test_equal_distributions_are_rejected_as_often_as_they_should_be():
    rng = np.random.default_rng(11)
    draws = rng.multinomial(100, [0.4, 0.3, 0.2, 0.1], size=(4000, 2, 2))
    found = np.array([homogeneity_p_value(list(tables)) for tables in draws])
    for level in (0.05, 0.25):
        # Five standard errors of the count.
        assert np.mean(found < level) == pytest.approx(
            level, abs=5 * np.sqrt(level * (1 - level) / len(found))
        )

"""Whether outcomes have the same distribution under several conditions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc


def homogeneity_p_value(tables: Sequence[NDArray[np.int64]]) -> float | None:
    """P value of Pearson's chi-squared test that the rows of each table have one distribution.

    Tables are independent strata: their statistics and degrees of freedom add up.

    Args:
        tables: counts, each of shape (conditions, outcomes), int64; every condition has counts.

    Returns:
        The chance of a statistic at least as large if the distributions are equal; None if no table
        has two outcomes that were seen, so that there is nothing to test.
    """
    statistic, freedom = 0.0, 0
    for table in tables:
        seen = table[:, table.sum(axis=0) > 0]
        expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
        statistic += float(((seen - expected) ** 2 / expected).sum())
        freedom += (seen.shape[0] - 1) * (seen.shape[1] - 1)
    return float(chdtrc(freedom, statistic)) if freedom else None

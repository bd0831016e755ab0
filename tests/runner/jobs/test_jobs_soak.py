"""A short soak; ``make soak`` is the long one."""

import pytest
from soak import soak


@pytest.mark.parametrize("first_seed", [10_000, 20_000])
def test_killed_and_resumed_at_random(first_seed):
    kills, _ = soak(first_seed, 25)
    assert kills >= 25

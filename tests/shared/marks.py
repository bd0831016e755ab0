"""Marks of tests that several modules share."""

import pytest

PROTOCOL_COMPILER = [
    # Its machine code is made once, in one process …
    pytest.mark.xdist_group("protocol compiler"),
    # … by whichever test comes first, which takes minutes where the machine is busy.
    pytest.mark.timeout(1500),
]

"""Fault × call for both clouds: nothing lost, nothing doubled, no traceback, no wait unbounded.

A part of what ``make soak`` plays in full.
"""

import pytest
from fault_matrix import PART, play


@pytest.mark.parametrize("case", PART, ids=str)
def test_one_job_survives_each_fault(case, monkeypatch, tmp_path):
    play(case, monkeypatch, tmp_path)

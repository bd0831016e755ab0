"""Fault × call for both clouds: nothing lost, nothing doubled, no traceback, no wait unbounded.

A part of what ``make soak`` plays in full.
"""

import pytest
from fault_matrix import PART, PART_OF_PLANNING, plan, play


@pytest.mark.parametrize("case", PART, ids=str)
def test_one_job_survives_each_fault(case, monkeypatch, tmp_path):
    play(case, monkeypatch, tmp_path)


@pytest.mark.parametrize("case", PART_OF_PLANNING, ids=str)
def test_a_wrong_answer_while_planning_ends_in_an_error_of_the_contract(case, monkeypatch):
    plan(case, monkeypatch)

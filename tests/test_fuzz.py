"""A part of ``make fuzz``: seeded changes of files of every kind end in words, soon."""

import fuzz
import pytest


@pytest.mark.parametrize(
    ("what", "count"),
    [("configurations", 60), ("calibrations", 60), ("folders", 8), ("stores", 10)],
)
def test_no_changed_file_ends_in_a_traceback(what: str, count: int) -> None:
    """150 single-byte changes of a store made 37 tracebacks; one value of null refused devices."""
    outcome = fuzz.fuzz(what, count)
    assert outcome.wrong == {}, str(outcome)
    assert sum(outcome.ended.values()) == count
    assert len(outcome.ended) > 1

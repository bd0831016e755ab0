"""The format of a run says by which methods its numbers follow from its counts."""

import pytest

from runner.errors import RunFolderError
from runner.results.formats import FIRST_FORMAT, FORMAT, Methods, methods_of


def test_runs_of_format_1_keep_their_methods() -> None:
    assert methods_of(FIRST_FORMAT) == Methods(intervals="mover", mitigation="mthree")


def test_new_runs_have_the_methods_of_today() -> None:
    assert methods_of(FORMAT) == Methods("pooled", "exact")


@pytest.mark.parametrize("stated", [FORMAT + 1, 0, -1])
def test_an_unknown_format_is_refused(stated: int) -> None:
    with pytest.raises(RunFolderError, match="this version knows 1, 2; install"):
        methods_of(stated)

"""How a run is named: by its id, the start of it, the name in its configuration, or its folder."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from runner.errors import RunFolderError
from runner.run_folder.locations import choose

OLD, NEW, OTHER = "20260101T000000Z-bell", "20260102T000000Z-bell-002", "20260103T000000Z-ghz"
KNOWN = [OLD, NEW, OTHER]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (OLD, OLD),
        ("20260102", NEW),
        ("ghz", OTHER),
        ("latest", OTHER),
        ("20260101T000000Z-bell", OLD),
    ],
)
def test_a_run_is_found(wanted: str, found: str) -> None:
    assert choose(KNOWN, wanted, "'runs'") == found


def test_a_name_that_several_runs_have_is_an_error_that_lists_them() -> None:
    with pytest.raises(RunFolderError) as raised:
        choose(KNOWN, "bell", "'runs'")
    assert str(raised.value) == (
        f"'bell' is the name of 2 runs: {OLD}, {NEW}; give the start of one of these, or 'latest'"
    )


def test_an_ambiguous_start_lists_the_candidates() -> None:
    with pytest.raises(RunFolderError, match=f"'2026' could be any of 3 runs: {OLD}, {NEW}, "):
        choose(KNOWN, "2026", "'runs'")


def test_a_run_called_latest_gives_way_to_the_latest_run() -> None:
    assert choose(["20250101T000000Z-latest", *KNOWN], "latest", "'runs'") == OTHER


def test_an_unknown_name_shows_what_there_is() -> None:
    with pytest.raises(RunFolderError) as raised:
        choose(KNOWN, "leakage", "'runs'")
    assert "no run in 'runs' is called 'leakage' or starts with it" in str(raised.value)
    assert OTHER in str(raised.value)


def test_every_command_takes_the_name_of_a_run(invoke: Callable[..., Result]) -> None:
    Path("c.yaml").write_text(
        "name: bell\nexperiment: {kind: entanglement, n: 2}\n"
        "backend: {provider: stim, device: ideal}\nshots: 20\nrepeats: 2\n"
    )
    assert invoke("run", "c.yaml").exit_code == 0
    for command in ("status", "collect", "watch", "resume", "report", "verify", "variability"):
        done = invoke(command, "bell")
        assert done.exit_code == 0, done.output
    assert invoke("export", "bell", "--format", "csv").exit_code == 0
    assert invoke("compare", "bell", "latest").exit_code == 0
    assert invoke("run", "c.yaml", "-o", "seed=1").exit_code == 0
    for command in ("status", "report", "verify"):
        done = invoke(command, "bell")
        assert done.exit_code == 1
        assert "'bell' is the name of 2 runs" in done.output

"""Settings of the environment: what is wrong with them is said in one line, by every command.

Each case stands for a kind of fault that people reported in public; its docstring names the thread.
"""

import errno
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import OperationalError

from runner.cli.commands import main
from runner.run_folder.locations import runs_folder
from runner.store.database import StoreError, open_engine, store_url, translate_errors

WRONG = [
    ("/x/store.db", "ENCLONE_STORE=sqlite:////x/store.db"),
    ("C:\\x\\store.db", "is a path and no URL"),
    ("store.db", "is a path and no URL"),
    ("mysql://u:hush@h/d", "the driver 'MySQLdb' of mysql is not installed"),
    ("nosuch://h/d", "ENCLONE_STORE must be an SQLAlchemy URL"),
    ("postgresql://u:hush@h:port/d", "ENCLONE_STORE must be an SQLAlchemy URL"),
    ("://", "ENCLONE_STORE must be an SQLAlchemy URL"),
]


@pytest.mark.parametrize(("url", "words"), WRONG, ids=[url for url, _ in WRONG])
@pytest.mark.parametrize("command", [("status",), ("resume",), ("doctor",)])
def test_a_store_that_is_no_url_is_said_in_one_line(
    url: str,
    words: str,
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """premAI-io/premsql#27, sqlalchemy#11705: a path as the store was a traceback everywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENCLONE_STORE", url)
    if command == ("doctor",):
        monkeypatch.setattr("runner.doctor._providers", lambda: ())
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert words in done.output
    assert "hush" not in done.output


def test_the_remedy_for_a_path_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """premAI-io/premsql#27: doing what the message says helps."""
    monkeypatch.setenv("ENCLONE_STORE", str(tmp_path / "store.db"))
    with pytest.raises(StoreError) as caught:
        store_url(tmp_path)
    monkeypatch.setenv("ENCLONE_STORE", str(caught.value).rpartition("ENCLONE_STORE=")[2])
    open_engine(store_url(tmp_path)).dispose()
    assert (tmp_path / "store.db").is_file()


def test_the_home_folder_is_meant_by_its_sign(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """'~' in ENCLONE_RUNS, as .env files have it, made a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENCLONE_RUNS", "~/runs")
    monkeypatch.setenv("ENCLONE_STORE", "sqlite:///~/s.sqlite")
    assert runs_folder(None) == tmp_path / "runs"
    assert store_url(tmp_path / "runs") == f"sqlite:///{tmp_path}/s.sqlite"


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOLCK, "has no locks"), (None, "another process has held it")]
)
def test_a_file_system_without_locks_is_told_from_another_process(
    number: int | None, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """nipreps/sdcflows#267, rogerbinns/apsw#173: a mount without locks was another process."""

    def lockf(*_: object) -> None:
        if number is not None:
            raise OSError(number, "No locks available")

    engine = open_engine(f"sqlite:///{tmp_path / 's.sqlite'}")
    monkeypatch.setattr("fcntl.lockf", lockf)
    locked = OperationalError("BEGIN", {}, Exception("database is locked"))
    with pytest.raises(StoreError, match=words), translate_errors(engine):
        raise locked
    engine.dispose()

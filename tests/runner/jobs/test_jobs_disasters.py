"""The store fails while jobs are on their way: nothing paid is forgotten, and the error is clear.

Each failure is a real one of SQLite, and is made to happen at every write in turn.
"""

import ctypes
import os
import resource
import sqlite3
import stat

import pytest
from commands import Shell
from harness import RUN, WRITES, Scene, counts
from sqlalchemy import event

import runner.store.database as database
from backends.providers.rehearsal.adapter import open_rehearsal
from runner.jobs.manager import JobManager
from runner.store.database import StoreError
from runner.store.store import Store
from runner.store.submission_tables import StaleState


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("undisturbed"))
    scene.work()
    scene.assert_exactly_once()
    return counts(scene.store)


class Trigger:
    """Calls something once, before the write of that number."""

    def __init__(self, at, happen):
        self.at, self.happen, self.passed = at, happen, 0

    def arm(self, store):
        for name in WRITES:
            setattr(store, name, self._wrapped(getattr(store, name)))

    def _wrapped(self, write):
        def call(*args, **kwargs):
            self.passed += 1
            if self.passed == self.at:
                self.happen()
            return write(*args, **kwargs)

        return call


def writes_of_a_run(place):
    scene = Scene(place)
    trigger = Trigger(None, lambda: None)
    trigger.arm(scene.store)
    scene.work()
    return trigger.passed


WRITES_OF_A_RUN = range(1, 17)


def broken_off(scene, at, happen):
    """Work until the disaster; return what was said."""
    trigger = Trigger(at, happen)
    trigger.arm(scene.store)
    with pytest.raises(StoreError) as caught:
        scene.work()
    assert caught.value.exit_code == 1
    return str(caught.value)


def what_stops(scene):
    """Work until an error of the store; None if there is none."""
    try:
        scene.work()
    except StoreError as error:
        return str(error)
    return None


def healthy_again(scene, circuits=3):
    scene.store.engine.dispose()
    scene.store = Store(scene.url, scene.clock.now)
    scene.work()
    scene.assert_exactly_once(circuits)
    before = scene.store.submissions(RUN)
    scene.work()
    assert scene.store.submissions(RUN) == before


def test_the_writes_below_are_all_there_are(place):
    assert writes_of_a_run(place) == max(WRITES_OF_A_RUN)


@pytest.mark.parametrize("at", WRITES_OF_A_RUN)
def test_the_store_is_locked_by_somebody_who_does_not_let_go(place, undisturbed, monkeypatch, at):
    monkeypatch.setattr(database, "LOCK_WAIT_SECONDS", 0.02)
    scene = Scene(place, queue_seconds=5, poll_seconds=1)
    other = sqlite3.connect(place / "store.sqlite", isolation_level=None)
    said = broken_off(scene, at, lambda: other.execute("BEGIN IMMEDIATE"))
    assert "database is locked" in said
    assert "another process has held it" in said
    assert "enclone resume" in said
    assert scene.store.tally(RUN).total == 3, "a locked store can still be looked at"
    other.close()
    healthy_again(scene)
    assert counts(scene.store) == undisturbed


@pytest.mark.parametrize("at", WRITES_OF_A_RUN)
def test_the_store_may_no_longer_be_written(place, undisturbed, at):
    scene = Scene(place, queue_seconds=5, poll_seconds=1)

    def forbid():
        event.listen(
            scene.store.engine, "begin", lambda c: c.exec_driver_sql("PRAGMA query_only=ON")
        )

    said = broken_off(scene, at, forbid)
    assert "attempt to write a readonly database" in said
    assert "give this user the right to write there" in said
    healthy_again(scene)
    assert counts(scene.store) == undisturbed


def of_small_pages(file):
    """Give a store the smallest pages there are; return how many it has."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA page_size=512")
    connection.execute("VACUUM")
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    return pages


def test_the_disk_is_full_whatever_page_is_the_last(place):
    full, circuits = 0, 10
    (place / "undisturbed").mkdir()
    undisturbed = Scene(place / "undisturbed", run={"repeats": circuits})
    undisturbed.work()
    expected = counts(undisturbed.store)
    for spare in range(100):
        folder = place / str(spare)
        folder.mkdir()
        scene = Scene(folder, run={"repeats": circuits}, queue_seconds=5, poll_seconds=1)
        scene.store.engine.dispose()
        pages = of_small_pages(folder / "store.sqlite")

        @event.listens_for(scene.store.engine, "connect")
        def limit(connection, _record, most=pages + spare):
            connection.execute(f"PRAGMA max_page_count={most}")

        error = what_stops(scene)
        if error is None:
            break
        full += 1
        assert "database or disk is full" in error
        assert "make room on the disk, then run 'enclone resume'" in error
        healthy_again(scene, circuits)
        assert counts(scene.store) == expected
    assert full >= 5, "the run has to outgrow its store at several points"


@pytest.mark.parametrize("at", WRITES_OF_A_RUN)
def test_the_store_is_overwritten_and_made_anew(place, undisturbed, at):
    scene = Scene(place, queue_seconds=5, poll_seconds=1)

    def overwrite():
        for file in place.glob("store.sqlite*"):
            file.write_bytes(b"\xff" * max(file.stat().st_size, 8192))
        scene.store.engine.dispose()

    said = broken_off(scene, at, overwrite)
    assert "store.sqlite" in said
    assert any(word in said for word in ("not a database", "malformed", "disk I/O"))
    for file in place.glob("store.sqlite*"):
        file.unlink()
    scene.store.engine.dispose()
    paid = len(scene.jobs()) if (place / "cloud.sqlite").exists() else 0
    scene.store = Store(Scene(place, store_only=True).url, scene.clock.now)
    assert len(scene.manager().adopt(RUN)) == paid
    scene.work()
    scene.assert_exactly_once()
    assert counts(scene.store) == undisturbed


def test_a_worker_whose_submission_was_moved_by_another_stops(place):
    scene = Scene(place)
    scene.manager().work(RUN, wait=False)
    (first, *_) = scene.store.submissions(RUN)
    with pytest.raises(StaleState, match="another process works on this run"):
        scene.store.move(first.__class__(**{**vars(first), "state": "intent"}), "sent")


def test_a_store_that_fails_after_the_provider_said_yes_is_reconciled(place, monkeypatch):
    """The one moment that everybody forgets: accepted, and nowhere to write it."""
    monkeypatch.setattr(database, "LOCK_WAIT_SECONDS", 0.02)
    scene = Scene(place, listing_lag_seconds=30)
    other = sqlite3.connect(place / "store.sqlite", isolation_level=None)
    adapter = open_rehearsal("ideal", scene.options, scene.clock.now, scene.clock.sleep)
    submit = adapter.submit

    def accepted(job):
        answer = submit(job)
        other.execute("BEGIN IMMEDIATE")
        return answer

    monkeypatch.setattr(adapter, "submit", accepted)
    with pytest.raises(StoreError, match="locked"):
        JobManager(scene.store, adapter, clock=scene.clock).work(RUN)
    assert [s.state for s in scene.store.submissions(RUN)] == ["sent", "planned", "planned"]
    assert len(scene.jobs()) == 1
    other.close()
    healthy_again(scene)
    assert len(scene.jobs()) == 3


# --- as a user meets it


@pytest.fixture
def shell(place):
    shell = Shell(place)
    shell.configure(queue_seconds=1)
    return shell


def one_line(called):
    assert called.code == 1
    assert called.stdout == ""
    return called.stderr.splitlines()[-1]


def test_a_full_disk_under_the_command(shell):
    assert shell("submit", "c.yaml").code == 0

    def little_room():
        # Files may not grow beyond this: the system refuses as a full disk does.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))

    said = one_line(shell("resume", before=little_room))
    assert "make room on the disk, then run 'enclone resume'" in said
    assert shell("resume").code == 0
    assert len(shell.cloud_jobs()) == 2


@pytest.mark.parametrize("content", [b"\xff" * 40_000, b"SQLite format 3\0" + b"\x07" * 40_000])
def test_a_damaged_store_under_the_command(shell, content):
    assert shell("submit", "c.yaml").code == 0
    for file in (shell.place / "runs").glob("enclone.sqlite-*"):
        file.unlink()
    store = shell.place / "runs" / "enclone.sqlite"
    store.write_bytes(content)
    for command in (["status"], ["resume"], ["list"], ["run", "c.yaml"]):
        said = one_line(shell(*command))
        assert "enclone.sqlite cannot be used" in said
        assert "enclone adopt" in said
    store.unlink()
    assert shell("adopt", f"runs/{shell.run.name}").code == 0
    assert shell("resume").code == 0
    assert len(shell.cloud_jobs()) == 2


def test_a_folder_that_may_not_be_written(shell):
    assert shell("submit", "c.yaml").code == 0
    runs = shell.place / "runs"
    (runs / "enclone.sqlite-wal").unlink(missing_ok=True)
    shell.place.chmod(0o755)
    everything = [runs, *runs.rglob("*")]
    before = {path: path.stat().st_mode for path in everything}
    for path in everything:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) | 0o444)

    def nobody_special():
        # The system's administrator may write anywhere, unless it gives that right up.
        if os.geteuid() == 0:
            drop_from_bounding_set, override_permissions = 24, 1
            assert ctypes.CDLL(None).prctl(drop_from_bounding_set, override_permissions) == 0

    for command in (["resume"], ["run", "c.yaml"], ["cancel", "latest"]):
        called = shell(*command, before=nobody_special)
        said = one_line(called)
        assert "readonly database" in said or "no folder that may be written to" in said
    for path, mode in before.items():
        path.chmod(mode)
    assert shell("resume").code == 0
    assert len(shell.cloud_jobs()) == 2


def test_an_unknown_kind_of_store_is_named(shell):
    shell.environment["ENCLONE_STORE"] = "nosuch://host/database"
    said = one_line(shell("run", "c.yaml"))
    assert "ENCLONE_STORE must be an SQLAlchemy URL" in said


def test_a_password_in_the_url_of_the_store_is_not_shown(shell):
    shell.environment["ENCLONE_STORE"] = "postgresql+psycopg://me:sesame@127.0.0.1:1/db"
    called = shell("run", "c.yaml")
    said = one_line(called)
    assert "127.0.0.1" in said
    assert "sesame" not in called.stderr

"""The store: old ones and newer ones, its locks, and what it costs to look at a long run."""

import json
import multiprocessing
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from commands import Shell
from harness import RUN, Scene, counts, stored_run
from sqlalchemy import create_engine, event, inspect
from started import SCRIPT

from backends.providers.rehearsal.adapter import open_rehearsal
from runner.jobs.manager import JobManager
from runner.store import locking
from runner.store.database import StoreError
from runner.store.locking import LockLost, RunIsBusy, lease_lock, run_lock
from runner.store.schema import REVISION, metadata
from runner.store.store import Store

STORES = Path(__file__).parent / "stores"


# --- old stores and newer ones


def old_store(place, revision):
    """A store as an older version left it: one circuit of three is counted."""
    file = place / "store.sqlite"
    connection = sqlite3.connect(file)
    connection.executescript((STORES / f"{revision}.sql").read_text(encoding="utf-8"))
    connection.close()
    return f"sqlite:///{file}"


@pytest.mark.parametrize("revision", sorted(path.stem for path in STORES.glob("*.sql")))
def test_a_store_of_an_older_version_opens_and_its_run_goes_on(place, revision):
    scene = Scene(place)
    scene.work()
    expected = counts(scene.store)
    (place / "store.sqlite").unlink()
    (place / "cloud.sqlite").unlink()
    store = Store(old_store(place, revision))
    before = counts(store)
    assert sum(value is not None for value in before.values()) == 1
    ((run, tally),) = store.overview()
    assert (run.id, run.device, tally.by_state) == (RUN, "ideal", {"assigned": 2, "counted": 1})
    JobManager(store, open_rehearsal("ideal", scene.options), clock=scene.clock).work(RUN)
    assert counts(store) == expected
    assert {k: v for k, v in counts(store).items() if before[k]} == {
        k: v for k, v in before.items() if v
    }, "counts never change"


def test_migrated_tables_are_those_of_a_new_store(place):
    migrated = Store(old_store(place, "0001")).engine
    new = create_engine(f"sqlite:///{place / 'new.sqlite'}")
    metadata.create_all(new)

    def columns(engine):
        found = inspect(engine)
        return {
            table: sorted((c["name"], str(c["type"])) for c in found.get_columns(table))
            for table in found.get_table_names()
            if table != "alembic_version"
        }

    def indices(engine):
        found = inspect(engine)
        return {
            (table, tuple(index["column_names"]))
            for table in metadata.tables
            for index in found.get_indexes(table)
        }

    assert columns(migrated) == columns(new)
    assert indices(migrated) == indices(new)


def test_the_newest_migration_is_the_one_that_new_stores_are_taken_to_have():
    config = Config()
    config.set_main_option("script_location", "runner.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_store_of_a_newer_version_is_left_alone(place):
    shell = Shell(place)
    shell.configure("stim")
    assert shell("run", "c.yaml").code == 0
    connection = sqlite3.connect(place / "runs" / "enclone.sqlite")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    refused = shell("status")
    assert (refused.code, refused.stdout) == (1, "")
    assert "written by a newer version of enclone" in refused.stderr
    assert "'9999'" in refused.stderr
    assert "install the newer version" in refused.stderr


# --- locks


def hold(url, run_id, ready, done):
    with run_lock(Store(url).engine, run_id):
        ready.set()
        done.wait(30)


def test_a_run_is_held_by_one_process_and_free_when_it_dies(place):
    url = stored_run(place)
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(url, RUN, ready, done))
    process.start()
    assert ready.wait(30)
    engine = Store(url).engine
    with pytest.raises(RunIsBusy, match="enclone watch") as caught, run_lock(engine, RUN):
        pass
    assert caught.value.exit_code == 3
    with run_lock(engine, "another"):
        pass
    process.kill()
    process.join()
    with run_lock(engine, RUN):
        pass


def test_a_lease_holds_a_run_until_it_is_given_back(place):
    engine = Store(stored_run(place)).engine
    with lease_lock(engine, RUN) as require_lock:
        require_lock()
        with (
            pytest.raises(RunIsBusy, match=r"or died within the last 300 s; .* again in \d+ s"),
            lease_lock(engine, RUN),
        ):
            pass
        with lease_lock(engine, "another"):
            pass
        require_lock()
    with lease_lock(engine, RUN):
        pass


def test_a_lease_runs_out_and_its_former_holder_is_told_before_it_sends(place, monkeypatch):
    engine = Store(stored_run(place)).engine
    now = time.time()
    with lease_lock(engine, RUN) as former:
        monkeypatch.setattr(locking.time, "time", lambda: now + locking.LEASE_SECONDS + 1)
        with lease_lock(engine, RUN) as require_lock:
            require_lock()
            with pytest.raises(LockLost, match="was taken over by another process"):
                former()


def test_whoever_lost_the_lock_sends_nothing(place, monkeypatch):
    monkeypatch.setitem(vars(locking), "_file_lock", lease_lock)
    scene = Scene(place)
    manager = scene.manager()
    taken = False

    def take(connection):
        nonlocal taken
        if not taken:
            taken = True
            connection.exec_driver_sql("UPDATE leases SET owner = 'somebody else'")

    mark = scene.store.move

    def move(submission, target, *rest, **changes):
        moved = mark(submission, target, *rest, **changes)
        if target == "intent":
            with scene.store.engine.begin() as connection:
                take(connection)
        return moved

    monkeypatch.setattr(scene.store, "move", move)
    with pytest.raises(LockLost):
        manager.work(RUN)
    assert scene.jobs() == []
    assert {s.state for s in scene.store.submissions(RUN)} == {"intent", "planned"}


# --- long runs


class Statements:
    """Counts what a store asks of its database."""

    def __init__(self, store):
        self.number = 0
        event.listen(store.engine, "before_cursor_execute", self._count)

    def _count(self, *_):
        self.number += 1


def statements_of_a_run(place, repeats):
    place.mkdir()
    scene = Scene(place, run={"repeats": repeats}, circuits_per_job=10)
    counted = Statements(scene.store)
    scene.work()
    scene.assert_exactly_once(repeats)
    return counted.number


def test_the_work_on_a_run_grows_linearly(place):
    """Counted in statements, not in seconds: twice the circuits, at most twice the statements."""
    few, many = (statements_of_a_run(place / str(n), n) for n in (100, 400))
    assert many < 4.4 * few


def kibibytes_of(shell, *arguments):
    """Run a command; return how much memory it took at most."""
    program = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(SCRIPT), *arguments],
        cwd=shell.place,
        env=shell.environment,
        capture_output=True,
        check=True,
    )
    return int(done.stdout)


def test_a_run_of_ten_thousand_circuits(place):
    shell = Shell(place)
    shell.configure("stim")
    file = place / "c.yaml"
    # Six circuits stand behind a row: what is many here is circuits.
    document = json.loads(file.read_text(encoding="utf-8"))
    document["experiment"] = {"kind": "entanglement", "n": 2, "input": "process"}
    file.write_text(json.dumps({**document, "repeats": 1667}), encoding="utf-8")
    assert shell("plan", "c.yaml", "--json").json["forecast"]["circuits"] == 10_002
    most = kibibytes_of(shell, "submit", "c.yaml")
    most = max(most, kibibytes_of(shell, "resume"), kibibytes_of(shell, "status"))
    assert most < 1024 * 1024, "less than 1 GiB"
    status = shell("status", "--json")
    assert status.json["circuits"] == {"counted": 10_002}
    assert len(list((shell.run / "counts").iterdir())) == 10_002


@pytest.mark.parametrize("command", ["status", "list"])
def test_looking_at_runs_does_not_wait_for_qiskit(place, command):
    """That is what makes it quick; ``make bench`` shows how quick."""
    shell = Shell(place)
    shell.configure("stim")
    assert shell("run", "c.yaml").code == 0
    shell.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    imported = re.findall(r"\|\s+(\S+)$", shell(command).stderr, re.MULTILINE)
    assert "sqlalchemy" in imported
    assert not {"qiskit", "numpy", "matplotlib", "pydantic", "alembic"} & set(imported)


def test_a_store_in_a_place_that_does_not_exist_is_named(place):
    (place / "file").touch()
    with pytest.raises(StoreError, match="choose another place with --out or ENCLONE_STORE"):
        Store(f"sqlite:///{place / 'file' / 'store.sqlite'}")

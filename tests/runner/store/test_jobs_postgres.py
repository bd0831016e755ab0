"""The same promises in PostgreSQL, on a server that the tests start."""

import multiprocessing
import shutil
import signal
import time
from concurrent.futures import ProcessPoolExecutor

import pytest
from commands import Shell
from harness import (
    RUN,
    WRITES,
    Killer,
    Scene,
    cloud,
    cloud_options,
    counts,
    fast_folder,
    in_a_process_of_its_own,
    work,
)
from postgres import running

from backends.providers.rehearsal.settings import FAULT_KINDS
from runner.jobs.sender import ProviderRefused
from runner.store.database import StoreError
from runner.store.locking import RunIsBusy, run_lock
from runner.store.store import Store


@pytest.fixture(scope="module")
def server():
    folder = fast_folder("enclone-postgres-")
    with running(folder / "pg") as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("undisturbed"))
    scene.work()
    return counts(scene.store)


@pytest.fixture
def opened():
    """Opens stores, and closes them when the test is over."""
    stores = []

    def open_it(url, *arguments):
        stores.append(Store(url, *arguments))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def scene_in(server, place, opened):
    def make(**settings):
        scene = Scene(place, **settings)
        scene.url = server.stored_run()
        scene.store = opened(scene.url, scene.clock.now)
        return scene

    return make


def test_killed_at_every_point_of_its_life(server, place, undisturbed):
    killer = Killer(None)
    first = place / "first"
    first.mkdir()
    url = server.stored_run()
    points = work(url, cloud_options(first), killer)
    assert points > 60
    for at in range(1, points + 1):
        folder = place / str(at)
        folder.mkdir()
        url, options = server.stored_run(), cloud_options(folder)

        def die(url=url, options=options, at=at):
            work(url, options, Killer(at))

        assert in_a_process_of_its_own(die) == -signal.SIGKILL
        work(url, options)
        store = Store(url)
        submissions = store.submissions(RUN)
        work(url, options)
        assert store.submissions(RUN) == submissions
        assert counts(store) == undisturbed
        paid = cloud(folder).jobs()
        assert sorted(job.id for job in paid) == sorted(s.provider_id for s in submissions)
        assert len(paid) == 3
        store.engine.dispose()


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_one_job_survives_each_fault_of_a_submission(scene_in, undisturbed, kind):
    scene = scene_in(
        faults=[{"call": "submit", "kind": kind, "times": 2}],
        queue_seconds=200.0,
        listing_lag_seconds=30.0,
        poll_seconds=20.0,
    )
    for _ in range(3):
        try:
            scene.work()
        except ProviderRefused as error:
            scene.told.append(str(error))
    scene.assert_exactly_once()
    assert counts(scene.store) == undisturbed


@pytest.mark.parametrize("at", range(1, 17))
def test_the_server_cuts_all_connections_at_any_write(server, scene_in, opened, undisturbed, at):
    scene = scene_in(queue_seconds=5, poll_seconds=1)
    passed = 0

    def cutting(write):
        def call(*args, **kwargs):
            nonlocal passed
            passed += 1
            if passed == at:
                server.cut_all_connections()
            return write(*args, **kwargs)

        return call

    for name in WRITES:
        setattr(scene.store, name, cutting(getattr(scene.store, name)))
    with pytest.raises(StoreError, match="check that the database runs"):
        scene.work()
    scene.store = opened(scene.url, scene.clock.now)
    scene.work()
    scene.assert_exactly_once()
    assert counts(scene.store) == undisturbed


def test_one_worker_at_a_time(server, opened):
    store = opened(server.stored_run())
    with run_lock(store.engine, RUN):
        with pytest.raises(RunIsBusy), run_lock(store.engine, RUN):
            pass
        with run_lock(store.engine, "another run"):
            pass
    with run_lock(store.engine, RUN):
        pass


def test_first_commands_at_once_make_the_tables_once(server):
    url = server.empty()
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(open_and_count, [url] * 8)) == [0] * 8


def open_and_count(url):
    store = Store(url)
    try:
        return len(store.run_ids())
    finally:
        store.close()


def test_a_run_moves_from_machine_to_machine(server, place):
    (place / "here").mkdir()
    (place / "there").mkdir()
    url = server.empty()
    here, there = (Shell(place / name, ENCLONE_STORE=url) for name in ("here", "there"))
    here.configure(queue_seconds=2)
    assert here("submit", "c.yaml").code == 0
    assert there("status").code == 3
    assert there("list", "--json").json[0]["state"] == "pending"
    assert there("watch").code == 0
    assert [row["value"] for row in there("report", "--json").json] == [1.0, 1.0]
    assert here("status").code == 0
    assert here("collect").code == 0
    assert here.counts() == there.counts()
    assert not list((place / "here" / "runs").glob("*.sqlite")), "the store is on the server"


def test_two_machines_in_one_second_get_a_run_each(server, place):
    url = server.empty()
    shells = []
    for name in "abc":
        (place / name).mkdir()
        shells.append(Shell(place / name, ENCLONE_STORE=url))
        shells[-1].configure("stim")
    time.sleep(1 - time.time() % 1)
    processes = [shell.start("run", "c.yaml") for shell in shells]
    for process in processes:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
    assert len({run["run"] for run in shells[0]("list", "--json").json}) == 3

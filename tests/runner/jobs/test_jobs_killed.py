"""The process is killed at every point of its life: nothing is lost, nothing is paid twice."""

import shutil
import signal

from harness import (
    RUN,
    Killer,
    cloud,
    cloud_options,
    counts,
    in_a_process_of_its_own,
    stored_run,
    work,
)

from runner.store.store import Store


def killed_and_resumed(place, at):
    """Kill a worker at its at-th point, resume its run twice from here; return the store."""
    url, options = stored_run(place), cloud_options(place)
    assert in_a_process_of_its_own(lambda: work(url, options, Killer(at))) == -signal.SIGKILL
    work(url, options)
    store = Store(url)
    before = store.submissions(RUN)
    work(url, options)
    assert store.submissions(RUN) == before, "a second resume changes nothing"
    return store


def assert_exactly_once(store, place, expected):
    assert counts(store) == expected
    submissions = store.submissions(RUN)
    assert {s.state for s in submissions} == {"analysed"}
    paid = cloud(place).jobs()
    assert sorted(job.id for job in paid) == sorted(s.provider_id for s in submissions)
    assert sorted(job.tag for job in paid) == sorted(s.tag for s in submissions)
    assert len(submissions) == 3


def test_every_point_of_its_life(place):
    killer = Killer(None)
    undisturbed = place / "undisturbed"
    undisturbed.mkdir()
    url = stored_run(undisturbed)
    points = work(url, cloud_options(undisturbed), killer)
    expected = counts(Store(url))
    assert points > 60
    assert all(value is not None for value in expected.values())
    for at in range(1, points + 1):
        folder = place / str(at)
        folder.mkdir()
        store = killed_and_resumed(folder, at)
        assert_exactly_once(store, folder, expected)
        store.engine.dispose()
        shutil.rmtree(folder)

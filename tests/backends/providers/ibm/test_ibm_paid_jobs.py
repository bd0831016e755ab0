"""A paid job is never given up on one answer, and reading needs only what reading needs."""

import json

import pytest
from ibm_scene import FEZ, RUN, SMALL

from tests.emulators.ibm.faults import Fault

GONE = "refused"


def denied(call, times=1):
    return Fault(call, GONE, times=times, status=404)


def lines(scene):
    return "\n".join(scene.told)


# --- no such job, no such file, not yet, not for you


@pytest.mark.parametrize("call", ["job", "results"])
def test_one_404_loses_no_job(scene, call):
    """PR#837, RT#2271: 'Job not found' for jobs that exist."""
    faulty = scene(faults=[denied(call)], listing_lag_seconds=0.0)
    faulty.clock.sleep(1000)
    faulty.work()
    faulty.assert_exactly_once()


@pytest.mark.parametrize("call", ["job", "results"])
def test_a_job_that_is_listed_is_never_lost(scene, call):
    """PR#837, RT#2271: the job answers 404 for ever, though the listing by tag shows it."""
    faulty = scene(faults=[denied(call, times=10**6)])
    faulty.work()
    assert {s.state for s in faulty.store.submissions(RUN)} <= {"accepted", "running", "done"}
    assert "enclone resume" in lines(faulty)
    faulty.service.settings.faults = []
    faulty.work()
    faulty.assert_exactly_once()


def test_a_404_that_stays_on_the_listing_is_no_word_about_a_job(scene):
    """PR#837 (akin): the listing itself is not found."""
    faulty = scene(faults=[denied("list", times=30)])
    faulty.work()
    faulty.assert_exactly_once()
    assert faulty.service.calls("submit") == 2


def test_lost_is_said_only_over_time_and_resume_undoes_it(scene):
    """PR#837: neither job nor listing know it for a long time; then it is back."""
    faulty = scene(queue_seconds=50.0)
    faulty.work(wait=False)
    faulty.service.settings.faults = [
        denied("job", times=10**6),
        Fault("list", "answered", times=10**6, body='{"jobs": [], "count": 0}'),
    ]
    started = faulty.clock.now()
    faulty.work()
    assert {s.state for s in faulty.store.submissions(RUN)} == {"lost"}
    assert faulty.clock.now() - started >= 120
    assert faulty.service.calls("job") >= 5
    assert "'enclone resume" in faulty.store.submissions(RUN)[0].message
    assert faulty.store.account(RUN).unbilled == 2, "what was sent may have to be paid for"
    before = [faulty.store.history(s.tag) for s in faulty.store.submissions(RUN)]
    faulty.work()
    assert before == [faulty.store.history(s.tag) for s in faulty.store.submissions(RUN)]
    faulty.service.settings.faults = []
    faulty.work()
    faulty.assert_exactly_once()
    assert faulty.service.calls("submit") == 2


def test_what_was_never_made_is_sent_again_by_resume(scene):
    """503 for ever: nothing was made, so nothing keeps a later resume from sending it."""
    faulty = scene(faults=[Fault("submit", "unavailable_503", times=10**6)])
    faulty.work()
    assert {s.state for s in faulty.store.submissions(RUN)} == {"lost"}
    faulty.service.settings.faults = []
    faulty.work()
    faulty.assert_exactly_once()


UNREADABLE = {
    "empty": "",
    "null": "null",
    "log text": "Traceback (most recent call last): the job's own log",
    "list": "[]",
    "number": "7",
    "text": '"done"',
    "no data": '{"metadata": {}}',
    "unknown schema": json.dumps({"schema_version": "v9.9", "data": [], "metadata": {}}),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_results_that_cannot_be_read_are_asked_for_a_few_times_and_kept(scene, tmp_path, body):
    """RT#885, PR#567, RT#509: a completed job whose result is None, log text, unknown."""
    faulty = scene()
    faulty.answers = tmp_path
    faulty.service.settings.faults = [Fault("results", "answered", times=10**6, body=body)]
    faulty.work()
    assert faulty.service.calls("results") <= 12
    submissions = faulty.store.submissions(RUN)
    assert {s.state for s in submissions} == {"done"}
    assert all(s.billed.qpu_seconds > 2 for s in submissions), "its bill is kept"
    for submission in submissions:
        assert submission.provider_id in submission.message
        (kept,) = tmp_path.glob(f"*{submission.provider_id}*")
        assert str(kept) in submission.message
        assert kept.read_text() == body
    faulty.service.settings.faults = []
    faulty.work()
    faulty.assert_exactly_once()


# --- reading needs only what reading needs


def test_counts_of_a_retired_device_are_read(scene):
    """RT#3012, RT#3020, PR#837: the device has left the listing; the jobs are still there."""
    retired = scene(queue_seconds=50.0)
    retired.work(wait=False)
    retired.retire()
    retired.work(send=False)
    retired.assert_exactly_once()


def test_what_was_not_sent_to_a_retired_device_is_said(scene):
    """RT#3012: sending needs the device, and says so; what was sent is read all the same."""
    retired = scene(queue_seconds=50.0, jobs_per_minute=1)
    retired.work(wait=False)
    retired.retire()
    retired.work()
    assert retired.store.tally(RUN).by_state == {"assigned": 1, "counted": 1}
    assert "no device 'ibm_lagos'" in retired.told[-1]


def test_a_job_of_a_retired_device_is_adopted(scene):
    retired = scene(queue_seconds=50.0)
    retired.work(wait=False)
    (first, *_) = retired.store.submissions(RUN)
    retired.store.move(first, "lost", "given up", provider_id=None)
    retired.retire()
    assert retired.manager().adopt(RUN, first.tag) == [first.provider_id]
    retired.work(send=False)
    retired.assert_exactly_once()


@pytest.mark.parametrize("call", ["configuration", "properties", "status", "backends", "usage"])
@pytest.mark.parametrize("status", [403, 404, 500])
def test_reading_asks_nothing_of_the_device(scene, call, status):
    """RT#1924, RT#190: a configuration that cannot be read."""
    closed = scene(queue_seconds=50.0)
    closed.work(wait=False)
    closed.service.settings.faults = [Fault(call, GONE, times=10**6, status=status)]
    closed.work(send=False)
    closed.assert_exactly_once()


def test_limits_that_changed_while_a_job_waited_do_not_matter(scene):
    config = {
        "provider": "ibm",
        "device": SMALL.name,
        "ibm": {"circuits_per_job": 1, "rep_delay_seconds": 0.0002},
    }
    waiting = scene(changes={"backend": config}, queue_seconds=50.0)
    waiting.work(wait=False)
    changed = {
        **SMALL.configuration,
        "rep_delay_range": [1.0, 2.0],
        "max_shots": 1,
        "max_experiments": 1,
    }
    waiting.service.devices[SMALL.name] = type(SMALL)(SMALL.name, changed, SMALL.properties)
    waiting.work()
    waiting.assert_exactly_once()


def test_the_least_busy_device_runs_jobs(scene):
    """RT#2411, PQ#886: a device in maintenance with an empty queue is chosen."""
    from dataclasses import replace

    from backends.providers.ibm.adapter import open_ibm

    chosen = scene()
    chosen.service.devices[SMALL.name] = replace(SMALL, status="maintenance", queue_length=0)
    chosen.service.devices["ibm_kingston"] = replace(
        chosen.service.devices["ibm_kingston"], status="internal", queue_length=0
    )
    assert open_ibm("least_busy", {}).snapshot().name == FEZ.name

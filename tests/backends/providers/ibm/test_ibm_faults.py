"""Everything that can happen to the call that pays: one job survives, whatever the client does."""

import json

import pytest
from ibm_scene import RUN, SMALL
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from qiskit_ibm_runtime.executor_sampler import Sampler

from backends.providers.ibm.circuits import for_the_wire
from runner.store.codec import circuit_from_bytes
from tests.emulators.ibm.faults import Fault
from tests.emulators.ibm.settings import INSTANCE

AFTER = {
    "accepted_500": 1,
    "accepted_502": 2,
    "accepted_dropped": 1,
    "accepted_without_backend": 1,
    "accepted_truncated": 1,
    "accepted_malformed": 1,
}


def submit_by_hand(scene):
    """What a user of the client alone would do."""
    service = QiskitRuntimeService(instance=INSTANCE)
    backend = service.backend(SMALL.name)
    (circuit, *_) = scene.store.circuits(RUN)
    compiled = circuit_from_bytes(scene.store.program(RUN, circuit.stem).compiled)
    return Sampler(backend).run([for_the_wire(compiled, backend.target)], shots=10)


@pytest.mark.parametrize(
    ("kind", "times", "jobs"), [("accepted_500", 1, 2), ("accepted_502", 2, 3)]
)
def test_the_client_alone_makes_several_paid_jobs_of_one_call(scene, kind, times, jobs):
    alone = scene(faults=[Fault("submit", kind, times=times)])
    submit_by_hand(alone)
    assert len(alone.surviving()) == jobs


@pytest.mark.parametrize("lag", [0.0, 25.0])
@pytest.mark.parametrize("kind", AFTER)
def test_a_job_whose_answer_was_lost_is_found_and_not_sent_again(scene, kind, lag):
    faulty = scene(
        faults=[Fault("submit", kind, times=AFTER[kind])],
        queue_seconds=100.0,
        listing_lag_seconds=lag,
    )
    faulty.work()
    faulty.assert_exactly_once()
    assert len(faulty.service.jobs()) == 2, "no duplicate was even made"
    assert any("got no usable answer" in line for line in faulty.told)
    assert sum("the provider has it as job" in line for line in faulty.told) == AFTER[kind]


def test_503_for_a_while_sends_one_job_in_the_end(scene):
    faulty = scene(faults=[Fault("submit", "unavailable_503", times=3)])
    faulty.work()
    faulty.assert_exactly_once()
    assert faulty.service.calls("submit") == 5, "three refused calls, two jobs"


def test_503_for_ever_makes_no_job_and_says_so(scene):
    faulty = scene(faults=[Fault("submit", "unavailable_503", times=10**6)])
    faulty.work()
    assert faulty.service.jobs() == []
    assert {s.state for s in faulty.store.submissions(RUN)} == {"lost"}
    assert any("sent 5 times without a trace" in line for line in faulty.told)


@pytest.mark.parametrize("wait", [None, 7])
def test_too_many_calls_wait_as_long_as_the_service_asks(scene, wait):
    faulty = scene(faults=[Fault("submit", "rate_limited", times=2, retry_after_seconds=wait)])
    before = faulty.clock.now()
    faulty.work()
    faulty.assert_exactly_once()
    assert faulty.clock.now() >= before + (wait or 1)
    assert any("too many calls" in line for line in faulty.told)


def test_five_jobs_a_minute_are_kept_to(scene):
    slow = scene(changes={"repeats": 8}, jobs_per_minute=5)
    slow.work()
    slow.assert_exactly_once(jobs=8)


@pytest.mark.parametrize("status", [400, 409, 413])
def test_a_refused_job_stops_the_run_which_goes_on_later(scene, status):
    faulty = scene(faults=[Fault("submit", "refused", status=status)])
    faulty.work()
    assert faulty.service.jobs() == []
    assert f"was refused: HTTP {status}" in faulty.told[-1]
    faulty.work()
    faulty.assert_exactly_once()


def test_a_refusal_by_a_machine_on_the_way_is_not_believed(scene):
    faulty = scene(faults=[Fault("submit", "refused", status=408)])
    faulty.work()
    faulty.assert_exactly_once()
    assert any("HTTP 408" in line and "no usable answer" in line for line in faulty.told)


@pytest.mark.parametrize("call", ["usage", "status", "properties"])
@pytest.mark.parametrize("kind", ["unavailable_503", "dropped", "rate_limited"])
def test_questions_before_the_call_that_pays_may_fail(scene, call, kind):
    faulty = scene(faults=[Fault(call, kind, times=4)])
    faulty.work()
    faulty.assert_exactly_once()
    assert faulty.service.calls("submit") == 2


def test_what_the_client_itself_refuses_is_not_tried_again(scene, monkeypatch):
    def refuse(*_, **__):
        raise IBMInputValueError("no such thing")

    stubborn = scene()
    monkeypatch.setattr(Sampler, "run", refuse)
    stubborn.work()
    assert stubborn.service.calls("submit") == 0
    assert "IBM's client refuses it: no such thing" in stubborn.told[-1]


@pytest.mark.parametrize("call", ["list", "job", "results", "metrics"])
@pytest.mark.parametrize(
    "kind", ["unavailable_503", "dropped", "accepted_truncated", "rate_limited"]
)
def test_questions_after_it_may_fail(scene, call, kind):
    faulty = scene(faults=[Fault(call, kind, times=3)])
    faulty.work()
    faulty.assert_exactly_once()
    assert faulty.service.calls("submit") == 2


def test_an_answer_that_never_comes_is_not_waited_for(scene, monkeypatch):
    monkeypatch.setattr("backends.providers.ibm.transport.ANSWER_SECONDS", 0.3)
    faulty = scene(faults=[Fault("job", "accepted_hangs", times=4)])
    faulty.work()
    faulty.assert_exactly_once()
    assert any("asking where job" in line and "timed out" in line for line in faulty.told)


def test_a_duplicate_that_a_client_made_before_is_cancelled_and_told(scene):
    faulty = scene(faults=[Fault("submit", "accepted_dropped")], queue_seconds=500.0)
    faulty.work(wait=False)
    # Another client repeats the call, as one without this wire would.
    first = faulty.service.jobs()[0]
    row = faulty.service._row(first.id)
    faulty.service.submit(
        {
            "program_id": row["program"],
            "backend": first.backend,
            "tags": list(first.tags),
            "params": json.loads(row["params"]),
        },
        INSTANCE,
    )
    faulty.work()
    faulty.assert_exactly_once()
    assert [j.state for j in faulty.service.jobs()].count("Cancelled") == 1
    assert any("is a duplicate made by a repeated call" in line for line in faulty.told)


def test_a_second_resume_changes_nothing(scene):
    done = scene()
    done.work()
    done.assert_exactly_once()
    jobs, counts = done.service.jobs(), [c.counts for c in done.store.circuits(RUN)]
    done.work()
    assert (done.service.jobs(), [c.counts for c in done.store.circuits(RUN)]) == (jobs, counts)
    assert done.service.calls("submit") == 2


def test_a_cancelled_run_cancels_its_jobs(scene):
    waiting = scene(queue_seconds=500.0)
    waiting.work(wait=False)
    waiting.store.cancel_run(RUN)
    waiting.work()
    assert waiting.surviving() == []
    assert waiting.store.tally(RUN).by_state == {"cancelled": 2}


def test_a_job_that_ran_too_long_says_why(scene):
    config = {"provider": "ibm", "device": SMALL.name, "ibm": {"circuits_per_job": 1}}
    short = scene(changes={"backend": config})
    short.work(wait=False)
    for job in short.service.jobs():
        short.service._database.execute("UPDATE jobs SET cost = 1 WHERE id = ?", (job.id,))
        short.service._database.execute("UPDATE jobs SET state = 'Queued' WHERE id = ?", (job.id,))
    short.work()
    assert short.store.tally(RUN).by_state == {"failed": 2}
    assert any("1305" in line or "longer than" in line for line in short.told), short.told
    # The time until then is billed.
    assert short.store.account(RUN).billed.qpu_seconds == 2.0

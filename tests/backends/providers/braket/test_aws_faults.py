"""Every call of the real client × everything that can happen to it: one task survives."""

import json
import re
import signal

import pytest
from aws_harness import RUN, AwsScene, adapter
from braket_service import FAULTS, Fault, Service, ServiceError
from harness import Killer, in_a_process_of_its_own

from backends.adapter import Unusable
from runner.errors import OverBudget, UserError
from runner.jobs.manager import JobManager
from runner.jobs.sender import MOST_SENDS, ProviderRefused
from runner.store.store import Store

ASKING = ("refused", "rate_limited", "unavailable_503", "timeout_after", "dropped", "truncated")
"""A question has no effect, so it does not matter when its answer is lost."""

CASES = [("CreateQuantumTask", kind) for kind in FAULTS] + [
    (call, kind) for call in ("SearchQuantumTasks", "GetQuantumTask") for kind in ASKING
]
pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(autouse=True)
def _impatient(request, monkeypatch):
    """A client that gives up waiting before the emulator does, where that is the fault."""
    if "timeout" in request.node.name:
        monkeypatch.setattr("backends.providers.braket.session._READ_SECONDS", 0.8)


@pytest.mark.parametrize(("call", "kind"), CASES)
def test_exactly_one_task_survives_each_fault(place, emulator, call, kind):
    # A queue, so that duplicates could be cancelled before they run.
    scene = AwsScene(
        place,
        emulator,
        faults=[Fault(call, kind, first=1, times=2)],
        listing_lag_seconds=20.0,
        queue_seconds=60.0,
    )
    for _ in range(3):
        try:
            scene.work()
        except ProviderRefused as error:
            scene.told.append(str(error))
    scene.assert_exactly_once()
    assert len(scene.service.made()) == 3, "no task was made that nobody needs"
    doing = {"CreateQuantumTask": "submitting", "SearchQuantumTasks": "listing"}.get(
        call, "asking where"
    )
    assert any(doing in line and WORDS[kind] in line for line in scene.told), scene.told


WORDS = {
    "refused": "AccessDeniedException: not allowed",
    "rate_limited": "too many calls: slow down",
    "rate_limited_retry_after": "too many calls: slow down",
    "unavailable_503": "HTTP 503",
    "timeout_before": "Read timeout",
    "timeout_after": "Read timeout",
    "accepted_500": "HTTP 500: internal error",
    "accepted_502": "HTTP 502",
    "dropped_before": "Connection was closed",
    "dropped": "Connection was closed",
    "truncated": "the answer lacks",
    "malformed": "the answer lacks",
    "wrong_schema": "the answer lacks",
}


@pytest.mark.parametrize("kind", ["timeout_after", "accepted_500", "dropped", "truncated"])
def test_a_lost_answer_is_never_answered_by_sending_again(place, emulator, kind):
    scene = AwsScene(
        place, emulator, faults=[Fault("CreateQuantumTask", kind, 1, 3)], listing_lag_seconds=20
    )
    scene.work()
    scene.assert_exactly_once()
    assert scene.service.calls["CreateQuantumTask"] == 3
    assert {s.sends for s in scene.store.submissions(RUN)} == {1}


def test_the_client_never_repeats_the_call_that_pays(place, emulator):
    scene = AwsScene(place, emulator, faults=[Fault("CreateQuantumTask", "accepted_500", 1, 9)])
    scene.manager().work(RUN, wait=False)
    # Three submissions, one call each, though botocore would repeat a 500.
    assert scene.service.calls["CreateQuantumTask"] == 3


def test_a_service_that_is_away_for_ever_makes_nothing_and_is_given_up(place, emulator):
    scene = AwsScene(
        place,
        emulator,
        run={"repeats": 1},
        faults=[Fault("CreateQuantumTask", "unavailable_503", 1, 99)],
    )
    scene.work()
    assert scene.service.calls["CreateQuantumTask"] == MOST_SENDS
    assert scene.service.made() == []
    assert scene.store.tally(RUN).by_state == {"lost": 1}
    assert any("sent 5 times without a trace" in line for line in scene.told)


def test_a_task_that_is_listed_late_is_kept_by_its_token(place, emulator):
    """The listing lags longer than promised: the same token makes no second task."""
    scene = AwsScene(
        place,
        emulator,
        faults=[Fault("CreateQuantumTask", "dropped", 1, 1)],
        listing_lag_seconds=150.0,
        options={"listing_lag_seconds": 20.0},
    )
    scene.work()
    scene.assert_exactly_once()
    assert scene.service.calls["CreateQuantumTask"] == 4
    assert len(scene.service.made()) == 3


def test_a_duplicate_after_the_token_has_expired_is_cancelled_and_told(place, emulator):
    scene = AwsScene(
        place,
        emulator,
        faults=[Fault("CreateQuantumTask", "dropped", 1, 1)],
        listing_lag_seconds=150.0,
        token_seconds=1.0,
        queue_seconds=300.0,
        options={"listing_lag_seconds": 20.0},
    )
    scene.work()
    assert [t.status for t in scene.service.made()].count("CANCELLED") == 1
    scene.assert_exactly_once()
    assert any("is a duplicate made by a repeated call" in line for line in scene.told)


def test_a_batch_whose_third_submission_fails_keeps_the_two(place, emulator):
    scene = AwsScene(
        place,
        emulator,
        run={"repeats": 10},
        faults=[Fault("CreateQuantumTask", "refused", 3, 1)],
    )
    with pytest.raises(ProviderRefused, match="AccessDeniedException"):
        scene.work()
    assert scene.store.tally(RUN).by_state == {"counted": 2, "assigned": 8}
    assert len(scene.service.made()) == 2
    kept = {c.identity: c.counts for c in scene.store.circuits(RUN) if c.counts is not None}
    scene.work()
    scene.assert_exactly_once(10)
    after = {c.identity: c.counts for c in scene.store.circuits(RUN)}
    assert {identity: after[identity] for identity in kept} == kept


def test_a_budget_stops_before_the_task_that_would_exceed_it(place, emulator):
    # A task costs 0.3 USD, and 0.0009 USD for each of its 20 shots.
    scene = AwsScene(place, emulator, run={"budget": {"usd": 0.7}})
    with pytest.raises(OverBudget, match=r"budget\.usd allows 0\.7"):
        scene.work()
    assert len(scene.service.made()) == 2
    assert scene.store.account(RUN).billed.usd == pytest.approx(2 * 0.318)


@pytest.mark.parametrize("at", [1, 2])
def test_a_process_killed_around_the_call_that_pays_loses_nothing(place, emulator, at):
    scene = AwsScene(place, emulator, run={"repeats": 1}, listing_lag_seconds=5.0)

    def until_killed():
        opened = adapter(scene.arn, scene.clock)
        Killer(at).around(opened, ("submit",))
        store = Store(f"sqlite:///{place / 'store.sqlite'}", scene.clock.now)
        JobManager(store, opened, clock=scene.clock).work(RUN)

    assert in_a_process_of_its_own(until_killed) == -signal.SIGKILL
    assert len(scene.service.made()) == at - 1
    scene.work()
    scene.assert_exactly_once(1)


def test_a_second_resume_changes_nothing(place, emulator):
    scene = AwsScene(place, emulator)
    scene.work()
    before = scene.service.calls.copy()
    scene.work()
    assert scene.service.calls - before == {"GetDevice": 1}
    scene.assert_exactly_once()


def test_cancelling_waits_for_the_services_word(place, emulator):
    scene = AwsScene(place, emulator, queue_seconds=500.0)
    scene.manager().work(RUN, wait=False)
    scene.manager().cancel(RUN)
    assert [t.status for t in scene.service.made()] == ["CANCELLED"] * 3
    assert scene.store.tally(RUN).by_state == {"cancelled": 3}
    assert scene.store.account(RUN).billed.usd == 0


def test_what_ran_before_it_could_be_cancelled_is_kept(place, emulator):
    scene = AwsScene(place, emulator, queue_seconds=100.0)
    scene.manager().work(RUN, wait=False)
    scene.clock.sleep(200)
    scene.manager().cancel(RUN)
    scene.assert_exactly_once()


def test_a_failed_task_says_why_and_hides_no_other(place, emulator):
    scene = AwsScene(place, emulator, fail={1: "the ions were lost"})
    scene.work()
    assert scene.store.tally(RUN).by_state == {"counted": 2, "failed": 1}
    assert any("the task failed: the ions were lost" in line for line in scene.told)
    # Two tasks with 20 shots each: failed ones are not billed.
    assert scene.store.account(RUN).billed.usd == pytest.approx(2 * (0.3 + 20 * 0.0009))


def test_credentials_that_expire_while_tasks_run_stop_the_waiting(place, emulator):
    scene = AwsScene(place, emulator, queue_seconds=100.0)
    scene.manager().work(RUN, wait=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("braket_emulator._Handler._region", _expired_region)
        with pytest.raises(Unusable, match="the AWS session has expired"):
            scene.manager().work(RUN)
    scene.work()
    scene.assert_exactly_once()


def _expired_region(handler):
    if handler.path.startswith("/device"):
        return "us-west-1"
    raise ServiceError(403, "ExpiredTokenException", "The security token has expired")


def test_orphans_are_adopted_by_their_tag(place, emulator):
    scene = AwsScene(place, emulator, queue_seconds=50.0)
    scene.manager().work(RUN, wait=False)
    (first, *_) = scene.store.submissions(RUN)
    lost = scene.store.move(first, "lost", "given up", provider_id=None)
    assert scene.manager().adopt(RUN, lost.tag) == [first.provider_id]
    scene.work()
    scene.assert_exactly_once()


# --- a paid task is never given up on one answer, and its answer is checked


def _rewritten(scene, change):
    """Change the results of all tasks where they lie."""
    scene.clock.sleep(1000)
    scene.service._advance()
    for task in scene.service.made():
        key = {"Bucket": task.request["outputS3Bucket"], "Key": f"{task.folder}/results.json"}
        before = scene.emulator.s3.get_object(**key)["Body"].read().decode()
        scene.emulator.s3.put_object(**key, Body=change(before).encode())
        yield key, before


@pytest.mark.parametrize("text", ["", "null", "[]", "7", '"done"', "{}", "<html>"])
def test_results_that_cannot_be_read_are_kept_with_their_bill(place, emulator, text):
    """RT#885, PR#567 (akin): a completed task whose results are no results."""
    scene = AwsScene(place, emulator, run={"repeats": 1}, queue_seconds=10.0)
    scene.manager().work(RUN, wait=False)
    kept = list(_rewritten(scene, lambda _: text))
    scene.work()
    (submission,) = scene.store.submissions(RUN)
    assert submission.state == "done"
    assert "results.json" in submission.message
    assert submission.billed.usd > 0
    for key, before in kept:
        scene.emulator.s3.put_object(**key, Body=before.encode())
    scene.work()
    scene.assert_exactly_once(1)


def test_results_that_are_missing_lose_no_task(place, emulator):
    """PR#837 (akin): 'no such file' is not 'no such task'."""
    scene = AwsScene(place, emulator, run={"repeats": 1}, queue_seconds=10.0)
    scene.manager().work(RUN, wait=False)
    kept = list(_rewritten(scene, str))
    for key, _ in kept:
        scene.emulator.s3.delete_object(**key)
    scene.work()
    assert [s.state for s in scene.store.submissions(RUN)] == ["done"]
    for key, before in kept:
        scene.emulator.s3.put_object(**key, Body=before.encode())
    scene.work()
    scene.assert_exactly_once(1)


def _half(text):
    document = json.loads(text)
    document["measurements"] = document["measurements"][::2]
    return json.dumps(document)


def _other_program(text):
    document = json.loads(text)
    source = document["additionalMetadata"]["action"]["source"]
    gate = next(line for line in source.splitlines() if "iswap" in line)
    document["additionalMetadata"]["action"]["source"] = source.replace(f"{gate}\n", "")
    document["additionalMetadata"] = {
        k: v for k, v in document["additionalMetadata"].items() if not k.endswith("Metadata")
    }
    return json.dumps(document)


@pytest.mark.parametrize(
    ("change", "words"), [(_half, "10 shots of .* 20 shots"), (_other_program, "another program")]
)
def test_what_does_not_fit_is_a_failure_with_its_reason(place, emulator, change, words):
    """RT#336, qiskit-ionq#19, qBraid#1308: half the shots, another circuit."""
    scene = AwsScene(place, emulator, run={"repeats": 1}, queue_seconds=10.0)
    scene.manager().work(RUN, wait=False)
    assert len(list(_rewritten(scene, change))) == 1
    scene.work()
    assert scene.store.tally(RUN).by_state == {"failed": 1}
    assert any(re.search(words, line) for line in scene.told), scene.told
    assert scene.store.account(RUN).billed.usd > 0


def test_a_task_of_another_run_is_not_adopted(place, emulator):
    """qBraid#1308 (akin): the id of another job."""
    scene = AwsScene(place, emulator, queue_seconds=10.0)
    scene.manager().work(RUN, wait=False)
    (first, second, _) = scene.store.submissions(RUN)
    scene.service.tasks[second.provider_id].request["tags"] = {"enclone": "another-run-7"}
    lost = scene.store.move(first, "lost", "given up", provider_id=None)
    with pytest.raises(UserError, match="its tag is 'another-run-7'"):
        scene.manager().adopt(RUN, lost.tag, f" {second.provider_id}\n")
    assert scene.store.submission(lost.tag).state == "lost"


def test_a_closed_region_hides_no_other(quick, monkeypatch):
    """QBP#114: AccessDenied in one region empties the list of all."""
    from backends.providers.braket.listing import reachable_devices

    monkeypatch.setattr(
        "braket_service.Service.search_devices", _denied_in("us-east-1", Service.search_devices)
    )
    found = list(reachable_devices())
    assert {one.region for one in found if one.arn} >= {"us-west-1", "eu-north-1"}
    (denied,) = [one for one in found if not one.arn]
    assert denied.region == "us-east-1"
    assert "not for you" in denied.remark


def _denied_in(closed, search):
    def search_devices(self, request, region):
        if region == closed:
            raise ServiceError(403, "AccessDeniedException", "not for you")
        return search(self, request, region)

    return search_devices

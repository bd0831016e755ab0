"""Every call of the provider × everything that can happen to it."""

import re

import pytest
from harness import CALLS, RUN, Scene, cloud, counts

from backends.providers.rehearsal.settings import FAULT_KINDS
from runner.errors import UserError
from runner.jobs.sender import ProviderRefused


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("undisturbed"), [])
    scene.work()
    scene.assert_exactly_once()
    return counts(scene.store)


@pytest.mark.parametrize("lag", [0.0, 30.0])
@pytest.mark.parametrize("kind", FAULT_KINDS)
@pytest.mark.parametrize("call", CALLS)
def test_one_job_survives_each_fault_and_the_message_says_what_to_do(
    place, undisturbed, call, kind, lag
):
    # A queue, so that duplicates can be found and cancelled before they run.
    scene = Scene(
        place,
        [{"call": call, "kind": kind, "first": 1, "times": 2}],
        listing_lag_seconds=lag,
        queue_seconds=200.0,
        poll_seconds=20.0,
    )
    for _ in range(3):
        try:
            scene.work()
        except ProviderRefused as error:
            scene.told.append(str(error))
    scene.assert_exactly_once()
    assert counts(scene.store) == undisturbed
    happened = cloud(scene.place, scene.clock).count_call(call) > 1
    if happened and kind in WORDS:
        doing, consequence = DOING[call], SUBMITTING[kind] if call == "submit" else ASKING[kind]
        assert any(
            doing in line and WORDS[kind] in line and re.search(consequence, line)
            for line in scene.told
        ), scene.told


DOING = {
    "submit": "submitting the job with tag",
    "find": "listing the jobs with tag",
    "state": "asking where job",
    "results": "fetching the results of job",
    "usage": "asking what job",
    "cancel": "cancelling job",
}
WORDS = {
    "refused": "was refused: HTTP 403: not allowed",
    "timeout_before": "no answer in time",
    "timeout_after": "no answer in time",
    "accepted_500": "HTTP 500: internal server error",
    "dropped": "connection reset by peer",
    "rate_limited": "too many calls: HTTP 429",
    "rate_limited_retry_after": "too many calls: HTTP 429",
    "truncated": "Invalid JSON",
    "malformed": "Invalid JSON",
    "wrong_schema": "Field required",
    "unavailable_503": "HTTP 503: service unavailable",
}
"""What happened; a skewed clock and calls that a client repeats unasked look like success."""

LOOK_FIRST = "asking the provider for its tag before anything else"
SUBMITTING = dict.fromkeys(WORDS, LOOK_FIRST)
ASKING = {
    **dict.fromkeys(WORDS, "asking again|is not cancelled"),
    "refused": "asking again|is not cancelled.*; check your access to the cloud",
}
"""What is done about it, or what the user has to do."""


@pytest.mark.parametrize("kind", ["timeout_after", "accepted_500", "dropped", "truncated"])
def test_a_lost_answer_is_never_answered_by_sending_again(place, kind):
    scene = Scene(
        place, [{"call": "submit", "kind": kind, "first": 1, "times": 3}], listing_lag_seconds=30
    )
    scene.work()
    assert len(scene.jobs()) == 3
    assert {s.sends for s in scene.store.submissions(RUN)} == {1}


def test_a_call_that_never_arrived_is_sent_again_once_the_listing_is_sure(place):
    scene = Scene(
        place,
        [{"call": "submit", "kind": "timeout_before", "first": 1, "times": 1}],
        listing_lag_seconds=30,
    )
    scene.work()
    scene.assert_exactly_once()
    assert sorted(s.sends for s in scene.store.submissions(RUN)) == [1, 1, 2]
    assert sum(scene.clock.slept) >= 60


def test_duplicates_of_a_client_that_repeats_calls_are_cancelled_and_told(place):
    scene = Scene(
        place,
        [{"call": "submit", "kind": "accepted_502_twice", "first": 2, "times": 1}],
        queue_seconds=60,
        poll_seconds=1,
    )
    scene.work()
    scene.assert_exactly_once()
    assert len(scene.jobs()) == 5
    assert sum("duplicate" in line for line in scene.told) == 2


def test_a_wait_that_the_provider_names_is_kept(place):
    scene = Scene(place, [{"call": "submit", "kind": "rate_limited_retry_after"}])
    started = scene.clock.now()
    scene.work()
    scene.assert_exactly_once()
    assert scene.clock.now() - started >= 7


def test_a_refusal_stops_sending_but_not_the_jobs_that_run(place):
    scene = Scene(
        place,
        [{"call": "submit", "kind": "refused", "first": 2, "times": 5}],
        queue_seconds=10,
        poll_seconds=1,
    )
    with pytest.raises(ProviderRefused):
        scene.work()
    assert scene.store.tally(RUN).by_state == {"counted": 1, "assigned": 2}
    for _ in range(4):
        with pytest.raises(ProviderRefused):
            scene.work()
    scene.work()
    scene.assert_exactly_once()


def test_cancelling_waits_for_the_providers_word(place):
    scene = Scene(place, queue_seconds=100, poll_seconds=1)
    scene.manager().work(RUN, wait=False)
    assert [job.state for job in scene.jobs()] == ["queued"] * 3
    scene.manager().cancel(RUN)
    assert [job.state for job in scene.jobs()] == ["cancelled"] * 3
    assert scene.store.tally(RUN).by_state == {"cancelled": 3}
    assert {s.state for s in scene.store.submissions(RUN)} == {"cancelled"}


def test_what_ran_before_it_could_be_cancelled_is_kept(place):
    scene = Scene(place, queue_seconds=10, seconds_per_circuit=50, poll_seconds=1)
    scene.manager().work(RUN, wait=False)
    scene.clock.sleep(20)
    scene.manager().cancel(RUN)
    scene.assert_exactly_once()


def test_circuits_are_grouped_into_as_few_jobs_as_the_limits_allow(place):
    scene = Scene(place, run={"repeats": 7}, circuits_per_job=3)
    scene.work()
    assert [job.circuits for job in scene.jobs()] == [3, 3, 1]


def test_a_budget_stops_before_the_submission_that_would_exceed_it(place):
    scene = Scene(place, run={"budget_usd": 0.65}, usd_per_job=0.3)
    with pytest.raises(UserError, match=r"budget\.usd allows 0\.65"):
        scene.work()
    assert len(scene.jobs()) == 2
    assert scene.store.tally(RUN).by_state == {"counted": 2, "assigned": 1}


def test_a_failing_circuit_hides_no_other_and_is_sent_again_only_if_safe(place):
    scene = Scene(
        place,
        circuits_per_job=3,
        fail_circuits={
            0: {"message": "lost calibration", "safe_to_retry": True},
            1: {"message": "bad"},
        },
    )
    scene.work()
    by_state = scene.store.tally(RUN).by_state
    assert by_state == {"counted": 2, "failed": 1}
    assert [job.circuits for job in scene.jobs()] == [3, 1]


def test_a_submission_that_was_refused_is_no_attempt_of_its_circuits(place):
    scene = Scene(
        place,
        faults=[{"call": "submit", "kind": "rate_limited", "times": 4}],
        circuits_per_job=3,
        fail_circuits={0: {"message": "laser off", "safe_to_retry": True, "times": 2}},
    )
    scene.work()
    assert scene.store.tally(RUN).by_state == {"counted": 3}
    assert [job.circuits for job in scene.jobs()] == [3, 1, 1]


def test_a_circuit_that_keeps_failing_is_given_up(place):
    scene = Scene(
        place,
        circuits_per_job=3,
        fail_circuits={0: {"message": "laser off", "safe_to_retry": True, "times": 9}},
    )
    scene.work()
    assert scene.store.tally(RUN).by_state == {"counted": 2, "failed": 1}
    assert [job.circuits for job in scene.jobs()] == [3, 1, 1]


def lost(scene):
    """A scene whose first submission was given up though the cloud has its job."""
    scene.manager().work(RUN, wait=False)
    (first, *_) = scene.store.submissions(RUN)
    return scene.store.move(first, "lost", "given up", provider_id=None)


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_orphan_is_adopted_by_its_tag_or_by_hand(place, by_hand):
    scene = Scene(place, queue_seconds=10, poll_seconds=1)
    submission = lost(scene)
    (job,) = [job.id for job in scene.jobs() if job.tag == submission.tag]
    assert scene.manager().adopt(RUN, submission.tag, job if by_hand else None) == [job]
    adopted = scene.store.submission(submission.tag)
    assert (adopted.state, adopted.provider_id) == ("accepted", job)
    scene.work()
    scene.assert_exactly_once()


def test_what_cannot_be_adopted_is_explained(place):
    scene = Scene(place)
    scene.work()
    (first, *_) = scene.store.submissions(RUN)
    with pytest.raises(UserError, match="already has job"):
        scene.manager().adopt(RUN, first.tag)
    with pytest.raises(UserError, match="has no submission 'nonsense'"):
        scene.manager().adopt(RUN, "nonsense")

"""Answers of an adapter that breaks its contract cost no job and end no command."""

import math
import time

import pytest
from harness import RUN, Scene
from qiskit.primitives import BitArray

from backends.adapter import (
    CircuitFailure,
    Doubtful,
    Job,
    Unavailable,
    UnknownJob,
    Unreadable,
    Unusable,
    Usage,
)
from backends.providers.bounded import VARIABLE, TooSlow, answer_seconds, within_bound
from runner.errors import UserError
from runner.jobs.backoff import LONGEST_ASKED_SECONDS, Backoff
from runner.jobs.manager import JobManager
from runner.jobs.provider_calls import ProviderCalls


class Broken:
    """An adapter that gives, or raises, the same whatever it is asked."""

    provider = "broken"

    def __init__(self, answer):
        self._answer = answer

    def _give(self, *_):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    submit = find = state = results = usage = cancel = reason = differences = _give


WRONG = [None, [], {}, 7, "yes", [None], math.nan, TypeError("x"), KeyError("id"), RecursionError()]
CALLS = {"state": Unavailable, "results": Unreadable, "usage": Unavailable, "find": Unavailable}


@pytest.mark.parametrize("answer", WRONG, ids=repr)
def test_a_submission_with_a_wrong_answer_is_doubtful(answer):
    if answer == "yes":
        return
    with pytest.raises(Doubtful):
        ProviderCalls(Broken(answer)).submit(Job("t-0", "token", ()))


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (call, answer)
        for call in CALLS
        for answer in WRONG
        if not (call in ("results", "find") and answer in ([], {}))
        and (call, answer) != ("find", "yes")
    ],
    ids=repr,
)
def test_a_question_with_a_wrong_answer_has_none(call, answer):
    with pytest.raises(CALLS[call], match=r"no usable answer|no shots and no failure"):
        getattr(ProviderCalls(Broken(answer)), call)("job")


@pytest.mark.parametrize("usage", [Usage(math.nan), Usage(-1.0), Usage(0.0, math.inf)], ids=str)
def test_a_bill_that_is_no_amount_is_none(usage):
    with pytest.raises(Unavailable):
        ProviderCalls(Broken(usage)).usage("job")


def test_a_listing_that_is_missing_says_nothing_about_a_job():
    """PR#837 (akin)."""
    with pytest.raises(Unavailable):
        ProviderCalls(Broken(UnknownJob("404"))).find("tag")


# --- answers are checked when they are taken in


def taken(place, change):
    """A scene whose adapter changes results on their way."""
    scene = Scene(place)
    manager = scene.manager()
    adapter = manager._context.adapter
    ask = adapter.results
    adapter.results = lambda job_id: change(ask(job_id))
    manager.work(RUN)
    return scene


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.slice_shots(range(10)), "10 shots of "),
        (lambda one: one.slice_bits([0]), "20 shots of 1 bits"),
        (lambda one: BitArray(one.array[None], one.num_bits), "came back"),
    ],
    ids=["half the shots", "narrow", "shape"],
)
def test_shots_that_do_not_fit_are_a_failure_of_their_circuit(place, change, words):
    """RT#336, qiskit-ionq#19, qBraid#1308."""
    scene = taken(place, lambda results: [change(one) for one in results])
    assert scene.store.tally(RUN).by_state == {"failed": 3}
    assert all(words in c.failure["message"] for c in scene.store.circuits(RUN))


@pytest.mark.parametrize("change", [lambda results: results * 2, lambda _: []])
def test_another_number_of_results_is_a_failure_and_billed(place, change):
    scene = taken(place, change)
    assert scene.store.tally(RUN).by_state == {"failed": 3}
    assert all(s.billed is not None for s in scene.store.submissions(RUN))


def test_a_failure_of_a_circuit_stays_its_own(place):
    scene = taken(place, lambda results: [CircuitFailure("cold") for _ in results])
    assert {c.failure["message"] for c in scene.store.circuits(RUN)} == {"cold"}


def test_the_id_of_another_runs_job_is_not_adopted(place):
    scene = Scene(place, queue_seconds=10)
    scene.manager().work(RUN, wait=False)
    (first, *_) = scene.store.submissions(RUN)
    lost = scene.store.move(first, "lost", "given up", provider_id=None)
    adapter = scene.manager()._context.adapter
    adapter.differences = lambda *_: ["its tag is 'x-1'"]
    manager = JobManager(scene.store, adapter, clock=scene.clock)
    with pytest.raises(UserError, match=r"is not that of .*: its tag is 'x-1'"):
        manager.adopt(RUN, lost.tag, first.provider_id)


# --- bounds


def test_a_day_far_away_is_not_waited_for():
    """A Retry-After with a date far away."""
    backoff = Backoff(0.0)
    assert backoff.failed(0.0, 1e12) == LONGEST_ASKED_SECONDS
    assert backoff.failed(0.0, 7.0) == 7.0


def test_a_call_that_drips_is_left_behind(monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.1")
    cut = []
    started = time.monotonic()
    with pytest.raises(TooSlow, match=VARIABLE):
        within_bound(lambda: time.sleep(2), lambda: cut.append(True))
    assert time.monotonic() - started < 1
    assert cut == [True]


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_bound_that_is_none_is_told(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(Unusable, match=VARIABLE):
        answer_seconds()

"""The contract of adapters: every simulator here keeps it, and each way to break it is found."""

from collections import OrderedDict
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from qiskit.primitives import BitArray

from backends.providers.registry import built_in, provider_of
from enclone import conformance
from enclone.conformance import CHECKS, Nonconforming, Subject
from enclone.provider import LocalAdapter, Provider, Refused, Usage, sample

SIMULATING = [record.name for record in built_in().values() if record.simulates]


def test_the_others_are_checked_against_their_emulators():
    assert {*built_in()} - {*SIMULATING} == {"ibm", "braket"}


@pytest.mark.parametrize("check", CHECKS, ids=conformance.name)
@pytest.mark.parametrize("provider", SIMULATING)
def test_the_contract_is_kept(provider, check, tmp_path):
    check(Subject(provider_of(provider), "ideal", tmp_path))


@pytest.mark.parametrize("provider", SIMULATING)
def test_the_contract_is_kept_on_a_noisy_device(provider, tmp_path):
    subject = Subject(provider_of(provider), "fake_kingston", tmp_path, shots=200)
    conformance.check_bit_order(subject)
    conformance.check_device(subject)


def test_the_contract_is_kept_by_a_slow_cloud(tmp_path):
    """Queue, lagging list, tokens and a bill."""
    options = {
        "queue_seconds": 0.3,
        "listing_lag_seconds": 0.5,
        "honours_tokens": True,
        "usd_per_job": 1.0,
        "circuits_per_job": 2,
    }
    for k, check in enumerate(CHECKS):
        folder = tmp_path / str(k)
        folder.mkdir()
        check(Subject(provider_of("rehearsal"), "ideal", folder, options))


class Reversed(LocalAdapter):
    def results(self, job_id):
        return [
            BitArray.from_bool_array(one.to_bool_array(order="big"), order="little")
            for one in super().results(job_id)
        ]


class Shuffled(LocalAdapter):
    def results(self, job_id):
        return super().results(job_id)[::-1]


class Short(LocalAdapter):
    def results(self, job_id):
        return [one.slice_shots(range(one.num_shots - 1)) for one in super().results(job_id)]


CALLS = count()


class Restless(LocalAdapter):
    def results(self, job_id):
        results = super().results(job_id)
        for one in results:
            one.array[0] ^= next(CALLS) % 5 == 0
        return results


class FindsAll(LocalAdapter):
    def find(self, tag):
        return list(self._jobs)


class NewestFirst(LocalAdapter):
    def find(self, tag):
        return super().find(tag)[::-1]


class SentTwice(LocalAdapter):
    def submit(self, job):
        job_id = super().submit(job)
        self._jobs["twice"] = job
        return job_id


JOBS = OrderedDict()


class Remembered(LocalAdapter):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._jobs = JOBS


class Permanent(LocalAdapter):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.ephemeral = False


class KeyErrors(LocalAdapter):
    def _job(self, job_id):
        return self._jobs[job_id]


class AnswersAll(LocalAdapter):
    def state(self, job_id):
        return "done"


class TakesAll(LocalAdapter):
    def submit(self, job):
        self._jobs["any"] = job
        return "any"


class KeepsRefused(LocalAdapter):
    def submit(self, job):
        try:
            return super().submit(job)
        except Refused:
            self._jobs["kept"] = job
            raise


class Fails(LocalAdapter):
    def state(self, job_id):
        super().state(job_id)
        return "failed"


class Refunds(LocalAdapter):
    def usage(self, job_id):
        super().usage(job_id)
        return Usage(usd=-1.0)


class Pinning(LocalAdapter):
    def pins(self):
        return {"instance": "mine"}


class Renamed(LocalAdapter):
    def __init__(self, provider, *arguments):
        super().__init__("other", *arguments)


class Seedless(LocalAdapter):
    def __init__(self, provider, device, sampler):
        draw = np.random.default_rng()
        super().__init__(
            provider, device, lambda c, d, n, _: sampler(c, d, n, int(draw.integers(2**40)))
        )


BROKEN = {
    Reversed: ("bit_order", "order of bits must be Qiskit's"),
    Shuffled: ("results", "a circuit of 1 bits has 2 in return"),
    Short: ("results", "100 shots were asked for, but 99 came back"),
    Restless: ("results", "fetched twice"),
    FindsAll: ("tags", "tag 'tags-one' must find"),
    NewestFirst: ("tags", "the oldest first"),
    SentTwice: ("exactly_once", "was sent once, but its tag finds"),
    Remembered: ("memory", "an ephemeral adapter forgets"),
    Permanent: ("memory", "another process must find"),
    KeyErrors: ("unknown_job", "must raise UnknownJob, but raises KeyError"),
    AnswersAll: ("unknown_job", "must raise UnknownJob, but gives 'done'"),
    TakesAll: ("limits", "must be Refused, but got 'any'"),
    KeepsRefused: ("limits", "a refused job with too many circuits exists"),
    Fails: ("cancel", "a cancelled job ended as 'failed'"),
    Refunds: ("costs", "a bill of Usage"),
    Pinning: ("choices", "does not name in 'pins'"),
    Renamed: ("device", "the adapter says provider 'other'"),
    Seedless: ("equal_seeds", "equal seeds must give equal shots"),
}


@pytest.mark.parametrize("adapter", BROKEN, ids=lambda adapter: adapter.__name__)
def test_an_adapter_that_breaks_the_contract_is_found(adapter, tmp_path):
    name, rule = BROKEN[adapter]
    record = Provider("broken", "breaks the contract", lambda *_: adapter("broken", None, sample))
    (check,) = [check for check in CHECKS if conformance.name(check) == name]
    check(Subject(provider_of("stim"), "ideal", tmp_path))
    with pytest.raises(Nonconforming, match=rule):
        check(Subject(record, "ideal", tmp_path))
    with pytest.raises(Nonconforming):
        conformance.check_provider(Subject(record, "ideal", tmp_path))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"description": "two\nlines"}, "must be one line"),
        ({"problems": lambda _: [(("shots",), "too few")]}, "the record refuses the subject"),
        ({"diagnose": lambda: ["bad"]}, "must be a Finding"),
    ],
)
def test_a_record_that_breaks_the_contract_is_found(changes, rule, tmp_path):
    record = replace(provider_of("stim"), **changes)
    with pytest.raises(Nonconforming, match=rule):
        conformance.check_record(Subject(record, "ideal", tmp_path))

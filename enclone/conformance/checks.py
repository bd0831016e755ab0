"""The rules of the adapter contract, one function each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import (
    Adapter,
    Checks,
    Compares,
    Explains,
    Job,
    NeedsDevice,
    Pins,
    ProviderError,
    Quote,
    Refused,
    Remembers,
    Request,
    Terms,
    Unavailable,
    UnknownJob,
    Usage,
)
from backends.devices.calibration_time import calibration_time
from backends.devices.snapshot import DeviceSnapshot
from backends.providers.record import Finding
from enclone.conformance.subject import Subject, fail, require

_NEAR = 0.75
"""Least share of shots in which a prepared bit is read as it is, on old devices too."""

Check = Callable[[Subject], None]


def check_record(subject: Subject) -> None:
    """The record describes the provider, accepts the subject, and diagnoses without raising."""
    record = subject.record
    require(
        bool(record.description) and "\n" not in record.description,
        "the description must be one line",
    )
    problems = list(record.problems(subject.request))
    require(not problems, f"the record refuses the subject: {problems}")
    if record.options is not None:
        record.default_options()
    for finding in record.diagnose():
        require(isinstance(finding, Finding), f"a diagnosis must be a Finding, not {finding!r}")
        require(
            finding.good or bool(finding.remedy), f"'{finding.subject}' is bad: name what mends it"
        )
    _ = subject.stored_options


def check_device(subject: Subject) -> None:
    """The adapter names its provider, states limits, and is opened again by what a run stores."""
    adapter = subject.open()
    require(
        adapter.provider == subject.record.name,
        f"the adapter says provider '{adapter.provider}', the record '{subject.record.name}'",
    )
    limits = adapter.limits()
    for name in ("circuits_per_job", "shots_per_circuit", "shots_per_job"):
        require(getattr(limits, name) >= 1, f"limits().{name} is {getattr(limits, name)}")
    for name in ("listing_lag_seconds", "poll_seconds"):
        require(getattr(limits, name) >= 0, f"limits().{name} is {getattr(limits, name)}")
    reopened = subject.reopen(adapter, jobs_sent=False)
    again, first = reopened.snapshot(), adapter.snapshot()
    require(
        (first and first.fingerprint) == (again and again.fingerprint),
        "a run that goes on must keep the calibration that it was planned with",
    )
    if first is not None and isinstance(adapter, Remembers):
        _check_past_calibrations(adapter, first)
    if isinstance(reopened, NeedsDevice):
        reopened.require_device()
        require(
            reopened.limits() == limits,
            f"a run that goes on has limits {reopened.limits()} with its device, not {limits}",
        )


def _check_past_calibrations(adapter: Remembers, today: DeviceSnapshot) -> None:
    times = [calibration_time(one) for one in adapter.past_calibrations(7).snapshots]
    require(
        all(time is not None for time in times),
        "a past calibration must say when it was made: 'calibrated_at' as ISO date and time",
    )
    known = [time for time in (calibration_time(today), *times) if time is not None]
    require(
        all(later > earlier for later, earlier in itertools.pairwise(known)),
        f"past calibrations must be older than today's, the newest first, each once: {known}",
    )


def check_bit_order(subject: Subject) -> None:
    """Bit c of a circuit is bit c of its shots, for circuits that no symmetry lets pass."""
    adapter = subject.open()
    for ones in ([0], [1], [0, 2]):
        job_id = adapter.submit(
            subject.job(f"order-{len(ones)}{ones[0]}", subject.circuit(adapter, ones))
        )
        (shots,) = subject.results(adapter, job_id)
        means = shots.to_bool_array(order="little").mean(axis=0)
        for bit, mean in enumerate(means):
            seen = mean if bit in ones else 1 - mean
            require(
                seen >= _NEAR,
                f"bits {ones} of 3 are set, but bit {bit} is 1 in {mean:.0%} of the shots: the "
                "order of bits must be Qiskit's, and the order of qubits the device's",
            )


def check_results(subject: Subject) -> None:
    """Results come in the order of the circuits, each with its bits and its shots, every time."""
    adapter = subject.open()
    wanted = [([0], 1), ([1], 2), ([2], 3), ([0], 2)]
    together = max(1, min(adapter.limits().circuits_per_job, len(wanted)))
    for k in range(0, len(wanted), together):
        part = wanted[k : k + together]
        circuits = [subject.circuit(adapter, ones, bits) for ones, bits in part]
        job_id = adapter.submit(subject.job(f"results-{k}", *circuits))
        results = subject.results(adapter, job_id)
        require(
            len(results) == len(part), f"{len(part)} circuits were sent, {len(results)} came back"
        )
        for shots, (ones, bits) in zip(results, part, strict=True):
            require(
                shots.num_bits == bits, f"a circuit of {bits} bits has {shots.num_bits} in return"
            )
            require(
                shots.shape == () and shots.num_shots == subject.shots,
                f"{subject.shots} shots were asked for, but {shots.num_shots} came back in shape "
                f"{shots.shape}",
            )
            mean = float(shots.to_bool_array(order="little")[:, ones[0]].mean())
            require(mean >= _NEAR, "results must come in the order of the circuits")
        again = adapter.results(job_id)
        for first, second in zip(results, again, strict=True):
            require(
                isinstance(second, BitArray) and np.array_equal(first.array, second.array),
                "results that are fetched twice must be the same",
            )


def check_tags(subject: Subject) -> None:
    """A tag finds its jobs and no others, the oldest first; an unknown tag finds nothing."""
    adapter = subject.open()
    require(list(adapter.find("tags-none")) == [], "an unknown tag must find no job")
    circuit = subject.circuit(adapter, [0])
    one = adapter.submit(subject.job("tags-one", circuit, seed=10))
    first = adapter.submit(
        Job("tags-two", "token-first", subject.job("", circuit, seed=20).requests)
    )
    subject.sleep(1.0)
    second = adapter.submit(
        Job("tags-two", "token-second", subject.job("", circuit, seed=30).requests)
    )
    require(len({one, first, second}) == 3, "different jobs must have different ids")
    found = subject.listed(adapter, "tags-one", 1)
    require(found == [one], f"tag 'tags-one' must find ['{one}'], but finds {found}")
    both = subject.listed(adapter, "tags-two", 2)
    require(
        both == [first, second],
        f"a tag must find its jobs, the oldest first: {[first, second]}, but finds {both}",
    )


def check_exactly_once(subject: Subject) -> None:
    """A job that is sent once exists once, and one that is sent again is never hidden."""
    adapter = subject.open()
    job = subject.job("once", subject.circuit(adapter, [1]))
    job_id = adapter.submit(job)
    subject.results(adapter, job_id)
    found = subject.listed(adapter, job.tag, 1)
    require(found == [job_id], f"the job '{job_id}' was sent once, but its tag finds {found}")
    if isinstance(adapter, Compares):
        told = list(adapter.differences(job_id, job))
        require(told == [], f"the job '{job_id}' is what was sent, but differs: {told}")
        other = Job("elsewhere-9", job.token, job.requests)
        require(
            bool(adapter.differences(job_id, other)),
            f"the job '{job_id}' has tag '{job.tag}' and must differ from one with another",
        )
    again = adapter.submit(job)
    known = {job_id, again}
    found = subject.listed(adapter, job.tag, len(known))
    require(
        set(found) == known,
        f"the same job was sent twice and got {sorted(known)}, but its tag finds {found}: either "
        "the token keeps it single, or both must be found",
    )


def check_memory(subject: Subject) -> None:
    """Jobs outlive the process, unless the adapter says that it is ephemeral."""
    adapter = subject.open()
    job = subject.job("memory", subject.circuit(adapter, [2]))
    job_id = adapter.submit(job)
    first = subject.results(adapter, job_id)
    other = subject.reopen(adapter)
    if adapter.ephemeral:
        require(
            list(other.find(job.tag)) == [],
            "an ephemeral adapter forgets its jobs, but another process finds one",
        )
        return
    found = subject.listed(other, job.tag, 1)
    require(found == [job_id], f"another process must find ['{job_id}'], but finds {found}")
    for one, two in zip(first, subject.results(other, job_id), strict=True):
        require(np.array_equal(one.array, two.array), "another process must get the same shots")


def check_unknown_job(subject: Subject) -> None:
    """Every question about a job that there is not raises UnknownJob."""
    adapter = subject.open()
    for ask in (adapter.state, adapter.results, adapter.usage, adapter.cancel):
        try:
            answer = ask(subject.unknown_job)
        except UnknownJob as error:
            require(bool(str(error)), "an error must say what is wrong")
        except Exception as error:
            fail(
                f"{ask.__name__}('{subject.unknown_job}') must raise UnknownJob, but raises "
                f"{type(error).__name__}: {error}"
            )
        else:
            fail(
                f"{ask.__name__}('{subject.unknown_job}') must raise UnknownJob, but gives "
                f"{answer!r}"
            )


def check_limits(subject: Subject) -> None:
    """A job that holds more than a job may is refused, and nothing is made."""
    adapter = subject.open()
    limits, circuit = adapter.limits(), subject.circuit(adapter, [0])
    jobs = {
        "circuits": Job(
            "limit-circuits",
            "token-circuits",
            (Request(circuit, subject.shots, 1),) * (limits.circuits_per_job + 1),
        ),
        "shots": Job(
            "limit-shots", "token-shots", (Request(circuit, limits.shots_per_circuit + 1, 1),)
        ),
    }
    for what, job in jobs.items():
        try:
            job_id = adapter.submit(job)
        except Refused as error:
            require(bool(error.remedy), "a refusal must come with its remedy")
        else:
            fail(f"a job with too many {what} for {limits} must be Refused, but got '{job_id}'")
        require(list(adapter.find(job.tag)) == [], f"a refused job with too many {what} exists")


def check_cancel(subject: Subject) -> None:
    """A job can be asked to be cancelled at any time, and says itself how it ended."""
    adapter = subject.open()
    job_id = adapter.submit(subject.job("cancel", subject.circuit(adapter, [0])))
    for _ in range(2):
        try:
            adapter.cancel(job_id)
        except UnknownJob as error:
            fail(f"job '{job_id}' was accepted, but cancelling it says that it is unknown: {error}")
        except ProviderError as error:
            require(bool(str(error)), "an error must say what is wrong")
        state = subject.wait(adapter, job_id)
    require(state in ("done", "cancelled"), f"a cancelled job ended as '{state}'")
    if state == "cancelled" and isinstance(adapter, Explains):
        require(isinstance(adapter.reason(job_id), str), "a reason is text, or empty")


def check_costs(subject: Subject) -> None:
    """Forecasts and terms raise nothing, and a finished job tells its cost."""
    adapter = subject.open()
    requests = subject.job("costs", subject.circuit(adapter, [0])).requests
    for asked in ((), requests, requests * 2):
        quote = adapter.forecast(asked)
        require(isinstance(quote, Quote), f"a forecast is a Quote, not {quote!r}")
        amounts = (quote.qpu_seconds, quote.job_fees_usd, quote.shot_fees_usd)
        require(all(_is_amount(one) for one in amounts), f"a forecast of {quote}")
        require(
            subject.record.costs_money or subject.record.simulates or quote.usage.usd == 0,
            "the forecast asks for money, but the record does not say so in 'costs_money'",
        )
    terms = adapter.terms()
    require(isinstance(terms, Terms) and bool(terms.assumptions), f"terms of {terms!r}")
    job_id = adapter.submit(Job("costs", "token-costs", requests))
    subject.results(adapter, job_id)
    usage = _billed(subject, adapter, job_id)
    require(_is_amount(usage.qpu_seconds) and _is_amount(usage.usd), f"a bill of {usage}")


def check_choices(subject: Subject) -> None:
    """What the adapter chose is among the options that the record pins."""
    adapter = subject.open()
    if isinstance(adapter, Checks):
        adapter.require_ready()
        require("\n" not in adapter.allowance(), "an allowance is one line")
    if not isinstance(adapter, Pins):
        require(not subject.record.pins, "the record pins options, but the adapter has no pins()")
        return
    other = set(adapter.pins()) - set(subject.record.pins)
    require(not other, f"pins() chooses {sorted(other)}, which the record does not name in 'pins'")


def check_equal_seeds(subject: Subject) -> None:
    """A simulator draws the same shots from the same seed."""
    if not subject.record.simulates:
        return
    drawn: list[Any] = []
    for seed in (5, 5, 6):
        adapter = subject.open()
        circuit = QuantumCircuit(subject.circuit(adapter, []).num_qubits, 3)
        for bit, qubit in enumerate(subject.qubits(adapter)):
            circuit.sx(qubit)
            circuit.measure(qubit, bit)
        tag = f"seeds-{len(drawn)}"
        (shots,) = subject.results(adapter, adapter.submit(subject.job(tag, circuit, seed=seed)))
        drawn.append(shots.array)
    require(np.array_equal(drawn[0], drawn[1]), "equal seeds must give equal shots")
    require(not np.array_equal(drawn[0], drawn[2]), "another seed must give other shots")


CHECKS: tuple[Check, ...] = (
    check_record,
    check_device,
    check_bit_order,
    check_results,
    check_tags,
    check_exactly_once,
    check_memory,
    check_unknown_job,
    check_limits,
    check_cancel,
    check_costs,
    check_choices,
    check_equal_seeds,
)
"""All checks, each of which opens the provider anew."""


def name(check: Check) -> str:
    """A check as a test is called.

    >>> name(check_bit_order)
    'bit_order'
    """
    return check.__name__.removeprefix("check_")


def check_provider(subject: Subject) -> None:
    """Run all checks.

    Raises:
        Nonconforming: at the first that fails.
    """
    for check in CHECKS:
        check(subject)


def _billed(subject: Subject, adapter: Adapter, job_id: str) -> Usage:
    waited = 0.0
    while True:
        try:
            return adapter.usage(job_id)
        except Unavailable as error:
            # A bill may take a while.
            require(waited < subject.patience_seconds, f"there is no bill: {error}")
            subject.sleep(1.0)
            waited += 1.0


def _is_amount(value: float) -> bool:
    return math.isfinite(value) and value >= 0

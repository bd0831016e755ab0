"""Proof that the adapter of a provider keeps its contract, for those who write one.

With pytest, one test for each check::

    from enclone import conformance

    @pytest.fixture
    def subject(tmp_path):
        return conformance.Subject(PROVIDER, "ideal", tmp_path, {"my_option": 3})

    @pytest.mark.parametrize("check", conformance.CHECKS, ids=conformance.name)
    def test_the_contract(check, subject):
        check(subject)

or all at once, :func:`check_provider`. A check that fails raises :class:`Nonconforming`. Jobs are
sent: three or four by each check, with a few small circuits; run it against a simulation of a
service that costs money.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from pydantic import TypeAdapter
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import (
    Adapter,
    Checks,
    CircuitFailure,
    Explains,
    Job,
    Pins,
    ProviderError,
    Quote,
    Refused,
    Request,
    Terms,
    Unavailable,
    UnknownJob,
    Usage,
)
from backends.providers.record import Finding, Provider, RunHome, RunRequest

_NEAR = 0.75
"""Least share of shots in which a prepared bit is read as it is, on old devices too."""

_TERMINAL = ("done", "failed", "cancelled")


class Nonconforming(AssertionError):
    """An adapter breaks the contract: the rule, and what was seen."""


@dataclass(frozen=True)
class Subject:
    """A provider under test, with a device of it.

    Attributes:
        record: of the provider.
        device: name of a device with at least three working qubits, as a configuration gives it.
        folder: an empty folder; the provider may keep files there.
        options: the provider's options as a configuration gives them.
        shots: of each circuit.
        sleep: passes a number of seconds.
        patience_seconds: how long a job may take, and a listing may lag.
        unknown_job: id of a job that the provider does not have.
    """

    record: Provider
    device: str
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    shots: int = 100
    sleep: Callable[[float], object] = time.sleep
    patience_seconds: float = 60.0
    unknown_job: str = "no-such-job"

    @property
    def request(self) -> RunRequest:
        """What a run of these options asks for."""
        record = self.record
        options = (
            None
            if record.options is None
            else TypeAdapter(record.options).validate_python(dict(self.options))
        )
        return RunRequest(self.device, options, shots=self.shots, count_qubits=lambda: 3)

    @property
    def stored_options(self) -> dict[str, Any]:
        """The options that a run stores, as they come back from its store."""
        home = RunHome("conformance", self.folder)
        found: dict[str, Any] = json.loads(
            json.dumps(self.record.run_options(self.request, home), allow_nan=False)
        )
        return found

    def open(self) -> Adapter:
        """The adapter of a run that begins."""
        return self.record.open(self.device, self.stored_options)

    def reopen(self, adapter: Adapter, *, jobs_sent: bool = True) -> Adapter:
        """The adapter of the same run in another process, with the calibration it was planned by.

        Args:
            adapter: of the run before.
            jobs_sent: whether the run has sent jobs by it.
        """
        options = self.record.resume_options(self.stored_options, jobs_sent)
        return self.record.open(adapter.snapshot() or self.device, options)

    # Circuits

    def qubits(self, adapter: Adapter) -> list[int]:
        """Three working qubits of the device, those that are read best."""
        snapshot = adapter.snapshot()
        if snapshot is None:
            return [0, 1, 2]
        device = snapshot.qubits
        working = sorted(snapshot.largest_region, key=lambda q: (device[q].readout_error, q))
        _require(len(working) >= 3, f"device '{self.device}' has fewer than three working qubits")
        return working[:3]

    def circuit(self, adapter: Adapter, ones: Sequence[int], bits: int = 3) -> QuantumCircuit:
        """A native circuit that ends with certain bits set, read crosswise: bit k is not qubit k.

        Args:
            adapter: of the device.
            ones: which bits are 1.
            bits: how many bits there are, at most three.
        """
        snapshot, qubits = adapter.snapshot(), self.qubits(adapter)
        size = 3 if snapshot is None else snapshot.num_qubits
        circuit = QuantumCircuit(size, bits, name=f"ones{''.join(map(str, ones))}of{bits}")
        crosswise = [qubits[1], qubits[2], qubits[0]]
        for bit in ones:
            circuit.x(crosswise[bit])
        for bit in range(bits):
            circuit.measure(crosswise[bit], bit)
        return circuit

    def job(self, tag: str, *circuits: QuantumCircuit, seed: int = 1) -> Job:
        """A job whose token is that of its tag."""
        requests = tuple(
            Request(circuit, self.shots, seed + k) for k, circuit in enumerate(circuits)
        )
        return Job(tag, f"token-{tag}", requests)

    # Waiting

    def wait(self, adapter: Adapter, job_id: str) -> str:
        """The state of a job when it is over."""
        waited, pause = 0.0, max(adapter.limits().poll_seconds, 0.05)
        while (state := adapter.state(job_id)) not in _TERMINAL:
            _require(
                waited < self.patience_seconds,
                f"job '{job_id}' is still '{state}' after {waited:g} s",
            )
            self.sleep(pause)
            waited += pause
        return state

    def results(self, adapter: Adapter, job_id: str) -> list[BitArray]:
        """The shots of a job that must succeed."""
        state = self.wait(adapter, job_id)
        _require(state == "done", f"job '{job_id}' ended as '{state}', not 'done'")
        found = []
        for k, one in enumerate(adapter.results(job_id)):
            if isinstance(one, CircuitFailure):
                _fail(f"circuit {k} of job '{job_id}' failed: {one.message}")
            found.append(one)
        return found

    def listed(self, adapter: Adapter, tag: str, number: int) -> list[str]:
        """What the tag finds as soon as it finds so many jobs; a listing may lag as stated."""
        lag = adapter.limits().listing_lag_seconds
        waited, pause = 0.0, 0.25
        while len(found := list(adapter.find(tag))) < number and waited <= lag + pause:
            self.sleep(pause)
            waited += pause
        return found


Check = Callable[[Subject], None]


def check_record(subject: Subject) -> None:
    """The record describes the provider, accepts the subject, and diagnoses without raising."""
    record = subject.record
    _require(
        bool(record.description) and "\n" not in record.description,
        "the description must be one line",
    )
    problems = list(record.problems(subject.request))
    _require(not problems, f"the record refuses the subject: {problems}")
    if record.options is not None:
        record.default_options()
    for finding in record.diagnose():
        _require(isinstance(finding, Finding), f"a diagnosis must be a Finding, not {finding!r}")
        _require(
            finding.good or bool(finding.remedy), f"'{finding.subject}' is bad: name what mends it"
        )
    _ = subject.stored_options


def check_device(subject: Subject) -> None:
    """The adapter names its provider, states limits, and is opened again by what a run stores."""
    adapter = subject.open()
    _require(
        adapter.provider == subject.record.name,
        f"the adapter says provider '{adapter.provider}', the record '{subject.record.name}'",
    )
    limits = adapter.limits()
    for name in ("circuits_per_job", "shots_per_circuit", "shots_per_job"):
        _require(getattr(limits, name) >= 1, f"limits().{name} is {getattr(limits, name)}")
    for name in ("listing_lag_seconds", "poll_seconds"):
        _require(getattr(limits, name) >= 0, f"limits().{name} is {getattr(limits, name)}")
    again = subject.reopen(adapter, jobs_sent=False).snapshot()
    first = adapter.snapshot()
    _require(
        (first and first.fingerprint) == (again and again.fingerprint),
        "a run that goes on must keep the calibration that it was planned with",
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
            _require(
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
        _require(
            len(results) == len(part), f"{len(part)} circuits were sent, {len(results)} came back"
        )
        for shots, (ones, bits) in zip(results, part, strict=True):
            _require(
                shots.num_bits == bits, f"a circuit of {bits} bits has {shots.num_bits} in return"
            )
            _require(
                shots.shape == () and shots.num_shots == subject.shots,
                f"{subject.shots} shots were asked for, but {shots.num_shots} came back in shape "
                f"{shots.shape}",
            )
            mean = float(shots.to_bool_array(order="little")[:, ones[0]].mean())
            _require(mean >= _NEAR, "results must come in the order of the circuits")
        again = adapter.results(job_id)
        for first, second in zip(results, again, strict=True):
            _require(
                isinstance(second, BitArray) and np.array_equal(first.array, second.array),
                "results that are fetched twice must be the same",
            )


def check_tags(subject: Subject) -> None:
    """A tag finds its jobs and no others, the oldest first; an unknown tag finds nothing."""
    adapter = subject.open()
    _require(list(adapter.find("tags-none")) == [], "an unknown tag must find no job")
    circuit = subject.circuit(adapter, [0])
    one = adapter.submit(subject.job("tags-one", circuit, seed=10))
    first = adapter.submit(
        Job("tags-two", "token-first", subject.job("", circuit, seed=20).requests)
    )
    subject.sleep(1.0)
    second = adapter.submit(
        Job("tags-two", "token-second", subject.job("", circuit, seed=30).requests)
    )
    _require(len({one, first, second}) == 3, "different jobs must have different ids")
    found = subject.listed(adapter, "tags-one", 1)
    _require(found == [one], f"tag 'tags-one' must find ['{one}'], but finds {found}")
    both = subject.listed(adapter, "tags-two", 2)
    _require(
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
    _require(found == [job_id], f"the job '{job_id}' was sent once, but its tag finds {found}")
    again = adapter.submit(job)
    known = {job_id, again}
    found = subject.listed(adapter, job.tag, len(known))
    _require(
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
        _require(
            list(other.find(job.tag)) == [],
            "an ephemeral adapter forgets its jobs, but another process finds one",
        )
        return
    found = subject.listed(other, job.tag, 1)
    _require(found == [job_id], f"another process must find ['{job_id}'], but finds {found}")
    for one, two in zip(first, subject.results(other, job_id), strict=True):
        _require(np.array_equal(one.array, two.array), "another process must get the same shots")


def check_unknown_job(subject: Subject) -> None:
    """Every question about a job that there is not raises UnknownJob."""
    adapter = subject.open()
    for ask in (adapter.state, adapter.results, adapter.usage, adapter.cancel):
        try:
            answer = ask(subject.unknown_job)
        except UnknownJob as error:
            _require(bool(str(error)), "an error must say what is wrong")
        except Exception as error:
            _fail(
                f"{ask.__name__}('{subject.unknown_job}') must raise UnknownJob, but raises "
                f"{type(error).__name__}: {error}"
            )
        else:
            _fail(
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
            _require(bool(error.remedy), "a refusal must come with its remedy")
        else:
            _fail(f"a job with too many {what} for {limits} must be Refused, but got '{job_id}'")
        _require(list(adapter.find(job.tag)) == [], f"a refused job with too many {what} exists")


def check_cancel(subject: Subject) -> None:
    """A job can be asked to be cancelled at any time, and says itself how it ended."""
    adapter = subject.open()
    job_id = adapter.submit(subject.job("cancel", subject.circuit(adapter, [0])))
    for _ in range(2):
        try:
            adapter.cancel(job_id)
        except UnknownJob as error:
            _fail(
                f"job '{job_id}' was accepted, but cancelling it says that it is unknown: {error}"
            )
        except ProviderError as error:
            _require(bool(str(error)), "an error must say what is wrong")
        state = subject.wait(adapter, job_id)
    _require(state in ("done", "cancelled"), f"a cancelled job ended as '{state}'")
    if state == "cancelled" and isinstance(adapter, Explains):
        _require(isinstance(adapter.reason(job_id), str), "a reason is text, or empty")


def check_costs(subject: Subject) -> None:
    """Forecasts and terms raise nothing, and a finished job tells its cost."""
    adapter = subject.open()
    requests = subject.job("costs", subject.circuit(adapter, [0])).requests
    for asked in ((), requests, requests * 2):
        quote = adapter.forecast(asked)
        _require(isinstance(quote, Quote), f"a forecast is a Quote, not {quote!r}")
        amounts = (quote.qpu_seconds, quote.job_fees_usd, quote.shot_fees_usd)
        _require(all(_is_amount(one) for one in amounts), f"a forecast of {quote}")
    terms = adapter.terms()
    _require(isinstance(terms, Terms) and bool(terms.assumptions), f"terms of {terms!r}")
    job_id = adapter.submit(Job("costs", "token-costs", requests))
    subject.results(adapter, job_id)
    usage = _billed(subject, adapter, job_id)
    _require(_is_amount(usage.qpu_seconds) and _is_amount(usage.usd), f"a bill of {usage}")


def check_choices(subject: Subject) -> None:
    """What the adapter chose is among the options that the record pins."""
    adapter = subject.open()
    if isinstance(adapter, Checks):
        adapter.require_ready()
        _require("\n" not in adapter.allowance(), "an allowance is one line")
    if not isinstance(adapter, Pins):
        _require(not subject.record.pins, "the record pins options, but the adapter has no pins()")
        return
    other = set(adapter.pins()) - set(subject.record.pins)
    _require(not other, f"pins() chooses {sorted(other)}, which the record does not name in 'pins'")


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
    _require(np.array_equal(drawn[0], drawn[1]), "equal seeds must give equal shots")
    _require(not np.array_equal(drawn[0], drawn[2]), "another seed must give other shots")


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
            _require(waited < subject.patience_seconds, f"there is no bill: {error}")
            subject.sleep(1.0)
            waited += 1.0


def _is_amount(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def _require(holds: bool, rule: str) -> None:
    if not holds:
        _fail(rule)


def _fail(rule: str) -> NoReturn:
    raise Nonconforming(rule)

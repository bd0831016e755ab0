"""The record of provider ``ibm``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.providers.ibm.options import LEAST_BUSY, IbmConfig, LeastBusyConfig, forms
from backends.providers.record import (
    DeviceDirectory,
    Finding,
    Problems,
    Provider,
    ReachableDevices,
    RunHome,
    RunRequest,
)

if TYPE_CHECKING:
    from backends.devices.snapshot import DeviceSnapshot
    from backends.providers.ibm.adapter import IbmAdapter


def _open(device: str | DeviceSnapshot, options: Mapping[str, Any]) -> IbmAdapter:
    from backends.providers.ibm.adapter import open_ibm

    return open_ibm(device, options)


def _problems(request: RunRequest) -> Problems:
    yield from _device_problems(request.device, request.options)
    if request.conditional_gates:
        yield from _feedforward_problems(request)
    yield from _twirling_problems(request)


def _device_problems(device: str, options: IbmConfig) -> Problems:
    from backends.devices.catalog import IDEAL, packaged_devices

    if device == IDEAL or device.endswith(".json") or device in packaged_devices():
        yield (
            ("backend", "device"),
            f"'{device}' can only be simulated; provider ibm runs on a device of its instance, "
            f"such as ibm_kingston, or on the '{LEAST_BUSY}' one",
        )
    if options.least_busy and device != LEAST_BUSY:
        yield (
            ("backend", "ibm", "least_busy"),
            f"'backend.ibm.least_busy' narrows a choice, but the device is '{device}'; leave it "
            f"out, or set device: {LEAST_BUSY}",
        )
    if options.most_session_seconds and options.mode == "job":
        yield (
            ("backend", "ibm", "most_session_seconds"),
            "'backend.ibm.most_session_seconds' ends a batch or session, but the mode is 'job'; "
            "leave it out, or set mode: batch",
        )


def _feedforward_problems(request: RunRequest) -> Problems:
    """What the service does not do to circuits whose gates depend on outcomes."""
    if request.suppression.dynamical_decoupling != "none":
        yield (
            ("suppression", "dynamical_decoupling"),
            "dynamical decoupling and strategy 'feedforward' exclude each other: IBM's client "
            "inserts no pulses into circuits whose gates depend on outcomes; set it to none, or "
            "use strategy 'frame'",
        )
    if request.suppression.twirling is not None:
        yield (
            ("suppression", "twirling"),
            "twirling and strategy 'feedforward' exclude each other here: a correction would act "
            "on twirled outcomes; set it to false, or use strategy 'frame'",
        )
    if request.decoupling != "none":
        yield (
            ("compile", "decoupling"),
            "decoupling and strategy 'feedforward' exclude each other on IBM Quantum: the service "
            "times what depends on outcomes by itself, so pulses would not come where they are "
            "put; set it to none, or use strategy 'frame'",
        )


def _twirling_problems(request: RunRequest) -> Problems:
    twirling, shots = request.suppression.twirling, request.shots
    if twirling is None:
        return
    if not (twirling.gates or twirling.measure):
        yield ("suppression", "twirling"), "nothing is twirled; write twirling: false"
        return
    number, each = forms(shots, twirling)
    if number * each != shots:
        yield (
            ("shots",),
            f"{shots} shots do not share out over {number} twirled circuits of {each}; "
            f"take {number * each}" + (f" or {number * (each - 1)}" if each > 1 else ""),
        )


def _run_options(request: RunRequest, home: RunHome) -> dict[str, Any]:
    """How jobs are sent, what the client does to circuits, and what the device must offer."""
    del home
    options: IbmConfig = request.options
    if request.device == LEAST_BUSY:
        wanted = options.least_busy or LeastBusyConfig()
        if wanted.min_qubits is None:
            wanted = replace(wanted, min_qubits=request.count_qubits())
        if wanted.dynamic_circuits is None:
            wanted = replace(wanted, dynamic_circuits=request.conditional_gates)
        options = replace(options, least_busy=wanted)
    twirling = request.suppression.twirling
    suppression = {
        "dynamical_decoupling": request.suppression.dynamical_decoupling,
        "twirling": asdict(twirling) if twirling else None,
    }
    return {**asdict(options), "suppression": suppression}


def _diagnose() -> Iterable[Finding]:
    from backends.providers.ibm.diagnosis import diagnose

    return diagnose()


def _devices(save: Path | None) -> ReachableDevices:
    """The devices of the IBM Quantum instance."""
    from backends.providers.ibm.accounts import connect
    from backends.providers.ibm.device import list_devices

    del save
    lines = list_devices(connect(IbmConfig()))
    table = [f"{'device':<22}{'qubits':>7}{'jobs wait':>11}  state"]
    for line in lines:
        state = "runs" if line.runs else line.word
        table.append(f"{line.name:<22}{line.qubits:>7}{line.queue_length:>11}  {state}")
    return ReachableDevices([asdict(line) for line in lines], "\n".join(table))


PROVIDER = Provider(
    name="ibm",
    description="processors of IBM Quantum, by the account that Qiskit finds; see docs/ibm.md",
    open=_open,
    options=IbmConfig,
    purpose="says how jobs are sent to IBM Quantum",
    problems=_problems,
    run_options=_run_options,
    pins=("instance",),
    diagnose=_diagnose,
    directory=DeviceDirectory("List the devices of your IBM Quantum instance.", _devices),
    packages=("qiskit-ibm-runtime",),
    simulates=False,
    suppresses=True,
    costs_money=True,
)

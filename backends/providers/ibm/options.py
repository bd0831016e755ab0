"""What a user can ask of IBM Quantum. Knows nothing of its client, so reading it is fast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked_dataclass

from backends.providers.suppression import Count, Suppression, TwirlingConfig

LEAST_BUSY = "least_busy"
"""The device name that leaves the choice to the length of the queues."""

EXACT = ConfigDict(extra="forbid")

_FORMS = 32
_LEAST_SHOTS_OF_A_FORM = 64

Channel = Literal["ibm_quantum_platform", "ibm_cloud"]
Mode = Literal["job", "batch", "session"]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Tag = Annotated[str, Field(min_length=1, max_length=86, pattern=r"^[A-Za-z0-9._:/-]+$")]


@checked_dataclass(frozen=True, config=EXACT)
class LeastBusyConfig:
    """Which devices may be chosen when ``device`` is ``least_busy``.

    Attributes:
        min_qubits: smallest size; None takes what the experiment needs.
        dynamic_circuits: only devices that condition gates on outcomes; None where the
            experiment needs it.
        fractional_gates: only devices that offer rx and rzz by any angle.
    """

    min_qubits: Count | None = None
    dynamic_circuits: bool | None = None
    fractional_gates: bool = False


@checked_dataclass(frozen=True, config=EXACT)
class IbmConfig:
    """How jobs are sent to IBM Quantum.

    Attributes:
        account: name of a saved Qiskit account; None takes the environment or the default one.
        instance: CRN or name of the service instance; None takes the account's.
        channel: which service the account belongs to; None takes the account's.
        least_busy: which devices may be chosen, if ``device`` is ``least_busy``.
        mode: ``job`` sends jobs singly, ``batch`` together, ``session`` reserves the device.
        most_session_seconds: when the service closes a batch or session; None leaves it alone.
        init_qubits: whether qubits are reset before each shot.
        rep_delay_seconds: waiting time between shots; None takes the device's default.
        max_execution_seconds: QPU time after which the service cancels a job.
        tags: of every job, beside the one by which it is found again.
        circuits_per_job: most circuits of a job; None takes the device's limit.
        listing_lag_seconds: how long a new job may be missing in the service's listing. The
            service states none.
        poll_seconds: how often a job is asked where it stands.
    """

    account: Annotated[str, Field(min_length=1)] | None = None
    instance: Annotated[str, Field(min_length=1)] | None = None
    channel: Channel | None = None
    least_busy: LeastBusyConfig | None = None
    mode: Mode = "job"
    most_session_seconds: Count | None = None
    init_qubits: bool = True
    rep_delay_seconds: Seconds | None = None
    max_execution_seconds: Count | None = None
    tags: list[Tag] = field(default_factory=list)
    circuits_per_job: Count | None = None
    listing_lag_seconds: Seconds = 30.0
    poll_seconds: Seconds = 5.0


def forms(shots: int, twirling: TwirlingConfig | None) -> tuple[int, int]:
    """Random forms of a circuit and shots of each, by the client's own rule.

    >>> forms(10_000, TwirlingConfig())
    (32, 313)
    >>> forms(1000, TwirlingConfig(num_randomizations=8))
    (8, 125)
    """
    if twirling is None:
        return 1, shots
    number, each = twirling.num_randomizations, twirling.shots_per_randomization
    if number == "auto" and each == "auto":
        each = max(_LEAST_SHOTS_OF_A_FORM, math.ceil(shots / _FORMS))
    if number == "auto":
        return math.ceil(shots / int(each)), int(each)
    if each == "auto":
        return number, math.ceil(shots / number)
    return number, each


IBM: TypeAdapter[IbmConfig] = TypeAdapter(IbmConfig)
TWIRLING: TypeAdapter[TwirlingConfig] = TypeAdapter(TwirlingConfig)


def sampler_options(config: IbmConfig, suppression: Suppression, tag: str) -> dict[str, Any]:
    """Options of the client's Sampler, as it takes them."""
    options: dict[str, Any] = {
        "environment": {"job_tags": [tag, *config.tags]},
        "execution": {"init_qubits": config.init_qubits, "rep_delay": config.rep_delay_seconds},
        "max_execution_time": config.max_execution_seconds,
    }
    if suppression.dynamical_decoupling != "none":
        options["dynamical_decoupling"] = {
            "enable": True,
            "sequence_type": suppression.dynamical_decoupling,
            # In |0> a qubit needs no pulses, which could only err.
            "skip_reset_qubits": True,
        }
    if suppression.twirling is not None:
        twirling = suppression.twirling
        options["twirling"] = {
            "enable_gates": twirling.gates,
            "enable_measure": twirling.measure,
            "num_randomizations": twirling.num_randomizations,
            "shots_per_randomization": twirling.shots_per_randomization,
        }
    return options


def parsed(options: Mapping[str, Any]) -> tuple[IbmConfig, Suppression]:
    """Options as they stand in the store."""
    wanted = dict(options)
    sent = wanted.pop("suppression", {})
    twirling = sent.get("twirling")
    return IBM.validate_python(wanted), Suppression(
        sent.get("dynamical_decoupling", "none"),
        TWIRLING.validate_python(twirling) if isinstance(twirling, Mapping) else None,
    )

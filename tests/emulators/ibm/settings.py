"""How the emulated service behaves, and how it says no."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.emulators.ibm.faults import Fault

INSTANCE = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123456789abcdef:11111111-1111::"
API_KEY = "an-api-key-of-the-emulator-0123456789"


class Refusal(Exception):
    """The service says no.

    Attributes:
        status: the HTTP status.
        code: the service's own code.
    """

    def __init__(self, status: int, message: str, code: int) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass
class Settings:
    """How the service behaves.

    Attributes:
        api_keys: API key → why it is refused; empty if it is good.
        instances: CRN → name of the service instances of the account.
        plan: name of their plan.
        limit_seconds: what the plan allows.
        consumed_seconds: of which used before.
        queue_seconds: how long a job waits.
        listing_lag_seconds: how long a new job is missing in listings.
        jobs_per_minute: more submissions are refused with 429; None sets no limit.
        faults: what goes wrong.
        seed: of all shots.
    """

    api_keys: dict[str, str] = field(default_factory=lambda: {API_KEY: ""})
    instances: dict[str, str] = field(default_factory=lambda: {INSTANCE: "emulated"})
    plan: str = "Open"
    limit_seconds: float = 600.0
    consumed_seconds: float = 0.0
    queue_seconds: float = 0.0
    listing_lag_seconds: float = 0.0
    jobs_per_minute: int | None = None
    faults: Sequence[Fault] = ()
    seed: int = 1

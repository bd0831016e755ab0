"""Opening the service with the account that Qiskit users have, and saying what is wrong with it.

The client looks for an account itself: a saved one by name, ``QISKIT_IBM_TOKEN`` with
``QISKIT_IBM_INSTANCE``, or the default one in ``~/.qiskit/qiskit-ibm.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.providers.ibm.errors import (
    PLATFORM,
    SAVE_ACCOUNT,
    NotConnected,
    asked,
    causes,
    is_unanswered,
    keep_secret,
    quiet,
    shown,
    status_of,
    unauthorized,
)
from backends.providers.ibm.options import IbmConfig
from backends.providers.ibm.transport import Wire, mount

if TYPE_CHECKING:
    from qiskit_ibm_runtime import QiskitRuntimeService


@dataclass(frozen=True, eq=False)
class Connection:
    """An opened service.

    Attributes:
        service: the client.
        wire: what goes out under it.
        instances: what the account may use, as the client lists them (crn, name, plan …).
    """

    service: QiskitRuntimeService
    wire: Wire
    instances: tuple[dict[str, Any], ...]

    @property
    def active_instance(self) -> str:
        """CRN of the instance that is used."""
        return str(self.service.active_instance())

    def plan(self, crn: str | None) -> str:
        """``instance 'name' (plan open)`` of a CRN."""
        for instance in self.instances:
            if instance["crn"] == crn:
                return f"instance '{instance['name']}' (plan {instance['plan']})"
        return "an instance that the account does not list"

    def usage(self) -> dict[str, Any]:
        """What the active instance used and may use, in seconds.

        Raises:
            ProviderError: if the service cannot be asked.
        """
        with quiet():
            try:
                return dict(self.service.usage())
            except Exception as error:
                raise asked("asking what the instance has used", error) from None


def connect(config: IbmConfig) -> Connection:
    """Open the service.

    Raises:
        NotConnected: if there is no account, or the service does not accept it.
        ProviderError: if the client cannot be kept from repeating the call that pays.
    """
    from qiskit_ibm_runtime import QiskitRuntimeService

    _keep_saved_secrets()
    wire = Wire()
    with quiet():
        try:
            service = QiskitRuntimeService(
                name=config.account, instance=config.instance, channel=config.channel
            )
            keep_secret((service.active_account() or {}).get("token"))
            instances = tuple(dict(one) for one in service.instances())
        except Exception as error:
            # The client raises a dozen kinds here, and some name the key: none is passed on.
            raise _explained(error, config) from None
        mount(service, wire)
        return Connection(service, wire, instances)


def used(usage: Mapping[str, Any]) -> str:
    """``12 of 600 s used, 588 s left``, of what the service says of an instance."""
    used = float(usage.get("usage_consumed_seconds") or 0.0)
    limit = usage.get("usage_limit_seconds") or usage.get("usage_allocation_seconds")
    if not limit:
        return f"{used:g} s used, no limit stated"
    return f"{used:g} of {float(limit):g} s used, {max(0.0, float(limit) - used):g} s left"


def _keep_saved_secrets() -> None:
    from qiskit_ibm_runtime import QiskitRuntimeService

    try:
        for account in QiskitRuntimeService.saved_accounts().values():
            keep_secret(account.get("token"))
    except Exception:
        return  # a file that cannot be read is reported when the account is looked for


def _explained(error: Exception, config: IbmConfig) -> NotConnected:
    from qiskit_ibm_runtime.accounts import AccountNotFoundError
    from qiskit_ibm_runtime.exceptions import IBMInputValueError

    if isinstance(error, AccountNotFoundError):
        which = f"named '{config.account}' " if config.account else ""
        return NotConnected(
            f"no IBM Quantum account {which}is set up on this machine",
            subject="account",
            remedy=f"get an API key on {PLATFORM}, then save it: {SAVE_ACCOUNT}; or set "
            "QISKIT_IBM_TOKEN and QISKIT_IBM_INSTANCE",
        )
    if isinstance(error, IBMInputValueError):
        text = shown(error)
        if "No matching instances" in text:
            return NotConnected(
                "the IBM Quantum account has no service instance",
                subject="instance",
                remedy=f"create one (the open plan costs nothing) on {PLATFORM}/instances",
            )
        wanted = config.instance or "that QISKIT_IBM_INSTANCE or the saved account names"
        return NotConnected(
            f"the IBM Quantum account cannot use the service instance {shown(wanted)}",
            subject="instance",
            remedy="set backend.ibm.instance or QISKIT_IBM_INSTANCE to the CRN of one of its own "
            f"({PLATFORM}/instances), or leave it out",
        )
    status = status_of(error)
    if status in (400, 401):
        return NotConnected(
            f"IBM Cloud does not accept the API key (HTTP {status}: {_reason(error)})",
            subject="token",
            code=str(status),
            remedy=f"make a new key on {PLATFORM}, then save it: {SAVE_ACCOUNT}; a key in "
            "QISKIT_IBM_TOKEN is taken first",
        )
    if status == 403:
        return unauthorized("opening the service", 403)
    if is_unanswered(error) or status:
        return NotConnected(
            f"IBM Quantum cannot be reached: {_reason(error)}",
            subject="service",
            code=str(status or ""),
            remedy="check the network, proxies, and https://cloud.ibm.com/status, then try again",
        )
    return NotConnected(
        f"the IBM Quantum account cannot be opened: {type(error).__name__}: {shown(error)}",
        subject="account",
        remedy=f"save it again: {SAVE_ACCOUNT}",
    )


def _reason(error: BaseException) -> str:
    """The deepest words that say something: the client's own are too general."""
    for one in causes(error)[1:]:
        if message := getattr(one, "message", None):
            return shown(message)
    return shown(causes(error)[-1])

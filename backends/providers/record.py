"""The record of a provider: all that configuration, planning and commands know of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from backends.providers.suppression import NO_SUPPRESSION, Suppression

if TYPE_CHECKING:
    # Reading a configuration must not wait for what simulates and compiles.
    from backends.adapter import Adapter
    from backends.devices.snapshot import DeviceSnapshot
    from backends.simulation.pulse_trains import Decoupling

Problems = Iterable[tuple[tuple[str | int, ...], str]]
"""Path in the configuration → what is wrong there, and what would be right."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RESERVED = ("provider", "device", "options", "record", "given", "pinned")
"""Other keys and attributes of the section of a configuration that holds the options."""


class Options(BaseModel):
    """Base of the options of a provider: strict, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


@dataclass(frozen=True)
class RunRequest:
    """What a run asks of its provider.

    Attributes:
        device: its name or file, as the configuration gives it.
        options: the provider's options, an instance of :attr:`Provider.options`; None where the
            provider has none.
        suppression: what the provider does to circuits against errors.
        shots: of each circuit.
        decoupling: pulse trains that the compiler puts into waits.
        conditional_gates: whether gates depend on outcomes within a shot.
        budget_usd: most money that the run may cost; None for no limit.
        count_qubits: counts the qubits of the largest circuit; makes the points of the run.
    """

    device: str
    options: Any = None
    suppression: Suppression = NO_SUPPRESSION
    shots: int = 1
    decoupling: Decoupling = "none"
    conditional_gates: bool = False
    budget_usd: float | None = None
    count_qubits: Callable[[], int] = lambda: 0


@dataclass(frozen=True)
class RunHome:
    """Where a run is kept on this machine.

    Attributes:
        run_id: its id; ``plan`` while it is only planned.
        runs: the folder of runs.
    """

    run_id: str
    runs: Path


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that ``enclone doctor`` looked at.

    Attributes:
        subject: what was looked at.
        good: whether it is as it should be.
        detail: what was found.
        remedy: the command or change that mends it; empty if good.
    """

    subject: str
    good: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class ReachableDevices:
    """The devices that an account reaches.

    Attributes:
        documents: one mapping for each device, as JSON shows it.
        table: the same as text, one line for each device below a header.
    """

    documents: Sequence[Mapping[str, Any]]
    table: str


@dataclass(frozen=True)
class DeviceDirectory:
    """How the devices of a provider are listed.

    Attributes:
        help: what is listed, as the help text of ``enclone devices`` says it.
        read: asks the provider. Takes a folder for what each device says of itself, as files from
            which it can be simulated, or None; raises ProviderError.
        saves: whether such files are written.
    """

    help: str
    read: Callable[[Path | None], ReachableDevices]
    saves: bool = False


def _no_problems(request: RunRequest) -> Problems:
    del request
    return ()


def options_document(options: Any) -> dict[str, Any]:
    """Options of a provider as a JSON document; empty for None."""
    if options is None:
        return {}
    document: dict[str, Any] = TypeAdapter(type(options)).dump_python(options, mode="json")
    return document


def _options_alone(request: RunRequest, home: RunHome) -> dict[str, Any]:
    del home
    return options_document(request.options)


def _as_stored(options: Mapping[str, Any], jobs_sent: bool) -> Mapping[str, Any]:
    del jobs_sent
    return options


def _nothing_to_diagnose() -> Iterable[Finding]:
    return ()


@dataclass(frozen=True)
class Provider:
    """A provider of processors or of a simulator.

    Attributes:
        name: what ``backend.provider`` calls it: lower case, words joined by ``-``.
        description: one line for ``enclone devices``.
        open: opens a device. Takes the snapshot that a run was planned with, or the name or file
            that a configuration gives, and the options that the run stores; raises
            UnknownDevice, UnusableDevice and ProviderError.
        options: model of its section of the configuration, whose key is the name with ``_`` for
            ``-``: a subclass of :class:`Options` or a pydantic dataclass that forbids unknown
            keys; every option has a default. None for a provider without options.
        shared_section: key of its section where several providers have the same options there;
            empty for the name of the provider. A configuration without it says nothing of it.
        outcome_options: options that change the distribution that shots are drawn from; they
            are part of the identity of a circuit where they are not the default.
        purpose: what the section does, to follow its key in a message: "says how …".
        problems: what it refuses before anything is asked of it, by path in the configuration.
        run_options: the options that a run stores and is opened with, a JSON document.
        resume_options: stored options, and whether the run has sent jobs → the options with which
            the run is opened again.
        pins: options that an adapter may choose, if it has ``pins()``: a run then keeps to them
            and to its device.
        diagnose: what is set up and what is missing; asks the provider only where there is an
            account for it, and raises nothing.
        directory: how its devices are listed; None where there is nothing to ask.
        packages: Python distributions that it needs, beside those that everything needs.
        simulates: whether a device is a snapshot that is found on this machine by name or file,
            or ``ideal``; otherwise the provider is asked for it.
        keeps_delays: whether a delay in a circuit takes the time that it states.
        suppresses: whether it applies error suppression to circuits.
        costs_money: whether a job may be billed in real money.
        redraws: whether it simulates on this machine, and draws the same shots from the same
            circuit and seed: ``enclone verify`` then draws them again.
    """

    name: str
    description: str
    open: Callable[[str | DeviceSnapshot, Mapping[str, Any]], Adapter]
    options: type[Any] | None = None
    shared_section: str = ""
    outcome_options: tuple[str, ...] = ()
    purpose: str = ""
    problems: Callable[[RunRequest], Problems] = _no_problems
    run_options: Callable[[RunRequest, RunHome], dict[str, Any]] = _options_alone
    resume_options: Callable[[Mapping[str, Any], bool], Mapping[str, Any]] = _as_stored
    pins: tuple[str, ...] = ()
    diagnose: Callable[[], Iterable[Finding]] = _nothing_to_diagnose
    directory: DeviceDirectory | None = None
    packages: tuple[str, ...] = ()
    simulates: bool = True
    keeps_delays: bool = True
    suppresses: bool = False
    costs_money: bool = False
    redraws: bool = False

    def __post_init__(self) -> None:
        taken = self.section in _RESERVED or hasattr(BaseModel, self.section)
        if taken or not _NAME.fullmatch(self.name):
            raise ValueError(
                f"provider name '{self.name}' must be lower-case words joined by '-', such as "
                f"my-simulator, and none of: {', '.join(_RESERVED)} and the attributes of a "
                "pydantic model"
            )
        if self.options is None:
            if self.pins:
                raise ValueError(f"provider '{self.name}' pins options, but has none")
            if self.outcome_options or self.shared_section:
                raise ValueError(f"provider '{self.name}' names options, but has none")
            return
        _require_strict(self.name, self.options)
        if not self.purpose:
            raise ValueError(f"provider '{self.name}' has options: say in 'purpose' what they do")
        unknown = set(self.pins) - set(_fields(self.options))
        if unknown:
            raise ValueError(f"provider '{self.name}' has no options {sorted(unknown)} to pin")
        unknown = set(self.outcome_options) - set(_fields(self.options))
        if unknown:
            raise ValueError(
                f"provider '{self.name}' has no options {sorted(unknown)} to count in identities"
            )

    @property
    def section(self) -> str:
        """Key of its section below ``backend``."""
        return self.shared_section or self.name.replace("-", "_")

    def default_options(self) -> Any:
        """The options of a run that gives none; None where there are none."""
        return None if self.options is None else self.options()


def _fields(model: type[Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (
        model.model_fields if issubclass(model, BaseModel) else model.__pydantic_fields__
    )
    return found


def _require_strict(name: str, model: type[Any]) -> None:
    if isinstance(model, type) and issubclass(model, BaseModel):
        config = model.model_config
    elif is_dataclass(model) and hasattr(model, "__pydantic_config__"):
        config = model.__pydantic_config__
    else:
        raise TypeError(
            f"options of provider '{name}' must be a subclass of Options or a pydantic dataclass, "
            f"but are {model!r}"
        )
    if config.get("extra") != "forbid":
        raise ValueError(
            f"options of provider '{name}' must forbid unknown keys: set extra='forbid' in the "
            f"configuration of {model.__name__}, or derive it from Options"
        )

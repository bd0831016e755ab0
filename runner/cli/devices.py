"""The command ``devices``: what can be simulated, and what an account reaches at a provider."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.output import json_option

if TYPE_CHECKING:
    from backends.providers.record import Provider


@cache
def _provider_options() -> list[click.Option]:
    """One flag for each provider whose devices can be listed, and what goes with them."""
    listed = _listed()
    names = ", ".join(listed)
    saving = " or ".join(f"--{name}" for name in _saving())
    flags = [
        click.Option([f"--{name}", record.section], is_flag=True, help=record.directory.help)
        for name, record in listed.items()
        if record.directory
    ]
    by_name = click.Option(
        ["--provider"],
        metavar="NAME",
        help=f"List the devices that your account reaches at a provider: {names}.",
    )
    save = click.Option(
        ["--save"],
        metavar="DIR",
        help=f"With {saving}: keep what each says of itself, to simulate it.",
    )
    return [*flags, by_name, save]


def _listed() -> dict[str, Provider]:
    from backends.providers.registry import providers

    return {name: record for name, record in providers().items() if record.directory}


def _saving() -> list[str]:
    return [name for name, one in _listed().items() if one.directory and one.directory.saves]


class _Devices(click.Command):
    """Has its flags from the registry of providers, which only this command waits for."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*_provider_options(), *super().get_params(ctx)]


@click.command(cls=_Devices)
@json_option
def devices(provider: str | None, save: str | None, as_json: bool, **flags: bool) -> None:
    """List the devices that can be simulated, with size and date of calibration."""
    listed = _listed()
    if provider is not None and provider not in listed:
        raise click.UsageError(
            f"provider '{provider}' lists no devices; those that do: {', '.join(listed)}"
        )
    asked = [name for name, one in listed.items() if flags[one.section] or name == provider]
    if len(asked) > 1:
        raise click.UsageError(f"name one provider, not {' and '.join(asked)}")
    if save is not None and not set(asked) & set(_saving()):
        needed = " or ".join(f"--{name}" for name in _saving())
        raise click.UsageError(f"--save needs {needed}: it keeps what each device says of itself")
    if asked:
        _print_reachable(listed[asked[0]], Path(save) if save else None, as_json=as_json)
    else:
        _print_simulated(as_json=as_json)


def _print_reachable(record: Provider, save: Path | None, *, as_json: bool) -> None:
    """Print the devices that the account reaches.

    Raises:
        ProviderError: if the provider cannot be asked.
    """
    if record.directory is None:
        return
    found = record.directory.read(save)
    click.echo(json.dumps(list(found.documents), indent=1) if as_json else found.table)


def _print_simulated(*, as_json: bool) -> None:
    from backends.devices.catalog import IDEAL, packaged_devices
    from backends.providers.registry import providers

    found: list[dict[str, Any]] = [
        {"device": IDEAL, "qubits": None, "connected": None, "calibrated_at": None, "usable": True}
    ]
    found += [_described(name) for name in packaged_devices()]
    descriptions = {name: record.description for name, record in providers().items()}
    if as_json:
        click.echo(json.dumps({"providers": descriptions, "devices": found}, indent=1))
        return
    for name, description in descriptions.items():
        click.echo(f"provider {name}: {description}")
    click.echo(f"\n{'device':<22}{'qubits':>7}{'connected':>11}  calibrated")
    for one in found:
        if one["device"] == IDEAL:
            click.echo(f"{IDEAL:<22}{'any':>7}{'any':>11}  no noise")
        elif one["usable"]:
            date = str(one["calibrated_at"])[:10]
            click.echo(f"{one['device']:<22}{one['qubits']:>7}{one['connected']:>11}  {date}")
    unusable = [one["device"] for one in found if not one["usable"]]
    if unusable:
        click.echo(f"no working Clifford two-qubit gate: {', '.join(unusable)}")


def _described(name: str) -> dict[str, Any]:
    from backends.devices.catalog import load_device
    from backends.errors import BackendError

    try:
        snapshot = load_device(name)
        snapshot.to_target()
        connected, usable = len(snapshot.largest_region), True
        qubits, date = snapshot.num_qubits, snapshot.calibrated_at
    except BackendError:
        connected, usable, qubits, date = 0, False, None, None
    return {
        "device": name,
        "qubits": qubits,
        "connected": connected,
        "calibrated_at": date,
        "usable": usable,
    }

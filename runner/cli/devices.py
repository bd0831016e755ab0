"""The devices that an account can reach."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


def print_ibm_devices(*, as_json: bool) -> None:
    """Print the devices of the IBM Quantum instance.

    Raises:
        ProviderError: if the service cannot be asked.
    """
    from backends.providers.ibm.accounts import connect
    from backends.providers.ibm.device import list_devices
    from backends.providers.ibm.options import IbmConfig

    lines = list_devices(connect(IbmConfig()))
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=1))
        return
    click.echo(f"{'device':<22}{'qubits':>7}{'jobs wait':>11}  state")
    for line in lines:
        word = "runs" if line.runs else line.word
        click.echo(f"{line.name:<22}{line.qubits:>7}{line.queue_length:>11}  {word}")

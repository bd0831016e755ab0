"""Commands on a finished run folder, which need neither store nor provider: export, verify."""

from __future__ import annotations

import json
import sys

import click

from runner.cli_output import json_option, out_option, progress, shared
from runner.errors import EXIT_FAILED


@click.command()
@click.argument("run", default="latest")
@shared(out_option, json_option)
def verify(run: str, out: str | None, as_json: bool) -> None:
    """Recompute RUN from its raw counts and report every difference to what is written.

    Hashes, configuration, circuits and their certificates, counts, results, figures and report are
    compared. Exits with 1 if anything differs. Nothing is written, and nobody is asked.
    """
    from runner.places import find_folder, runs_folder
    from runner.verification import verification_text
    from runner.verification import verify as verify_folder

    place = find_folder(runs_folder(out), run)
    with progress("verifying", None) as advance:
        found = verify_folder(place, advance)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=1))
    else:
        click.echo(verification_text(found), nl=False)
    if not found.agrees:
        sys.exit(EXIT_FAILED)


COMMANDS = (verify,)

"""Commands on a finished run folder, which need neither store nor provider: export, verify."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from runner.analysis.export_formats import FORMATS, TABLES
from runner.cli.output import json_option, out_option, shared, told_progress
from runner.errors import EXIT_FAILED

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("run", default="latest")
@click.option(
    "--key",
    metavar="FILE|KEY",
    help="Public key of minisign that SHA256SUMS must be signed with.",
)
@click.option(
    "--skip-redraw", is_flag=True, help="Do not draw the shots of a simulator again; it takes time."
)
@shared(out_option, json_option)
def verify(run: str, key: str | None, skip_redraw: bool, out: str | None, as_json: bool) -> None:
    """Recompute RUN from its raw counts and report every difference to what is written.

    Hashes, configuration, circuits and their certificates, counts, results, figures and report are
    compared, and other runs of the same configuration are named. Exits with 1 if anything differs.
    Nothing is written, and no provider is asked.
    """
    from dataclasses import replace

    from runner.analysis.verification import verification_text
    from runner.analysis.verification import verify as verify_folder
    from runner.analysis.verifying.signature import PublicKey
    from runner.run_folder.locations import find_folder, runs_folder

    place = find_folder(runs_folder(out), run)
    signer = None if key is None else PublicKey.read(key)
    with told_progress("verifying") as tell:
        found = verify_folder(place, tell, redraw=not skip_redraw, key=signer)
    found = replace(found, other_runs=_other_runs(place, run, out))
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=1))
    else:
        click.echo(verification_text(found), nl=False)
    if not found.agrees:
        sys.exit(EXIT_FAILED)


def _other_runs(place: Path, run: str, out: str | None) -> list[str] | None:
    """Other runs of the configuration, beside the run and in the store; None if unread."""
    from pathlib import Path

    from runner.analysis.verifying.other_runs import other_runs
    from runner.errors import RunFolderError
    from runner.run_folder.locations import runs_folder
    from runner.session import Session
    from runner.store.database import StoreError

    session = Session(runs_folder(out))
    # A folder on its own is checked without asking a server.
    asked = session.has_store and (session.store_is_a_file or not Path(run).is_dir())
    try:
        return other_runs(place, session.store if asked else None)
    except StoreError:
        return other_runs(place, None)
    except RunFolderError:
        return None


@click.command()
@click.argument("run", default="latest")
@click.option(
    "--format",
    "wanted",
    required=True,
    metavar="FORMAT,...",
    help="Some of csv, parquet, json (tables), qasm3, qpy (circuits), separated by commas.",
)
@click.option(
    "--to",
    metavar="FOLDER|FILE",
    help="Where to (default: ./RUN-export). A file, if one format is wanted and it has its suffix.",
)
@click.option("--counts", is_flag=True, help="Tables of the raw counts instead of the results.")
@click.option("--force", is_flag=True, help="Write over files that are there already.")
@shared(out_option, json_option)
def export(
    run: str,
    wanted: str,
    to: str | None,
    counts: bool,
    force: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Write the results, counts or circuits of RUN in formats of other programs.

    Equal run folders give equal bytes. The run folder itself is left as it is.
    """
    from hashlib import sha256
    from pathlib import Path

    from runner.analysis.export import (
        export_lines,
        exported,
        is_single_file,
        run_name,
        write_export,
    )
    from runner.run_folder.locations import find, runs_folder

    formats = _formats(wanted, counts=counts)
    place = find(runs_folder(out), run)
    target = Path(to) if to else Path(f"{run_name(place)}-export")
    try:
        single = is_single_file(target, formats)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    files = exported(place, formats, counts=counts, name=target.name if single else None)
    paths = write_export(target.parent if single else target, files, force=force)
    if as_json:
        listed = [
            {
                "path": str(path),
                "format": one.format,
                "holds": one.holds,
                "bytes": len(one.content),
                "sha256": sha256(one.content).hexdigest(),
            }
            for path, one in zip(paths, files, strict=True)
        ]
        click.echo(json.dumps({"run": run_name(place), "files": listed}, indent=1))
        return
    for line in export_lines(paths, files):
        click.echo(line)


def _formats(wanted: str, *, counts: bool) -> list[str]:
    """The formats that were asked for, each once.

    Raises:
        click.UsageError: if one is unknown, or there is no table that could hold counts.
    """
    from difflib import get_close_matches

    found = list(dict.fromkeys(one.strip().lower() for one in wanted.split(",") if one.strip()))
    for one in found:
        if one not in FORMATS:
            near = get_close_matches(one, FORMATS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(FORMATS)}"
            raise click.UsageError(f"there is no format '{one}'; {hint}")
    if not found:
        raise click.UsageError(f"--format names none; there are {', '.join(FORMATS)}")
    if counts and not set(found) & set(TABLES):
        raise click.UsageError(f"--counts makes tables: name one of {', '.join(TABLES)}")
    return found


COMMANDS = (export, verify)

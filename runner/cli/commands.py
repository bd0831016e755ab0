"""The command line. Imports are lazy, so that help and errors come at once."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from runner import __version__
from runner.cli.devices import devices
from runner.cli.jobs import COMMANDS as JOB_COMMANDS
from runner.cli.offline import COMMANDS as OFFLINE_COMMANDS
from runner.cli.output import (
    compiling,
    json_option,
    out_option,
    override_option,
    print_pairs,
    print_plan,
    print_rows,
    shared,
)
from runner.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, ConfigError, UserError
from runner.interrupts import interrupts_kept


class _Commands(click.Group):
    """Turns what a user can cause into one line and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with interrupts_kept():
                return super().invoke(ctx)
        except UserError as error:
            if ctx.params["debug"]:
                raise
            for line in str(error).splitlines():
                click.echo(line, err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            sys.stderr.close()
            sys.exit(EXIT_FAILED)
        except OSError as error:
            if ctx.params["debug"]:
                raise
            name = f": '{error.filename}'" if error.filename else ""
            click.echo(f"the system refused: {error.strerror or error}{name}", err=True)
            sys.exit(EXIT_FAILED)
        except Exception as error:
            if ctx.params["debug"] or not _is_backend_error(error):
                raise
            remedy = getattr(error, "remedy", "")
            click.echo(f"{error}; {remedy}" if remedy else str(error), err=True)
            sys.exit(EXIT_FAILED)


def _is_backend_error(error: Exception) -> bool:
    from backends.errors import BackendError

    return isinstance(error, BackendError)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="enclone")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Run encrypted cloning of qubits on simulators and quantum processors.

    Start with 'enclone run configs/quickstart.yaml'.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character shows a question mark instead of failing.
            stream.reconfigure(errors="replace")


@main.command()
@click.argument("configs", nargs=-1, required=True)
@shared(override_option, json_option)
def validate(configs: Sequence[str], overrides: Sequence[str], as_json: bool) -> None:
    """Check configuration files; every error names its place and what would be right."""
    from runner.config.loading import load_config
    from runner.planning.points import sweep

    reports: list[dict[str, Any]] = []
    for file in configs:
        try:
            settings, _ = load_config(file, overrides)
        except ConfigError as error:
            click.echo(str(error), err=True)
            problems = [{"place": p.place, "message": p.message} for p in error.problems]
            reports.append({"file": file, "ok": False, "points": None, "problems": problems})
            continue
        points = len(sweep(settings)) * settings.repeats
        reports.append({"file": file, "ok": True, "points": points, "problems": []})
        if not as_json:
            click.echo(f"{file}: ok, {points} points")
    if as_json:
        click.echo(json.dumps(reports, indent=1))
    if not all(report["ok"] for report in reports):
        sys.exit(EXIT_USAGE)


@main.command()
@click.argument("config")
@click.option(
    "--draw",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Draw where each point stands on the device, as SVG.",
)
@shared(override_option, json_option)
def plan(config: str, draw: str | None, overrides: Sequence[str], as_json: bool) -> None:
    """Show what CONFIG would run, predict and cost; no job is made."""
    from runner.planning.plan import make_plan
    from runner.run_folder.locations import runs_folder

    planned = make_plan(config, overrides, runs=runs_folder(None), progress=compiling)
    if draw is not None and planned.snapshot is not None:
        from runner.report.placement_drawing import draw_placements

        draw_placements(Path(draw), planned.points, planned.snapshot)
    if as_json:
        click.echo(json.dumps(planned.as_dict(), indent=1))
    else:
        print_plan(planned)
    planned.require_budget()


@main.command()
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...")
@shared(override_option, json_option)
def tables(configs: tuple[str, ...], overrides: tuple[str, ...], as_json: bool) -> None:
    """Predict each CONFIG and compare with the published table; no job is made."""
    from runner.analysis.published_tables import compared_table, summary_text, table_text
    from runner.planning.plan import make_plans
    from runner.run_folder.locations import runs_folder

    plans = make_plans(configs, overrides, runs=runs_folder(None), progress=compiling)
    found = [compared_table(one) for one in plans]
    if as_json:
        click.echo(json.dumps([table.as_dict() for table in found], indent=1))
        return
    for table in found:
        click.echo(table_text(table))
    click.echo(summary_text(found), nl=False)


@main.command()
@click.argument("run", default="latest")
@shared(out_option, json_option)
def report(run: str, out: str | None, as_json: bool) -> None:
    """Show the results of RUN again and write its figures and report.html anew."""
    from runner.report.report import draw_and_report
    from runner.run_folder.locations import find, runs_folder

    place = find(runs_folder(out), run)
    rows = draw_and_report(place)
    print_rows(rows, place, as_json=as_json)
    click.echo(f"{place}/report.html", err=True)


@main.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@shared(out_option, json_option)
def variability(runs: tuple[str, ...], out: str | None, as_json: bool) -> None:
    """Split the spread of the values of RUN... into device, calibration, layout, time and shots."""
    from runner.analysis.variability import spread_text, spreads
    from runner.run_folder.locations import find, runs_folder

    found = spreads([find(runs_folder(out), run) for run in dict.fromkeys(runs)])
    if as_json:
        click.echo(json.dumps([one.as_dict() for one in found], indent=1))
    else:
        click.echo(spread_text(found), nl=False)


@main.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@shared(out_option, json_option)
def compare(runs: Sequence[str], out: str | None, as_json: bool) -> None:
    """Show equal points of several RUNs side by side, with their differences to the first."""
    from runner.analysis.compare import compare as compare_runs
    from runner.analysis.compare import comparison_table
    from runner.run_folder.locations import find, runs_folder

    if len(runs) < 2:
        raise click.UsageError("name two runs at least, such as the two last of 'enclone list'")
    place = runs_folder(out)
    comparison = compare_runs([find(place, run) for run in runs])
    if as_json:
        click.echo(json.dumps(comparison.as_dict(), indent=1))
    else:
        click.echo(comparison_table(comparison), nl=False)


@main.command()
@json_option
def experiments(as_json: bool) -> None:
    """List the experiments that can be run."""
    from runner.kinds.registry import kinds

    titles = {name: kind.wording.title for name, kind in kinds().items()}
    print_pairs(titles, ("kind", "description"), as_json=as_json)


@main.command()
@shared(out_option, json_option)
def doctor(out: str | None, as_json: bool) -> None:
    """Show what is set up, what is missing, and the command that mends it."""
    from dataclasses import asdict

    from runner.doctor import examine
    from runner.run_folder.locations import runs_folder

    findings = examine(runs_folder(out))
    if as_json:
        click.echo(json.dumps([asdict(f) for f in findings], indent=1))
    else:
        for finding in findings:
            mark = "ok " if finding.good else "BAD"
            remedy = f"; to mend: {finding.remedy}" if finding.remedy else ""
            click.echo(f"{mark} {finding.subject}: {finding.detail}{remedy}")
    if not all(f.good for f in findings):
        sys.exit(EXIT_FAILED)


for _command in (devices, *JOB_COMMANDS, *OFFLINE_COMMANDS):
    main.add_command(_command)

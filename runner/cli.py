"""The command line. Imports are lazy, so that help and errors come at once."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from runner import __version__
from runner.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_PARTLY_FAILED,
    EXIT_USAGE,
    ConfigError,
    UserError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.rows import ResultRow


class _Commands(click.Group):
    """Turns what a user can cause into one line and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
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
            click.echo(str(error), err=True)
            sys.exit(EXIT_FAILED)


def _is_backend_error(error: Exception) -> bool:
    from backends.errors import BackendError

    return isinstance(error, BackendError)


def _shared(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
_out = click.option("--out", metavar="DIR", help="Where runs are kept (default: ./runs).")
_override = click.option(
    "-o", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Override a config value."
)


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
@click.argument("config")
@_shared(_override, _out, _json)
def run(config: str, overrides: Sequence[str], out: str | None, as_json: bool) -> None:
    """Plan, compile, run and analyse CONFIG; the result table goes to stdout."""
    from backends.providers import open_adapter
    from runner import folder as folders
    from runner.config import load_config
    from runner.forecast import forecast, require_budget
    from runner.planning import compile_sweep, sweep
    from runner.report import draw_and_report
    from runner.running import run_points

    settings, source = load_config(config, overrides)
    folders.require_place(folders.runs_folder(out))
    adapter = open_adapter(settings.backend.provider, settings.backend.device)
    snapshot = adapter.snapshot()
    with _progress("compiling", len(sweep(settings))) as advance:
        planned = compile_sweep(settings, snapshot, advance)
    require_budget(forecast(settings, snapshot, planned), settings.budget)
    now = folders.utc_now()
    place = folders.create(folders.runs_folder(out), settings, now)
    folders.write_inputs(place, settings, source, snapshot, overrides, now)
    with _progress("running", len(planned) * settings.repeats) as advance:
        collected, times = run_points(settings, adapter, planned, advance)
    rows = [point.row for point in collected]
    with _progress("writing", 2) as advance:
        folders.write_results(place, collected, times)
        advance()
        draw_and_report(place)
        advance()
    _print_rows(rows, as_json)
    click.echo(
        f"run {place.name}: {place}/report.html (simulation {times.simulation_seconds:.2f} s)",
        err=True,
    )
    missing = sum(row.value is None for row in rows)
    if missing:
        click.echo(
            f"{missing} of {len(rows)} points have no value: their certificate failed or their "
            "counts are missing; see circuits/index.json in the run folder",
            err=True,
        )
        sys.exit(EXIT_FAILED if missing == len(rows) else EXIT_PARTLY_FAILED)


@main.command()
@click.argument("configs", nargs=-1, required=True)
@_shared(_override, _json)
def validate(configs: Sequence[str], overrides: Sequence[str], as_json: bool) -> None:
    """Check configuration files; every error names its place and what would be right."""
    from runner.config import load_config
    from runner.planning import sweep

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
@_shared(_override, _json)
def plan(config: str, overrides: Sequence[str], as_json: bool) -> None:
    """Show what CONFIG would run, predict and cost; no job is made."""
    from dataclasses import asdict

    from backends.providers import open_adapter
    from runner.config import load_config
    from runner.forecast import forecast, require_budget
    from runner.planning import compile_sweep, planned_row, sweep
    from runner.tables import plan_table

    settings, _ = load_config(config, overrides)
    snapshot = open_adapter(settings.backend.provider, settings.backend.device).snapshot()
    with _progress("compiling", len(sweep(settings))) as advance:
        planned = compile_sweep(settings, snapshot, advance)
    rows = [planned_row(settings, p, r) for r in range(settings.repeats) for p in planned]
    cost = forecast(settings, snapshot, planned)
    if as_json:
        document = {"rows": [row.planned() for row in rows], "forecast": asdict(cost)}
        click.echo(json.dumps(document, indent=1))
    else:
        click.echo(plan_table(rows))
        click.echo(f"{cost.circuits} circuits, {cost.shots:,} shots")
        click.echo(f"billed: {cost.qpu_seconds:g} QPU seconds, {cost.usd:g} USD")
        if cost.device_seconds is not None:
            click.echo(f"the same shots on the device: {cost.device_seconds:.0f} s")
        for assumption in cost.assumptions:
            click.echo(f"  assumed: {assumption}")
    require_budget(cost, settings.budget)


@main.command()
@click.argument("run", default="latest")
@_shared(_out, _json)
def report(run: str, out: str | None, as_json: bool) -> None:
    """Show the results of RUN again and write its figures and report.html anew."""
    from runner import folder as folders
    from runner.report import draw_and_report

    place = folders.find(folders.runs_folder(out), run)
    rows = draw_and_report(place)
    _print_rows(rows, as_json)
    click.echo(f"{place}/report.html", err=True)


@main.command()
@_json
def experiments(as_json: bool) -> None:
    """List the experiments that can be run."""
    from experiments.entanglement import KIND, TITLE

    _print_pairs({KIND: TITLE}, as_json, ("kind", "description"))


@main.command()
@_json
def devices(as_json: bool) -> None:
    """List the devices that can be simulated, with size and date of calibration."""
    from backends.devices import IDEAL, load_device, packaged_devices
    from backends.errors import BackendError
    from backends.providers import DESCRIPTIONS

    found: list[dict[str, Any]] = [
        {"device": IDEAL, "qubits": None, "connected": None, "calibrated_at": None, "usable": True}
    ]
    for name in packaged_devices():
        try:
            snapshot = load_device(name)
            snapshot.to_target()
            connected, usable = len(snapshot.largest_region), True
            qubits, date = snapshot.num_qubits, snapshot.calibrated_at
        except BackendError:
            connected, usable, qubits, date = 0, False, None, None
        found.append(
            {
                "device": name,
                "qubits": qubits,
                "connected": connected,
                "calibrated_at": date,
                "usable": usable,
            }
        )
    if as_json:
        document = {"providers": DESCRIPTIONS, "devices": found}
        click.echo(json.dumps(document, indent=1))
        return
    for provider, description in DESCRIPTIONS.items():
        click.echo(f"provider {provider}: {description}")
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


@main.command()
@_shared(_out, _json)
def doctor(out: str | None, as_json: bool) -> None:
    """Show what is set up, what is missing, and the command that mends it."""
    from dataclasses import asdict

    from runner.doctor import examine
    from runner.folder import runs_folder

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


def _print_rows(rows: Sequence[ResultRow], as_json: bool) -> None:
    from runner.tables import result_table

    if as_json:
        click.echo(json.dumps([row.as_dict() for row in rows], indent=1))
    else:
        click.echo(result_table(rows), nl=False)


def _print_pairs(pairs: dict[str, str], as_json: bool, names: tuple[str, str]) -> None:
    if as_json:
        click.echo(json.dumps([dict(zip(names, p, strict=True)) for p in pairs.items()], indent=1))
        return
    for key, value in pairs.items():
        click.echo(f"{key}: {value}")


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], object]]:
    """A progress bar on stderr; yields the function that advances it by one."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)

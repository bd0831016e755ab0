"""Options and output that several commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from runner.errors import EXIT_FAILED, EXIT_PARTLY_FAILED, EXIT_PENDING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress

    from runner.config.run_config import RunConfig
    from runner.planning.plan import Plan
    from runner.results.rows import ResultRow
    from runner.session import Session
    from runner.store.records import Tally

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document instead."
)
out_option = click.option("--out", metavar="DIR", help="Where runs are kept (default: ./runs).")
override_option = click.option(
    "-o", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Override a config value."
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stop waiting after so long; the run goes on without you.",
)


def shared(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def print_rows(rows: Sequence[ResultRow], folder: Path, *, as_json: bool) -> None:
    """The result table of the run in a folder, or its JSON."""
    from runner.report.report import spanned_calibrations
    from runner.report.tables import result_table

    if as_json:
        click.echo(json.dumps([row.as_dict() for row in rows], indent=1))
    else:
        click.echo(result_table(rows, spanned_calibrations(folder)), nl=False)


def print_plan(plan: Plan) -> None:
    """The rows of a plan as a table, how its points were compiled, and what it costs."""
    from runner.planning.explanation import compiler_remarks
    from runner.planning.past import left_out_of, past_remarks
    from runner.report.tables import plan_table
    from runner.status import jobs

    cost = plan.forecast
    click.echo(plan_table(plan.rows))
    for line in plan.remarks:
        click.echo(line)
    for line in compiler_remarks(plan.points, plan.snapshot):
        click.echo(line)
    for line in past_remarks(plan.past, left_out_of(plan.points)):
        click.echo(line)
    click.echo(f"{cost.circuits} circuits in {jobs(cost.jobs)}, {cost.shots:,} shots")
    click.echo(
        f"billed: {cost.qpu_seconds:g} QPU seconds, {cost.usd:g} USD ({cost.job_fees_usd:g} "
        f"for jobs, {cost.shot_fees_usd:g} for shots)"
    )
    if cost.queue_seconds is None:
        click.echo("queue: unknown")
    elif cost.queue_seconds:
        click.echo(f"queue: {cost.queue_seconds:g} s before the first job runs")
    if cost.device_seconds is not None:
        click.echo(f"the same shots on the device: {cost.device_seconds:.0f} s")
    for assumption in cost.assumptions:
        click.echo(f"  assumed: {assumption}")


def print_pairs(pairs: dict[str, str], names: tuple[str, str], *, as_json: bool) -> None:
    """Names with their descriptions."""
    if as_json:
        click.echo(json.dumps([dict(zip(names, p, strict=True)) for p in pairs.items()], indent=1))
        return
    for key, value in pairs.items():
        click.echo(f"{key}: {value}")


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], object]]:
    """A progress bar on stderr; yields what advances it by one."""
    with _bar() as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def compiling(*runs: RunConfig) -> Iterator[Callable[[], object]]:
    """The progress bar of compiling runs; yields what advances it by one point."""
    from runner.planning.compilation import makes_machine_code
    from runner.planning.points import sweep

    if any(map(makes_machine_code, runs)):
        click.echo(
            "the protocol compiler is used for the first time: its inner loops are compiled to "
            "machine code, which takes a minute or two, once for each version",
            err=True,
        )
    with progress("compiling", sum(len(sweep(one)) for one in runs)) as advance:
        yield advance


@contextmanager
def told_progress(what: str) -> Iterator[Callable[[int, int], object]]:
    """A progress bar on stderr; yields what is told how much is done, and of how much."""
    with _bar() as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def following() -> Iterator[tuple[Callable[[str], object], Callable[[Tally], object]]]:
    """A progress bar of circuits; yields how to tell a line and how to show a tally."""
    with _bar() as bar:
        task = bar.add_task("running", total=None)

        def tell(line: str) -> None:
            bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

        def show(tally: Tally) -> None:
            bar.update(task, total=tally.total, completed=tally.total - tally.open)

        yield tell, show


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def write_and_show(session: Session, run_id: str, *, as_json: bool, remark: str = "") -> None:
    """Write the run folder, show the table, and end the command as the run stands.

    Exits with 0 if every point has its value, 1 if none has, 3 if circuits are still pending, 4 if
    a part failed, or readout errors could not be undone.
    """
    from runner.status import cost_line, next_step

    with progress("writing", 1) as advance:
        rows = session.write(run_id)
        advance()
    print_rows(rows, session.runs / run_id, as_json=as_json)
    click.echo(f"run {run_id}: {session.runs / run_id}/report.html{remark}", err=True)
    account, tally = session.store.account(run_id), session.store.tally(run_id)
    if not account.is_free:
        click.echo(cost_line(account), err=True)
    if tally.open:
        click.echo(f"{tally.open} of {tally.total} circuits have no counts yet", err=True)
        click.echo(next_step(run_id, tally, session.store.submissions(run_id)), err=True)
        sys.exit(EXIT_PENDING)
    missing = sum(row.value is None for row in rows)
    if missing:
        click.echo(
            f"{missing} of {len(rows)} points have no value: their certificate failed or their "
            "counts are missing; see circuits/index.json in the run folder",
            err=True,
        )
        sys.exit(EXIT_FAILED if missing == len(rows) else EXIT_PARTLY_FAILED)
    if unmitigated := [row.not_mitigated for row in rows if row.not_mitigated]:
        click.echo(
            f"{len(unmitigated)} of {len(rows)} points have no mitigated value, beside the value "
            f"as measured: {unmitigated[0]}",
            err=True,
        )
        sys.exit(EXIT_PARTLY_FAILED)

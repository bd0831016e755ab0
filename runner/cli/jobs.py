"""Commands that make a run and work on it: run, submit, resume, collect, watch, cancel, adopt."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from runner.cli.output import (
    compiling,
    following,
    json_option,
    out_option,
    override_option,
    progress,
    shared,
    timeout_option,
    write_and_show,
)
from runner.errors import EXIT_PENDING

if TYPE_CHECKING:
    from backends.adapter import Adapter
    from runner.session import Session

LOOK_SECONDS = 1.0
"""How often a store is looked at while another process works on the run."""


@click.command()
@click.argument("config")
@shared(override_option, out_option, timeout_option, json_option)
def run(
    config: str,
    overrides: Sequence[str],
    out: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Plan, compile, run and analyse CONFIG; the result table goes to stdout.

    Ctrl-C leaves a run that 'enclone resume' goes on with.
    """
    session, run_id, adapter = _begin(config, overrides, out)
    _work(session, run_id, adapter, until=_until(timeout))
    write_and_show(session, run_id, as_json=as_json, remark=_remark(adapter))


@click.command()
@click.argument("config")
@shared(override_option, out_option, json_option)
def submit(config: str, overrides: Sequence[str], out: str | None, as_json: bool) -> None:
    """Plan, compile and send CONFIG without waiting for results; prints the run's name."""
    session, run_id, adapter = _begin(config, overrides, out)
    _work(session, run_id, adapter, wait=False)
    _print_status(session, run_id, as_json=as_json)
    states = {s.state for s in session.store.submissions(run_id)}
    if states & {"planned", "intent", "sent"}:
        click.echo(f"not everything is sent yet: 'enclone resume {run_id}' goes on", err=True)
        sys.exit(EXIT_PENDING)


@click.command()
@click.argument("run", default="latest")
@shared(out_option, timeout_option, json_option)
def resume(run: str, out: str | None, timeout: float | None, as_json: bool) -> None:
    """Go on with RUN: send what was not sent, wait, collect and analyse.

    However the run was cut short, no circuit is paid for twice. A second resume changes nothing.
    """
    session = _session(out)
    run_id = session.find(run)
    remark = ""
    with _needed(session, run_id) as adapter:
        if adapter is not None:
            _work(session, run_id, adapter, until=_until(timeout))
            remark = _remark(adapter)
    write_and_show(session, run_id, as_json=as_json, remark=remark)


@click.command()
@click.argument("run", default="latest")
@shared(out_option, json_option)
def collect(run: str, out: str | None, as_json: bool) -> None:
    """Fetch what is ready of RUN and write its folder; sends nothing and does not wait."""
    from runner.store.locking import RunIsBusy

    session = _session(out)
    run_id = session.find(run)
    try:
        with _needed(session, run_id) as adapter:
            if adapter is not None:
                _work(session, run_id, adapter, wait=False, send=False)
    except RunIsBusy:
        click.echo("another process works on this run; this is what it has stored", err=True)
    write_and_show(session, run_id, as_json=as_json)


@click.command()
@click.argument("run", default="latest")
@shared(out_option, timeout_option, json_option)
def watch(run: str, out: str | None, timeout: float | None, as_json: bool) -> None:
    """Wait until what was sent of RUN is over, then show its results; sends nothing."""
    session = _session(out)
    run_id = session.find(run)
    _follow(session, run_id, until=_until(timeout))
    write_and_show(session, run_id, as_json=as_json)


@click.command()
@click.argument("run")
@shared(out_option, timeout_option, json_option)
def cancel(run: str, out: str | None, timeout: float | None, as_json: bool) -> None:
    """Send nothing more of RUN, cancel its jobs, and wait for the provider's word on each.

    A job that ran before it could be cancelled is paid for, so its results are kept.
    """
    session = _session(out)
    run_id = session.find(run)
    session.store.cancel_run(run_id)
    _follow(session, run_id, until=_until(timeout))
    session.write(run_id)
    _print_status(session, run_id, as_json=as_json)
    if session.store.tally(run_id).open:
        sys.exit(EXIT_PENDING)


@click.command()
@click.argument("run")
@click.option("--tag", metavar="TAG", help="The submission to find a job for (default: all).")
@click.option("--job", metavar="ID", help="The provider's id of its job, given by hand.")
@shared(out_option, json_option)
def adopt(run: str, tag: str | None, job: str | None, out: str | None, as_json: bool) -> None:
    """Take over jobs of RUN that the provider knows and the store does not.

    If the store was lost, RUN is the path of the run's folder: the run is stored anew from it.
    """
    from runner.status import jobs

    session = _session(out)
    run_id = _find_or_restore(session, run)
    with following() as (tell, show):
        adopted = session.manager(run_id, tell, show).adopt(run_id, tag, job)
    if as_json:
        click.echo(json.dumps({"run": run_id, "adopted": adopted}, indent=1))
        return
    click.echo(f"run {run_id}: {jobs(len(adopted))} taken over{': ' if adopted else ''}", nl=False)
    click.echo(", ".join(adopted))
    click.echo(f"'enclone resume {run_id}' goes on", err=True)


@click.command()
@click.argument("run", default="latest")
@shared(out_option, json_option)
def status(run: str, out: str | None, as_json: bool) -> None:
    """Show where RUN stands, from the store alone: asks no provider and changes nothing."""
    session = _session(out)
    run_id = session.find(run)
    _print_status(session, run_id, as_json=as_json)
    sys.exit(session.store.tally(run_id).exit_code)


@click.command("list")
@shared(out_option, json_option)
def list_runs(out: str | None, as_json: bool) -> None:
    """List all runs of the store, oldest first."""
    from runner.status import summary

    session = _session(out)
    overview = session.store.overview() if session.has_store else []
    lines = [summary(run, tally) for run, tally in overview]
    if as_json:
        click.echo(json.dumps(lines, indent=1))
        return
    for line in lines:
        counted = line["circuits"].get("counted", 0)
        click.echo(
            f"{line['run']}  {line['state']:<13}  {counted:>6} of {line['total']} circuits  "
            f"{line['provider']}, {line['device']}"
        )
    if not lines:
        click.echo("no runs yet; start one with 'enclone run CONFIG'", err=True)


COMMANDS = (run, submit, status, watch, collect, resume, cancel, adopt, list_runs)


def _session(out: str | None) -> Session:
    from runner.run_folder.locations import runs_folder
    from runner.session import Session

    return Session(runs_folder(out))


def _begin(config: str, overrides: Sequence[str], out: str | None) -> tuple[Session, str, Adapter]:
    """Plan, check the budget, and write the run down; nothing is sent."""
    session = _session(out)
    plan = session.plan(config, overrides, compiling)
    for line in plan.remarks:
        click.echo(line, err=True)
    if left := session.require_sendable(plan):
        click.echo(f"before: {left}", err=True)
    run_id, adapter = session.begin(plan)
    return session, run_id, adapter


def _until(timeout: float | None) -> float | None:
    return None if timeout is None else time.time() + timeout


def _work(
    session: Session,
    run_id: str,
    adapter: Adapter,
    *,
    wait: bool = True,
    send: bool = True,
    until: float | None = None,
) -> None:
    """Work on a run, and show how far it is."""
    with _resumable(run_id), following() as (tell, show):
        session.work(run_id, adapter, wait=wait, send=send, until=until, notify=tell, on_tally=show)


def _follow(session: Session, run_id: str, until: float | None) -> None:
    """Wait for the end of a run that this process or another works on."""
    with _needed(session, run_id) as adapter:
        if adapter is not None:
            _look_on(session, run_id, adapter, until)


def _look_on(session: Session, run_id: str, adapter: Adapter, until: float | None) -> None:
    from runner.store.locking import RunIsBusy

    store = session.store
    with _resumable(run_id), following() as (tell, show):
        manager = session.manager(run_id, tell, show, adapter)
        told = False
        while True:
            try:
                manager.work(run_id, send=False, until=until)
            except RunIsBusy:
                if not told:
                    tell("another process works on this run; looking on")
                told = True
            else:
                return
            show(store.tally(run_id))
            if until is not None and time.time() >= until:
                return
            time.sleep(LOOK_SECONDS)


@contextmanager
def _needed(session: Session, run_id: str) -> Iterator[Adapter | None]:
    """The provider of a run, if there is anything to ask of it.

    Where all that could be asked for is a job that was given up, a provider that cannot be reached
    is said and ends nothing.
    """
    from backends.errors import BackendError

    over = session.is_over(run_id)
    if over and not session.has_lost(run_id):
        yield None
        return
    try:
        yield session.adapter(run_id)
    except BackendError as error:
        if not over:
            raise
        click.echo(f"{error}; jobs that were lost are not looked for", err=True)


@contextmanager
def _resumable(run_id: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"run {run_id} is kept: 'enclone resume {run_id}' goes on with it", err=True)
        raise


def _find_or_restore(session: Session, wanted: str) -> str:
    from pathlib import Path

    from runner.run_folder.locations import is_run

    place = Path(wanted)
    name = place.resolve().name
    if is_run(place) and name not in (session.store.run_ids() if session.has_store else ()):
        with progress("compiling", 1) as advance:
            session.restore(place)
            advance()
        return name
    return session.find(wanted)


def _print_status(session: Session, run_id: str, *, as_json: bool) -> None:
    from runner.status import as_document, as_text, status_of

    found = status_of(session.store, run_id)
    if as_json:
        click.echo(json.dumps(as_document(found), indent=1))
    else:
        click.echo(as_text(found), nl=False)


def _remark(adapter: Adapter) -> str:
    from backends.adapter import Checks, ProviderError, Simulates

    if isinstance(adapter, Checks):
        try:
            return f" ({adapter.allowance()})"
        except ProviderError as error:
            return f" (what is left of the plan is unknown: {error})"
    if isinstance(adapter, Simulates):
        return f" (simulation {adapter.simulation_seconds:.2f} s)"
    return ""

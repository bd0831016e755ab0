"""Where a run stands, from the store alone: no provider is asked and nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from runner.store.records import Account, RunRecord, Submission, Tally
from runner.store.store import Store

_SHOWN = 20
"""Submissions that are listed for people; ``--json`` lists all."""


@dataclass(frozen=True)
class RunStatus:
    """A run as the store knows it.

    Attributes:
        run: the run, with or without its document.
        tally: its circuits.
        account: what its jobs cost.
        submissions: its jobs, in order.
        moved_at: when one of them last moved, seconds since 1970; None if none did.
    """

    run: RunRecord
    tally: Tally
    account: Account
    submissions: Sequence[Submission]
    moved_at: float | None


def status_of(store: Store, run_id: str) -> RunStatus:
    """Look a run up."""
    return RunStatus(
        store.run(run_id),
        store.tally(run_id),
        store.account(run_id),
        store.submissions(run_id),
        store.last_moved_at(run_id),
    )


def summary(run: RunRecord, tally: Tally) -> dict[str, Any]:
    """One line of a list of runs, ready for JSON."""
    return {
        "run": run.id,
        "state": tally.state,
        "created_at": _time(run.created_at),
        "provider": run.provider,
        "device": run.device,
        "cancelled": run.cancelled,
        "total": tally.total,
        "circuits": dict(sorted(tally.by_state.items())),
    }


def as_document(status: RunStatus) -> dict[str, Any]:
    """Everything, ready for JSON."""
    return {
        **summary(status.run, status.tally),
        "moved_at": None if status.moved_at is None else _time(status.moved_at),
        "cost": {
            "jobs": status.account.jobs,
            "forecast": asdict(status.account.forecast),
            "billed": asdict(status.account.billed),
            "jobs_not_billed_yet": status.account.unbilled,
        },
        "submissions": [
            {
                "tag": s.tag,
                "state": s.state,
                "job": s.provider_id,
                "sends": s.sends,
                "sent_at": None if s.sent_at is None else _time(s.sent_at),
                "message": s.message,
            }
            for s in status.submissions
        ],
    }


def as_text(status: RunStatus) -> str:
    """The same for people, with the jobs that are not over."""
    run, tally = status.run, status.tally
    lines = [
        f"run {run.id}: {tally.state}{' (cancelled)' if run.cancelled else ''}",
        f"  on        {run.provider}, {run.device}",
        f"  circuits  {_counted(tally.by_state)} of {tally.total}",
    ]
    if status.submissions:
        lines.append(f"  jobs      {_counted(Counter(s.state for s in status.submissions))}")
    if not status.account.is_free:
        lines.append(f"  cost      {cost_line(status.account)}")
    if status.moved_at is not None:
        lines.append(f"  as of     {_time(status.moved_at)}")
    unfinished = [s for s in status.submissions if s.state != "analysed"]
    lines += [
        f"  {s.tag}: {s.state}{f', job {s.provider_id}' if s.provider_id else ''}"
        f"{f': {s.message}' if s.message else ''}"
        for s in unfinished[:_SHOWN]
    ]
    if len(unfinished) > _SHOWN:
        lines.append(f"  … and {len(unfinished) - _SHOWN} more; --json lists all")
    if hint := next_step(run.id, tally, status.submissions):
        lines.append(hint)
    return "\n".join(lines) + "\n"


def next_step(run_id: str, tally: Tally, submissions: Sequence[Submission]) -> str:
    """What a user would do next; empty if the run is over."""
    if not tally.open:
        return ""
    unsent = not submissions or any(s.state in ("planned", "intent", "sent") for s in submissions)
    if unsent or tally.count("pending"):
        return f"'enclone resume {run_id}' sends what is left and waits for the results"
    return (
        f"'enclone collect {run_id}' asks the provider and fetches what is ready, "
        f"'enclone watch {run_id}' waits for the rest"
    )


def cost_line(account: Account) -> str:
    """Forecast beside bill."""
    billed, expected = account.billed, account.forecast
    line = (
        f"{jobs(account.jobs)} sent, forecast {expected.qpu_seconds:.4g} QPU s and "
        f"{expected.usd:.4g} USD, billed {billed.qpu_seconds:.4g} QPU s and {billed.usd:.4g} USD"
    )
    return line + (f" ({account.unbilled} not billed yet)" if account.unbilled else "")


def jobs(number: int) -> str:
    """A number of jobs in words."""
    return f"{number:,} job{'' if number == 1 else 's'}"


def _counted(numbers: Any) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in sorted(numbers.items()))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

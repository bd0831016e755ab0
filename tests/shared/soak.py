"""``make soak``: runs with faults are killed at random points and resumed, again and again.

Each scenario draws a cloud (queue, listing lag, faults, failing circuits, grouping) and then kills
its worker with SIGKILL until one comes through. Afterwards nothing may be lost, nothing paid twice,
and the counts must be those of the same run undisturbed.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import (
    CALLS,
    REFUSED,
    RUN,
    Killer,
    SharedClock,
    cloud,
    cloud_options,
    counts,
    fast_folder,
    in_a_process_of_its_own,
    stored_run,
    work,
)

from backends.providers.rehearsal.settings import FAULT_KINDS
from runner.store.store import Store

MOST_KILLS = 12
"""A scenario whose worker was killed so often is left to finish."""


@dataclass(frozen=True)
class Scenario:
    """A run and a cloud.

    Attributes:
        repeats: circuits of the run.
        settings: of the cloud, with its faults.
        kills: after how many points the worker is killed, time and again.
    """

    repeats: int
    settings: dict[str, Any]
    kills: tuple[int, ...]


def scenario(seed: int) -> Scenario:
    """The scenario of a number."""
    draw = random.Random(seed)
    repeats = draw.randint(1, 6)
    # Without a queue a duplicate has run before anybody can cancel it, so there none may be made
    # in the first place; a client that repeats calls makes them, whatever we do.
    queued = draw.random() < 0.5
    kinds = [k for k in FAULT_KINDS if queued or k != "accepted_502_twice"]
    faults = [
        {
            "call": draw.choice(["submit", "submit", "submit", *CALLS]),
            "kind": draw.choice(["accepted_502_twice" if queued else "dropped", *kinds]),
            "first": draw.randint(1, 8),
            "times": draw.randint(1, 2),
        }
        for _ in range(draw.randint(0, 4))
    ]
    failing = {
        draw.randrange(repeats): {"message": "laser off", "safe_to_retry": True}
        for _ in range(draw.randint(0, 1))
    }
    settings = {
        "queue_seconds": 600.0 if queued else 0.0,
        "seconds_per_circuit": draw.choice([0.0, 5.0]),
        "poll_seconds": 20.0,
        "listing_lag_seconds": draw.choice([0.0, 30.0]),
        "circuits_per_job": draw.randint(1, 3),
        "honours_tokens": draw.random() < 0.3,
        "faults": faults,
        "fail_circuits": failing,
    }
    kills = tuple(draw.randint(1, 60) for _ in range(draw.randint(1, MOST_KILLS)))
    return Scenario(repeats, settings, kills)


def play(place: Path, played: Scenario) -> int:
    """Kill and resume; return how often the worker was killed.

    Raises:
        AssertionError: if a promise was broken.
    """
    url = stored_run(place, repeats=played.repeats)
    options, clock = cloud_options(place, **played.settings), SharedClock()
    kills = 0
    for at in played.kills:
        code = in_a_process_of_its_own(lambda at=at: work(url, options, Killer(at), clock))
        assert code in (0, REFUSED, -signal.SIGKILL), code
        kills += code == -signal.SIGKILL
    for _ in range(10):
        code = in_a_process_of_its_own(lambda: work(url, options, None, clock))
        assert code in (0, REFUSED), code
        if code == 0:
            break
    assert code == 0, "a worker that is left alone comes through"
    check(place, url, clock, played)
    return kills


def check(place: Path, url: str, clock: SharedClock, played: Scenario) -> None:
    """Nothing lost, nothing paid twice, counts as they should be."""
    store = Store(url)
    submissions = store.submissions(RUN)
    assert store.tally(RUN).by_state == {"counted": played.repeats}
    assert {s.state for s in submissions} == {"analysed"}
    jobs = cloud(place, clock).jobs()
    paid = [job for job in jobs if job.state != "cancelled"]
    assert sorted(j.id for j in paid) == sorted(s.provider_id or "" for s in submissions)
    assert max(Counter(j.tag for j in paid).values()) == 1
    assert counts(store) == undisturbed(played.repeats)
    store.close()


_UNDISTURBED: dict[int, dict[str, bytes | None]] = {}


def undisturbed(repeats: int) -> dict[str, bytes | None]:
    """The counts of a run that nothing happens to."""
    if repeats not in _UNDISTURBED:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            url = stored_run(place, repeats=repeats)
            work(url, cloud_options(place))
            store = Store(url)
            _UNDISTURBED[repeats] = counts(store)
            store.close()
    return _UNDISTURBED[repeats]


def soak(first_seed: int, least_kills: int) -> tuple[int, int]:
    """Play scenarios until that many workers were killed; return kills and scenarios."""
    kills = scenarios = 0
    while kills < least_kills:
        seed = first_seed + scenarios
        place = fast_folder("enclone-soak-")
        try:
            kills += play(place, scenario(seed))
        except AssertionError as error:
            raise AssertionError(f"scenario {seed}: {scenario(seed)}: {error}") from error
        finally:
            shutil.rmtree(place)
        scenarios += 1
    return kills, scenarios


def main() -> None:
    """Soak as long as the command line says: kills, then the first seed."""
    least = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    started = time.monotonic()
    kills, scenarios = soak(first, least)
    sys.stdout.write(
        f"{kills} kills and resumes in {scenarios} scenarios, {time.monotonic() - started:.0f} s: "
        "0 jobs lost, 0 paid twice, all counts as undisturbed\n"
    )


if __name__ == "__main__":
    main()

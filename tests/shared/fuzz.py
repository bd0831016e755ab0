"""Files that are wrong in every way: seeded changes of configurations, calibrations, runs, stores.

Nothing of them may end in a traceback, take over 5 s or 500 MiB. ``make fuzz`` tries thousands; the
suite tries a few of each.

    python tests/shared/fuzz.py [--seed N] [WHAT=COUNT ...]
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "emulators")]

from backends.devices.catalog import load_device  # noqa: E402
from backends.errors import BackendError  # noqa: E402
from runner.cli.commands import main  # noqa: E402
from runner.config.loading import load_config  # noqa: E402
from runner.errors import ConfigError  # noqa: E402

MOST_SECONDS = 5.0
MOST_MIB = 500.0

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 1.5, -0.5, 1e300, 10**30, 10**400, -(10**30), 2**63),
    *(
        float("nan"),
        float("inf"),
        "",
        "x",
        "0",
        "null",
        "1e400",
        "μs",
        "fortnights",
        "\x00",
        "ü" * 300,
    ),
    *([], {}, [[]], [None], {"a": 1}, [1, 1], list(range(300)), "2..1000", "9..2", "all"),
)
"""Values that no reader expects, at any place of a document."""


@dataclass
class Outcome:
    """What came of the cases of one kind.

    Attributes:
        what: the kind.
        ended: how each case ended → how often.
        wrong: seed → traceback, or what took too long.
        slowest_seconds: processor time of the slowest case.
    """

    what: str
    ended: Counter[str] = field(default_factory=Counter)
    wrong: dict[int, str] = field(default_factory=dict)
    slowest_seconds: float = 0.0

    def __str__(self) -> str:
        ends = ", ".join(f"{number} {how}" for how, number in self.ended.most_common())
        return (
            f"{self.what}: {sum(self.ended.values())} cases, {len(self.wrong)} wrong; {ends}; "
            f"slowest {self.slowest_seconds:.2f} s"
        )


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    if path:
        yield path
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


def change(document: Any, rng: random.Random) -> Any:
    """The document with one to three values changed, left out, doubled or renamed."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        paths = list(places(changed))
        if not paths:
            return changed
        *above, last = rng.choice(paths)
        parent = changed
        for key in above:
            parent = parent[key]
        way = rng.random()
        if way < 0.6:
            parent[last] = copy.deepcopy(rng.choice(ODD_VALUES))
        elif way < 0.75:
            del parent[last]
        elif way < 0.85 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        elif isinstance(parent, dict):
            parent[str(last) + rng.choice(("s", "_", " ", "é"))] = parent.pop(last)
        else:
            parent[last] = {"value": parent[last]}
    return changed


def change_bytes(content: bytes, rng: random.Random) -> bytes:
    """The bytes with some changed, cut off or repeated."""
    if not content:
        return rng.randbytes(8)
    out = bytearray(content)
    way = rng.random()
    if way < 0.6:
        for _ in range(rng.choice((1, 1, 4, 40))):
            out[rng.randrange(len(out))] = rng.randrange(256)
    elif way < 0.75:
        del out[rng.randrange(len(out)) :]
    elif way < 0.9:
        start = rng.randrange(len(out))
        out[start:start] = out[start : start + rng.randrange(1, 200)]
    else:
        return b""
    return bytes(out)


# Configurations


@cache
def _configurations() -> tuple[Any, ...]:
    from runner.config.source import read_source

    return tuple(read_source(str(f)).data for f in sorted((ROOT / "configs").rglob("*.yaml")))


def try_configuration(rng: random.Random, place: Path) -> str:
    """Read a changed configuration; how it ended."""
    file = place / "c.yaml"
    if rng.random() < 0.2:
        shipped = sorted((ROOT / "configs").rglob("*.yaml"))
        file.write_bytes(change_bytes(rng.choice(shipped).read_bytes(), rng))
    else:
        document = change(rng.choice(_configurations()), rng)
        file.write_text(json.dumps(document), encoding="utf-8")
    try:
        load_config(str(file))
    except ConfigError as error:
        if "Error:" in str(error) or "object is not" in str(error):
            raise AssertionError(f"words of an exception: {error}") from error
        return "refused"
    return "read"


# Calibrations


@cache
def _calibrations() -> tuple[Any, ...]:
    import braket_devices

    package = find_spec("qiskit_ibm_runtime")
    assert package is not None
    folder = Path(str(package.origin)).parent / "fake_provider" / "backends"
    ibm = ("lagos", "armonk", "nairobi", "guadalupe", "cambridge")
    documents = [json.loads((folder / n / f"props_{n}.json").read_text("utf-8")) for n in ibm]
    documents += [braket_devices.document(arn) for arn in braket_devices.PROCESSORS]
    return (*documents, json.loads(load_device("fake_lagos").to_json()))


def try_calibration(rng: random.Random, place: Path) -> str:
    """Read a changed calibration as a device; how it ended."""
    file = place / f"{rng.randrange(10**9)}.json"
    document = rng.choice(_calibrations())
    if rng.random() < 0.15:
        file.write_bytes(change_bytes(json.dumps(document).encode(), rng))
    else:
        file.write_text(json.dumps(change(document, rng)), encoding="utf-8")
    try:
        device = load_device(str(file))
        device.to_target()
        again = place / "device.json"
        again.write_text(device.to_json(), encoding="utf-8")
        if load_device(str(again)) != device:
            raise AssertionError("what was archived is another device")
    except BackendError as error:
        if "object is not" in str(error) or "unsupported operand" in str(error):
            raise AssertionError(f"words of an exception: {error}") from error
        return "refused"
    finally:
        file.unlink()
    return "read, with remarks" if device.remarks else "read"


# Runs and stores

_RUN = """\
name: small
experiment: {kind: entanglement, n: 2, estimator: [bsm, parity]}
backend: {device: fake_lagos}
compile: {seeds: 1}
shots: 50
"""


@cache
def finished_run() -> Path:
    """A folder of runs with one that is finished, and its store."""
    place = Path(tempfile.mkdtemp(prefix="fuzz-run-"))
    (place / "c.yaml").write_text(_RUN, encoding="utf-8")
    done = CliRunner().invoke(main, ["run", str(place / "c.yaml"), "--out", str(place / "runs")])
    assert done.exit_code == 0, done.output
    return place / "runs"


def command(*arguments: str) -> str:
    """How a command ends: its exit code.

    Raises:
        Exception: what the command did not turn into words.
    """
    done = CliRunner().invoke(main, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return f"exit {done.exit_code}"


def try_folder(rng: random.Random, place: Path) -> str:
    """Work on a run with a changed file; how it ended."""
    shutil.copytree(finished_run(), place / "runs", dirs_exist_ok=True)
    (folder,) = (p for p in (place / "runs").iterdir() if (p / "resolved.json").is_file())
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".csv", ".npz", ".qpy"))
    file = rng.choice(files)
    if file.suffix == ".json" and rng.random() < 0.7:
        document = change(json.loads(file.read_text(encoding="utf-8")), rng)
        file.write_text(json.dumps(document), encoding="utf-8")
    elif rng.random() < 0.1:
        file.unlink()
    else:
        file.write_bytes(change_bytes(file.read_bytes(), rng))
    ways = ("verify", "report", "export", "adopt", "status", "compare")
    way = rng.choice(ways)
    arguments = [way, str(folder)]
    if way == "export":
        arguments += ["--format", "csv,json,qasm3", "--to", str(place / "out")]
    if way == "compare":
        arguments.append(str(folder))
    if way == "adopt":
        for store in (place / "runs").glob("enclone.sqlite*"):
            store.unlink()
    if way in ("adopt", "status"):
        arguments += ["--out", str(place / "runs")]
    return f"{way} {command(*arguments)}"


def try_store(rng: random.Random, place: Path) -> str:
    """Work with a changed store; how it ended."""
    shutil.copytree(finished_run(), place / "runs", dirs_exist_ok=True)
    store = place / "runs" / "enclone.sqlite"
    store.write_bytes(change_bytes(store.read_bytes(), rng))
    way = rng.choice(("status", "resume", "collect", "watch", "cancel"))
    return f"{way} {command(way, 'latest', '--out', str(place / 'runs'))}"


TARGETS: dict[str, tuple[Callable[[random.Random, Path], str], int]] = {
    "configurations": (try_configuration, 10_000),
    "calibrations": (try_calibration, 2_000),
    "folders": (try_folder, 1_000),
    "stores": (try_store, 1_000),
}
"""Kind → how one is tried, and how many ``make fuzz`` tries."""


def fuzz(what: str, count: int, seed: int = 0) -> Outcome:
    """Try some changed files of one kind, each with a seed of its own."""
    attempt, _ = TARGETS[what]
    outcome = Outcome(what)
    if what in ("folders", "stores"):
        finished_run()  # its time is none of the cases'
    for number in range(seed, seed + count):
        place = Path(tempfile.mkdtemp(prefix="fuzz-"))
        started = time.process_time()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            outcome.ended[attempt(random.Random(f"{what}-{number}"), place)] += 1
        except Exception:
            outcome.ended["wrong"] += 1
            outcome.wrong[number] = traceback.format_exc()
        finally:
            shutil.rmtree(place, ignore_errors=True)
        seconds = time.process_time() - started
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        outcome.slowest_seconds = max(outcome.slowest_seconds, seconds)
        if seconds > MOST_SECONDS or grown > MOST_MIB:
            outcome.wrong[number] = f"took {seconds:.1f} s and {grown:.0f} MiB"
    return outcome


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("counts", nargs="*", metavar="WHAT=COUNT")
    given = parser.parse_args()
    counts = dict(one.split("=") for one in given.counts) or {
        what: number for what, (_, number) in TARGETS.items()
    }
    wrong = 0
    for what, count in counts.items():
        outcome = fuzz(what, int(count), given.seed)
        print(outcome, flush=True)  # noqa: T201
        for number, why in list(outcome.wrong.items())[:20]:
            print(f"--- {what} {number}\n{why}", flush=True)  # noqa: T201
        wrong += len(outcome.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(_main())

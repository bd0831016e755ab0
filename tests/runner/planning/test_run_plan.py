"""One pipeline from a configuration to a plan: what it asks for, it asks for once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import backends.devices.catalog
import backends.devices.snapshot
import backends.providers.registry
from backends.compiling.compile import _stock_compiler

CONFIG = """\
experiment: {{kind: entanglement, n: [2, 3], estimator: [bsm, parity]}}
backend: {{provider: {}, device: fake_kingston}}
compile: {{seeds: 2}}
shots: 20
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a provider is opened, a calibration is read, and a Target is built."""
    count: Counter[str] = Counter()

    def counted(owner: Any, name: str, what: str) -> None:
        original = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            count[what] += 1
            result = original(*arguments, **options)
            if what == "opened":
                counted(result, "snapshot", "snapshots")
            return result

        monkeypatch.setattr(owner, name, call)

    counted(backends.providers.registry, "open_adapter", "opened")
    counted(backends.devices.catalog, "_parsed", "calibrations")
    counted(backends.devices.snapshot, "Target", "targets")
    # As in a process that has just started.
    backends.devices.catalog._read.cache_clear()
    backends.devices.snapshot._target.cache_clear()
    _stock_compiler.cache_clear()
    return count


@pytest.mark.parametrize("provider", ["stim", "rehearsal"])
@pytest.mark.parametrize("command", ["plan", "run", "submit"])
def test_a_command_opens_its_device_once(
    command: str,
    provider: str,
    invoke: Callable[..., Result],
    asked: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Counting ends at the border of this process.
    monkeypatch.setattr("runner.planning.compilation._PARALLEL_FROM_POINTS", 10**6)
    Path("c.yaml").write_text(CONFIG.format(provider))
    done = invoke(command, "c.yaml")
    assert done.exit_code in (0, 3), done.output
    assert asked == {"opened": 1, "snapshots": 1, "calibrations": 1, "targets": 1}


@pytest.mark.parametrize("command", ["resume", "collect", "watch"])
def test_a_finished_run_asks_its_provider_for_nothing(
    command: str, invoke: Callable[..., Result], asked: Counter[str]
) -> None:
    Path("c.yaml").write_text(CONFIG.format("rehearsal"))
    assert invoke("run", "c.yaml", "-o", "experiment.n=2").exit_code == 0
    asked.clear()
    done = invoke(command)
    assert done.exit_code == 0, done.output
    assert not asked["opened"]

"""Small runs of every kind of experiment, as the user writes them."""

from pathlib import Path

from click.testing import Result
from runs import run_folders

import runner

CONFIGS = Path(runner.__file__).parents[1] / "configs"
"""The configurations that come with the application."""

KINDS_OF_RUNS = {
    "chsh": "{kind: chsh, n: 2, decrypt: {strategy: [unitary, frame]}, "
    "scenario: [2-1, undecrypted]}",
    "iterated": "{kind: iterated, level: [0, 1], clones: [physical, virtual]}",
    "generations": "{kind: iterated, generations: [[1], [1, 3, 2], [1, 3, 2]], level: [0, 2, 1]}",
    "path": "{kind: iterated, level: 2, path: [0, 2, 1], decrypt: {strategy: [unitary, frame]}}",
    "ghz": "{kind: ghz, r: [1, 3], estimator: [parity, stabilizers]}",
    "correlators": "{kind: correlators, n: 2}",
    "storage": "{kind: storage, n: 3, lost: [0, 2], loss: [reset, measure, depolarize]}",
    "spent key": "{kind: storage, n: 2, spent_on: 1, decrypt: {clone: 2}, read: [second, first]}",
    "storage time": "{kind: storage, n: 2, idle_microseconds: [0, 12.5], estimator: bsm}",
    "leakage": "{kind: leakage, n: 3, subset: [S1 S2, S1 S2 S3, S1 S2 S3 N1]}",
    "inputs": "{kind: entanglement, n: 2, input: [bell, '0', process, random, "
    "{theta_degrees: 30, phi_degrees: 70}]}",
    "all clones": "{kind: entanglement, n: [2, 3], decrypt: {clone: all}}",
}


def written(experiment: str, more: str = "") -> None:
    text = f"experiment: {experiment}\nshots: 1000\nseed: 3\ncompile: {{seeds: 1}}\n{more}"
    Path("c.yaml").write_text(text, encoding="utf-8")


def the_run(result: Result) -> Path:
    assert result.exit_code == 0, result.stderr
    (folder,) = run_folders(Path("runs"))
    return folder

"""A small run, and ways to change its folder."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result

from runner.run_folder.checksums import write_checksums

Invoke = Callable[..., Result]
SMALL = """\
name: checked
experiment: {kind: entanglement, n: 2, decrypt: {strategy: frame}, estimator: [bsm, parity]}
compile: {seeds: 1}
shots: 200
repeats: 2
"""
STEM = "n02-clone1-frame"
BELL = f"{STEM}-bsm-bell"
ZZ, XX = f"{STEM}-parity-ZZ", f"{STEM}-parity-XX"
DRAWN: dict[Any, dict[str, bytes]] = {}


@dataclass(frozen=True)
class Found:
    exit_code: int
    document: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = self.document["differences"]
        return rows

    def about(self, file: str) -> list[dict[str, str]]:
        return [row for row in self.rows if row["file"] == file]


Verified = Callable[[], Found]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def change_json(path: Path, change: Callable[[Any], object]) -> None:
    document = read_json(path)
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def hashed_again(folder: Path) -> None:
    """What somebody does who changes a file and knows of the hashes."""
    write_checksums(folder, with_provenance=True)

"""The page on the architecture: its picture and its rooms are those of the source."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "draw_architecture.py"))


def test_the_picture_is_what_the_script_draws(script):
    committed = (DOCS / "architecture.svg").read_text(encoding="utf-8")
    assert script["draw"]() == committed, "run 'make docs-figures'"


def test_the_page_explains_every_room(script):
    rooms = {
        f"{package}.{room}"
        for package, layers in script["layers"]().items()
        for layer in layers
        for room in layer
    }
    rows = set(re.findall(r"(?m)^\| `([\w.]+)` \|", PAGE))
    assert rooms - rows == set()
    assert {name for name in rows if name.count(".") == 1} - rooms == set()

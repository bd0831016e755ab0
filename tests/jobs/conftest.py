"""Where the tests keep their stores."""

import shutil
import tempfile
from pathlib import Path

import pytest
from harness import MEMORY


@pytest.fixture
def place(tmp_path):
    """A folder in memory where there is one: a store waits for the disk at every commit."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="enclone-test-"))
    yield folder
    shutil.rmtree(folder)

"""Where the tests keep their stores."""

import shutil

import pytest
from harness import fast_folder


@pytest.fixture
def place():
    folder = fast_folder("enclone-test-")
    yield folder
    shutil.rmtree(folder)

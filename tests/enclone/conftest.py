"""The example package, installed once for all tests of plugins."""

from pathlib import Path

import pytest
from plugin import installed


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that must be on the module path for the package to be seen."""
    return installed(tmp_path_factory.mktemp("plugin"))

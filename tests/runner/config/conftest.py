"""Fixtures that several test files of this folder use."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from configurations import Load, Problems

from runner.config.loading import load_config
from runner.config.run_config import RunConfig
from runner.errors import ConfigError, Problem


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """A configuration from its text, or bytes, and overrides."""
    monkeypatch.chdir(tmp_path)

    def from_text(text: str | bytes, *overrides: str) -> RunConfig:
        Path("c.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return load_config("c.yaml", overrides)[0]

    return from_text


@pytest.fixture
def problems(load: Load) -> Problems:
    """What is wrong with a configuration."""

    def found(text: str | bytes, *overrides: str) -> Sequence[Problem]:
        with pytest.raises(ConfigError) as caught:
            load(text, *overrides)
        return caught.value.problems

    return found

"""Records of other packages: sound ones are loaded, broken ones named and skipped."""

from pathlib import Path

import pytest

from backends.plugins import BrokenPlugin, load_plugins

GROUP = "enclone.tests"
MODULE = """
GOOD = "good"
TAKEN = "taken"
NUMBER = 3
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with one sound entry point and all ways to break one."""
    (tmp_path / "brought.py").write_text(MODULE)
    (tmp_path / "raises.py").write_text("raise RuntimeError('two\\nlines')")
    about = tmp_path / "brought_records-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: brought-records\nVersion: 1.2\n")
    targets = {
        "good": "brought:GOOD",
        "no-attribute": "brought:BAD",
        "no-module": "nowhere:GOOD",
        "raises": "raises:GOOD",
        "twice": "brought:GOOD",
        "taken": "brought:TAKEN",
        "wrong-type": "brought:NUMBER",
    }
    lines = [f"{name} = {target}" for name, target in targets.items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed")
def test_broken_plugins_are_named_and_the_sound_one_is_loaded() -> None:
    found = load_plugins(GROUP, str, lambda record: record, ["taken"])
    (good,) = found.sound
    assert (good.record, good.package, good.version) == ("good", "brought-records", "1.2")
    assert found.packages_of("good") == ("brought-records",)
    assert found.packages_of("taken") == ()
    assert {broken.package for broken in found.broken} == {"brought-records 1.2"}
    assert {broken.name: broken.problem for broken in found.broken} == {
        "no-attribute": "AttributeError: module 'brought' has no attribute 'BAD'",
        "no-module": "ModuleNotFoundError: No module named 'nowhere'",
        "raises": "RuntimeError: two lines",
        "taken": "the name 'taken' is taken; choose another",
        "twice": "the name 'good' is taken; choose another",
        "wrong-type": "must be a record of type str, but is of type int",
    }
    assert found.broken[0] == BrokenPlugin(
        GROUP,
        "no-attribute",
        "brought:BAD",
        "brought-records 1.2",
        "AttributeError: module 'brought' has no attribute 'BAD'",
    )


def test_without_plugins_there_is_nothing() -> None:
    found = load_plugins("enclone.nobody", str, lambda record: record, [])
    assert found.sound == found.broken == ()

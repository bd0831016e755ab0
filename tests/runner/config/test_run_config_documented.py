"""Documented input is read, or refused in words that help; limits come before loops.

Each case stands for a kind of fault that people reported in public; its docstring names the thread.
"""

import os
import time
from pathlib import Path

import pytest
from configurations import Load

from runner.config.loading import load_config
from runner.config.run_config import RunConfig
from runner.errors import ConfigError

ENTANGLEMENT = (
    "experiment: {{kind: entanglement, n: {n}, input: {input}}}\nbackend: {{device: ideal}}\n"
)


def text(n="2", given="bell"):
    return ENTANGLEMENT.format(n=n, input=given)


def refused(load: Load, content: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(content, *overrides)
    return str(caught.value)


@pytest.mark.parametrize(("given", "meant"), [("0", "0"), ("1", "1"), ("'1'", "1")])
def test_an_input_is_read_without_quotes(load: Load, given: str, meant: str) -> None:
    """The documented input 0 was refused: "an input is one of bell, 0, 1, …"."""
    assert load(text(given=given)) == load(text(given=f"'{meant}'"))


@pytest.mark.parametrize("given", ["2", "true", "{theta: 90}"])
def test_words_about_inputs_have_single_braces(load: Load, given: str) -> None:
    """The message showed doubled braces, which no configuration takes."""
    message = refused(load, text(given=given))
    assert "or {theta_degrees: 60, phi_degrees: 45}, or {random: 5} for so many" in message
    assert "{{" not in message


@pytest.mark.parametrize("number", ["1e4", "1E4", "+1e4", "10e3"])
def test_a_whole_number_with_an_exponent_is_one(load: Load, number: str) -> None:
    """yaml/pyyaml#173, 23andMe/Yamale#34: 1e4 shots were "10000.0, but must be a whole number"."""
    assert load(text() + f"shots: {number}\n").shots == 10_000
    assert load(text(), f"shots={number}").shots == 10_000
    assert "a whole number" in refused(load, text(), "shots=1.5e3x".replace("x", ""))


def test_a_section_whose_lines_are_comments_is_empty(load: Load) -> None:
    """A section with nothing but comments was "None, but must be a section"."""
    assert load(text() + "suppression:\n  # twirling: true\nbudget:\n") == load(text())


def test_a_merge_key_is_named(load: Load) -> None:
    """A merge key was "a key must be a plain word"."""
    content = "a: &a {kind: entanglement}\nexperiment: {<<: *a, n: 2}\n"
    assert "merge keys ('<<')" in refused(load, content)


@pytest.mark.parametrize(
    "content",
    [
        text(n=f"[{', '.join(map(str, range(2, 120_002)))}]"),
        text(n="\n".join(["", *(f"  - {k}" for k in range(2, 60_000))])),
        text(n="1" + "0" * 300),
        text(n="[2, 1" + "0" * 300 + "]") + "repeats: 10000\n",
        "experiment: {kind: entanglement, n: 2..1000, decrypt: {clone: all}}\n"
        "backend: {device: ideal}\n",
        "experiment: {kind: entanglement, n: 1000000000, decrypt: {clone: all}}\n",
        "experiment: {kind: entanglement, n: 2, input: ["
        + ", ".join(f"{{random: {k}}}" for k in range(1, 1001))
        + "]}\n",
        "experiment: {kind: iterated, n: 2, generations: [[1, 1" + "0" * 400 + "]]}\n",
        "experiment: {kind: iterated, n: 2, generations: [["
        + ", ".join(str(3**k) for k in range(40))
        + "]]}\nbackend: {device: ideal}\n",
        "experiment: {kind: iterated, n: 1" + "0" * 300 + ", level: 2}\n",
        "experiment: {kind: ghz, n: 2, r: 1" + "0" * 300 + "}\nbackend: {device: ideal}\n",
        "experiment: {kind: storage, n: 1000, lost: 1" + "0" * 300 + "}\n",
    ],
    ids=lambda content: content[:60],
)
def test_limits_come_before_loops(load: Load, content: str) -> None:
    """Huge numbers, ranges and lists took 20 s and 1.4 GiB, or ended in a traceback."""
    started = time.process_time()
    refused(load, content)
    assert time.process_time() - started < 5


def test_a_pipe_is_no_configuration(tmp_path: Path, load: Load) -> None:
    """A FIFO as a configuration or device hung for ever."""
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="this is a device or pipe"):
        load_config(str(pipe))
    for device in (pipe, "/dev/zero.json"):
        message = refused(load, text().replace("ideal", str(device)))
        assert "cannot be read" in message


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and its calibration; another one is the working folder."""
    from backends.devices.catalog import load_device

    folder, elsewhere = tmp_path / "configs", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "mine.JSON").write_text(load_device("fake_lagos").to_json(), encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


@pytest.mark.parametrize("device", ["mine.JSON", "~/configs/mine.JSON"])
def test_a_calibration_file_is_found_beside_the_configuration(beside: Path, device: str) -> None:
    """A device file beside the configuration, with '~' or with the ending .JSON was not found."""
    from backends.devices.catalog import load_device

    file = beside / "c.yaml"
    file.write_text(
        f"experiment: {{kind: entanglement, n: 2}}\nbackend: {{device: {device}}}\n", "utf-8"
    )
    config, _ = load_config(str(file))
    assert isinstance(config, RunConfig)
    assert load_device(config.backend.device) == load_device("fake_lagos")

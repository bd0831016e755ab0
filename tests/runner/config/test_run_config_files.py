"""Files that are no configuration, and devices from files."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from configurations import QUBIT, TEXT, Load, Problems, added, changed, device

from backends.devices.catalog import load_device
from runner.config.loading import load_config
from runner.errors import ConfigError, Problem

LARGE = 10_000_000


def test_a_missing_file_is_named(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"^nowhere\.yaml:1:1: no such file"):
        load_config("nowhere.yaml")


def test_a_folder_is_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=r"^folder:1:1: this is a folder; give a YAML file$"):
        load_config("folder")


def test_a_path_through_a_file_is_refused(load: Load) -> None:
    load(TEXT)
    with pytest.raises(ConfigError, match=r"^c\.yaml/x:1:1: the file cannot be read"):
        load_config("c.yaml/x")


def test_a_path_too_long_for_the_system_is_refused(load: Load) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(1000 * "x")


def test_a_large_file_is_refused_unread(problems: Problems) -> None:
    (problem,) = problems(LARGE * b"#")
    assert str(problem).startswith("c.yaml:1:1: the file has 10,000,000 bytes")
    assert "is this the right file?" in problem.message


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0", TEXT.encode("utf-16"), b"name: \xe9"])
def test_a_file_that_is_not_utf8_is_refused(problems: Problems, content: bytes) -> None:
    (problem,) = problems(content)
    assert problem.place == "c.yaml:1:1"
    assert "not text" in problem.message


@pytest.mark.parametrize("character", ["\0", "\x01", "\x7f"])
def test_a_control_character_is_refused(problems: Problems, character: str) -> None:
    (problem,) = problems(added(f"seed: {character}"))
    assert "not valid YAML" in problem.message
    assert problem.message.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "a: " + 1000 * "[" + 1000 * "]",
        "a: " + 1000 * "{a: " + 1000 * "}",
        "\n".join(k * " " + "a:" for k in range(1200)),
        1000 * "- " + "a",
    ],
    ids=["lists", "mappings", "indentation", "dashes"],
)
def test_deep_nesting_is_a_clear_error(problems: Problems, text: str) -> None:
    (problem,) = problems(text)
    assert problem.place.startswith("c.yaml:1:")
    assert "nest" in problem.message


def test_deep_nesting_in_an_override_is_a_clear_error(problems: Problems) -> None:
    (problem,) = problems(TEXT, "shots=" + 1000 * "[")
    assert problem.place.startswith("-o shots=")


def test_aliases_that_multiply_are_refused_at_once(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    lines = ["k0: &k0 x"]
    lines += [f"k{k}: &k{k} [{', '.join(9 * [f'*k{k - 1}'])}]" for k in range(1, 12)]
    (tmp_path / "c.yaml").write_text("\n".join(lines), encoding="utf-8")
    # Written out, this is 9^11 values: only a refusal ends before the time limit.
    done = call("validate", "c.yaml", patience=20)
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("c.yaml:")


def test_an_alias_of_what_holds_it_is_refused(problems: Problems) -> None:
    found = problems("experiment: &e\n  kind: entanglement\n  n: *e\n")
    assert all(problem.place.startswith("c.yaml:") for problem in found)


@pytest.fixture
def device_problem(problems: Problems) -> Callable[[str], Problem]:
    """What is wrong with a device file of this content."""

    def found(content: str) -> Problem:
        Path("d.json").write_text(content, encoding="utf-8")
        (problem,) = problems(changed("fake_kingston", "d.json"))
        return problem

    return found


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '["a"]',
        "3",
        "null",
        '"backend_name"',
        "{}",
        '{"backend_name": 3}',
        '{"backend_name": "x", "gates": [], "qubits": []}',
        10_000 * "[",
        device(qubits=[]),
        device(qubits=[QUBIT]),
        device(qubits=[{}, {}]),
        device(qubits=[{**QUBIT, "gate_error": "a"}, QUBIT]),
        device(qubits=[{**QUBIT, "t1_seconds": "a"}, QUBIT]),
        device(couplers=[]),
        device(couplers=[{"qubits": [0, 1], "error": "x", "gate_seconds": 7e-8}]),
        device(couplers=[{"qubits": [0, 1], "error": 2.0, "gate_seconds": 7e-8}]),
        device(couplers=[{"qubits": [0, 5], "error": 1e-3, "gate_seconds": 7e-8}]),
        device(couplers=[{"qubits": [0], "error": 1e-3, "gate_seconds": 7e-8}]),
        device(entangler="foo"),
        device(colour="red"),
    ],
)
def test_a_file_that_is_no_device_is_refused(
    device_problem: Callable[[str], Problem], content: str
) -> None:
    problem = device_problem(content)
    assert problem.place == "c.yaml:7:35"
    assert str(problem).isprintable()


def test_a_small_device_names_its_largest_n(device_problem: Callable[[str], Problem]) -> None:
    problem = device_problem(device())
    assert problem.place == "c.yaml:4:7"
    assert "has 2 that work and are connected" in problem.message


def test_feedforward_needs_a_device_with_conditional_gates(problems: Problems) -> None:
    snapshot = dataclasses.replace(load_device("fake_kingston"), dynamic_circuits=False)
    Path("d.json").write_text(snapshot.to_json(), encoding="utf-8")
    text = changed("fake_kingston", "d.json").replace("unitary", "feedforward")
    (problem,) = problems(text)
    assert problem.place == "c.yaml:5:33"
    assert "'frame'" in problem.message

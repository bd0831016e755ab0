"""Configuration files: what they mean, and what the user reads when one is wrong."""

import dataclasses
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from click.testing import Result
from hypothesis import strategies as st
from ruamel.yaml import YAML

from backends.devices.catalog import load_device
from experiments.protocol import STRATEGIES
from experiments.readout import ESTIMATORS
from runner.config.loading import load_config
from runner.config.run_config import RunConfig
from runner.errors import ConfigError, Problem, printable
from runner.planning.points import sweep

TEXT = """\
name: small
experiment:
  kind: entanglement
  n: [2, 3]
  decrypt: {clone: 1, strategy: unitary}
  estimator: parity
backend: {provider: stim, device: fake_kingston}
shots: 500
"""
CONFIGS = Path(__file__).parents[3] / "configs"
LARGE = 10_000_000


def examples(count: int) -> hypothesis.settings:
    """So many examples, one file after the other in the same folder."""
    return hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
    )


Load = Callable[..., RunConfig]
Problems = Callable[..., Sequence[Problem]]


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def added(text: str) -> str:
    return TEXT + text + "\n"


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


BAD = {
    "misspelt key": (changed("shots", "shotz"), "8:1", ["'shotz'", "did you mean 'shots'?"]),
    "misspelt inner key": (changed("strategy", "stratgy"), "5:23", ["did you mean 'strategy'?"]),
    "strange key": (added("colour: red"), "9:1", ["'colour'", "known keys here: name,"]),
    "dotted key": (added("experiment.n: 2"), "9:1", ["unknown key 'experiment.n'"]),
    "wrong type": (changed("500", "lots"), "8:8", ["'shots' is 'lots'", "a whole number"]),
    "float for int": (changed("500", "5e2"), "8:8", ["500.0", "a whole number"]),
    "bool for int": (changed("500", "true"), "8:8", ["True", "a whole number"]),
    "quoted int": (changed("[2, 3]", "'2'"), "4:6", ["'2'", "a whole number"]),
    "bad list item": (changed("[2, 3]", "[2, x]"), "4:10", ["'x'", "a whole number"]),
    "n = 1": (changed("[2, 3]", "1"), "4:6", ["n = 1", "n >= 2"]),
    "negative n": (changed("[2, 3]", "-4"), "4:6", ["n = -4", "n >= 2"]),
    "n twice": (changed("[2, 3]", "[2, 2]"), "4:6", ["twice"]),
    "no n": (changed("  n: [2, 3]\n", ""), "3:3", ["'experiment.n' is missing", "quickstart"]),
    "clone too high": (changed("clone: 1", "clone: 4"), "5:20", ["clone = 4", "from 0 to 2"]),
    "clone negative": (changed("clone: 1", "clone: -1"), "5:20", ["clone = -1", "from 0 to 2"]),
    "clone 0, odd n": (changed("clone: 1", "clone: 0"), "5:20", ["n = 3", "even n"]),
    "unknown device": (
        changed("fake_kingston", "fake_kingstn"),
        "7:35",
        ["'fake_kingstn'", "did you mean 'fake_kingston'?", "enclone devices"],
    ),
    "no such device file": (changed("fake_kingston", "d.json"), "7:35", ["'d.json'", "No such"]),
    "device without CZ": (changed("fake_kingston", "fake_armonk"), "7:35", ["no Clifford"]),
    "broken device": (changed("fake_kingston", "fake_kyoto"), "7:35", ["no working coupler"]),
    "zero shots": (changed("500", "0"), "8:8", ["'shots' is 0", "greater than or equal to 1"]),
    "negative shots": (changed("500", "-5"), "8:8", ["'shots' is -5"]),
    "far too many shots": (changed("500", "1" + 50 * "0"), "8:8", ["10000000"]),
    "YAML syntax": (changed("[2, 3]", "[2, 3"), "5:10", ["not valid YAML", "]"]),
    "tab": (changed("  n:", "\tn:"), "4:1", ["not valid YAML", "'\\t'"]),
    "undefined alias": (added("seed: *x"), "9:7", ["not valid YAML", "alias 'x'"]),
    "two documents": (added("---\na: 1"), "9:1", ["not valid YAML", "another document"]),
    "duplicate key": (added("shots: 3"), "9:1", ["'shots' is given twice"]),
    "duplicate inner key": (
        changed("clone: 1", "clone: 1, clone: 2"),
        "5:23",
        ["'clone'", "twice"],
    ),
    "empty file": ("", "1:1", ["a mapping with sections", "quickstart"]),
    "only a comment": ("# nothing\n", "1:1", ["a mapping with sections"]),
    "top-level list": ("- n\n- m\n", "1:1", ["a mapping with sections"]),
    "top-level text": ("hello", "1:1", ["a mapping with sections"]),
    "top-level null": ("null", "1:1", ["a mapping with sections"]),
    "name with a path": (changed("small", "../evil"), "1:7", ["'../evil'", "letters, digits"]),
    "empty name": (changed("small", "''"), "1:7", ["''", "letters, digits"]),
    "name ends in newline": (changed("small", '"a\\n"'), "1:7", ["letters, digits"]),
    "long name": (changed("small", 65 * "x"), "1:7", ["at most 64"]),
    "number as name": (changed("small", "3"), "1:7", ["must be text"]),
    "unknown kind": (
        changed("entanglement", "entanglment"),
        "3:9",
        ["did you mean 'entanglement'"],
    ),
    "unknown provider": (changed("provider: stim", "provider: stm"), "7:21", ["mean 'stim'?"]),
    "unknown strategy": (changed("unitary", "unitry"), "5:33", ["did you mean 'unitary'?"]),
    "unknown in list": (changed("unitary", "[unitary, fram]"), "5:43", ["did you mean 'frame'?"]),
    "unknown estimator": (changed("parity", "partiy"), "6:14", ["did you mean 'parity'?"]),
    "boolean estimator": (changed("parity", "false"), "6:14", ["bsm, parity"]),
    "unknown compiler": (added("compile: {strategy: best}"), "9:21", ["'best'", "stock"]),
    "zero seeds": (added("compile: {seeds: 0}"), "9:18", ["greater than or equal to 1"]),
    "n too large": (
        changed("[2, 3]", "75"),
        "4:6",
        ["n = 75 needs 152", "'fake_kingston'", "the largest n there is 74"],
    ),
    "huge n": (changed("[2, 3]", "1" + 40 * "0"), "4:6", ["the largest n there is 74"]),
    "range upside down": (changed("[2, 3]", "5..2"), "4:6", ["'5..2'", "such as 2..15"]),
    "range too far": (changed("[2, 3]", "2..9999"), "4:6", ["at most 1000"]),
    "range without end": (changed("[2, 3]", "2.."), "4:6", ["'2..'", "a whole number"]),
    "null n": (changed("[2, 3]", "null"), "4:6", ["'experiment.n' is None"]),
    "null section": ("name: x\nexperiment: ~\n", "2:13", ["a section with keys"]),
    "scalar section": (added("compile: fast"), "9:10", ["'fast'", "a section with keys"]),
    "null device": (changed("fake_kingston", "null"), "7:35", ["must be text"]),
    "budget NaN": (added("budget: {usd: .nan}"), "9:15", ["'budget.usd' is nan"]),
    "budget -inf": (added("budget: {usd: -.inf}"), "9:15", ["'budget.usd' is -inf"]),
    "budget negative": (added("budget: {usd: -1}"), "9:15", ["'budget.usd' is -1"]),
    "budget as text": (added("budget: {usd: '4'}"), "9:15", ["must be a number"]),
    "seed negative": (added("seed: -1"), "9:7", ["'seed' is -1"]),
    "seed of 64 bits": (added("seed: 9223372036854775808"), "9:7", ["less than"]),
    "zero repeats": (added("repeats: 0"), "9:10", ["'repeats' is 0"]),
    "witness, bsm only": (
        changed("unitary", "witness").replace("parity", "bsm"),
        "6:14",
        ["'witness'", "add estimator 'parity'"],
    ),
    "unsafe tag": (added("seed: !!python/object/apply:os.getcwd []"), "9:7", ["remove the tag"]),
}

bad = pytest.mark.parametrize(("text", "place", "words"), BAD.values(), ids=BAD)


@bad
def test_an_error_names_file_line_column_and_remedy(
    problems: Problems, text: str, place: str, words: list[str]
) -> None:
    (problem,) = problems(text)
    assert problem.place == f"c.yaml:{place}"
    assert [word for word in words if word not in problem.message] == []


@bad
def test_a_bad_file_ends_with_2_one_line_and_nothing_written(
    invoke: Callable[..., Result], text: str, place: str, words: list[str]
) -> None:
    Path("c.yaml").write_text(text, encoding="utf-8")
    result = invoke("run", "c.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"c.yaml:{place}: ")
    assert len(result.stderr.splitlines()) == 1
    assert words[0] in result.stderr
    assert [path.name for path in Path().iterdir()] == ["c.yaml"]


@pytest.mark.parametrize("command", ["run", "plan"])
def test_every_command_refuses_a_bad_file(
    call: Callable[..., Any], tmp_path: Path, command: str
) -> None:
    (tmp_path / "c.yaml").write_text(changed("shots", "shotz"), encoding="utf-8")
    done = call(command, "c.yaml")
    assert done.stderr == "c.yaml:8:1: unknown key 'shotz'; did you mean 'shots'?\n"
    assert (done.exit_code, done.stdout) == (2, "")
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]


def test_validate_checks_many_files_and_names_each(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    names = []
    for index, (text, _, _) in enumerate(BAD.values()):
        names.append(f"bad{index}.yaml")
        (tmp_path / names[-1]).write_text(text, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(TEXT, encoding="utf-8")
    done = call("validate", *names, "good.yaml")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == names
    assert (done.exit_code, done.stdout) == (2, "good.yaml: ok, 2 points\n")


# --- files that are no configuration at all


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


# --- places and words


@pytest.mark.parametrize("key", ["3", "null", "~", "true", "2.5", "[1, 2]", "{a: 1}"])
def test_a_key_that_is_no_text_is_named_at_its_place(problems: Problems, key: str) -> None:
    (problem,) = problems(added(f"{key}: 4"))
    assert problem.place == "c.yaml:9:1"
    assert "key" in problem.message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (changed("[2, 3]", "[2, 1]"), "4:10"),
        (changed("[2, 3]", "\n    - 2\n    - 1"), "6:7"),
        (changed("[2, 3]", "[2, 75]"), "4:10"),
        (changed("clone: 1", "clone: [1, 4]"), "5:24"),
    ],
)
def test_an_impossible_list_item_is_named_at_its_own_place(
    problems: Problems, text: str, place: str
) -> None:
    (problem,) = problems(text)
    assert problem.place == f"c.yaml:{place}"


@pytest.mark.parametrize("number", ["inf", ".inf", "1e999"])
def test_a_budget_without_bound_is_refused(problems: Problems, number: str) -> None:
    (problem,) = problems(added(f"budget: {{usd: {number}}}"))
    assert problem.place == "c.yaml:9:15"


@pytest.mark.parametrize("n", [1001, 10**6, 10**40])
def test_n_has_a_limit_without_a_device_too(problems: Problems, n: int) -> None:
    (problem,) = problems(changed("[2, 3]", str(n)).replace("fake_kingston", "ideal"))
    assert problem.place == "c.yaml:4:6"


@pytest.mark.parametrize("key", ["n", "estimator"])
def test_an_empty_list_is_explained_in_plain_words(problems: Problems, key: str) -> None:
    old = {"n": "[2, 3]", "estimator": "parity"}[key]
    (problem,) = problems(changed(old, "[]"))
    assert f"'experiment.{key}' is []" in problem.message
    assert "List should" not in problem.message


@pytest.mark.parametrize(
    "value",
    [
        "!!int",
        "!!float",
        "!!bool x",
        "!!set x",
        "!!omap x",
        "{? [a: 1]}",
        "!!int x",
        "2020-02-31",
    ],
)
def test_a_value_that_cannot_be_built_is_named_at_its_place(problems: Problems, value: str) -> None:
    (problem,) = problems(added(f"seed: {value}"))
    assert problem.place.startswith("c.yaml:9:")


def test_a_number_of_thousands_of_digits_is_refused_in_the_users_words(problems: Problems) -> None:
    (problem,) = problems(changed("500", 5000 * "9"))
    assert problem.place == "c.yaml:8:8"
    assert "set_int_max_str_digits" not in problem.message


def test_an_override_of_thousands_of_digits_is_refused(problems: Problems) -> None:
    (problem,) = problems(TEXT, "shots=" + 5000 * "9")
    assert problem.place.startswith("-o shots=")


@pytest.mark.parametrize(
    "text",
    [
        changed("fake_kingston", '"a\\nb"'),
        changed("fake_kingston", '"a\\nb.json"'),
        changed("fake_kingston", '"\\e[31m"'),
        changed("fake_kingston", '"a\\0.json"'),
        changed("small", '"a\\nb"'),
        added('"a\\nb": 1'),
    ],
)
def test_an_error_stays_on_one_line_and_leaves_the_terminal_alone(
    problems: Problems, text: str
) -> None:
    (problem,) = problems(text)
    assert str(problem).isprintable()


@pytest.mark.parametrize(
    "text", [changed("small", 20_000 * "x "), changed("500", f"[{20_000 * '1, '}]")]
)
def test_an_error_does_not_repeat_a_long_value(problems: Problems, text: str) -> None:
    (problem,) = problems(text)
    assert len(str(problem)) < 500


@pytest.mark.parametrize(
    "text",
    [
        added("<<: {seed: x}"),
        added("<<: {sead: 1}"),
        changed("  n: [2, 3]", "  <<: {n: 1}"),
        "!!omap [a: 1]",
        "experiment: !!omap [kind: entanglement, n: 1]",
    ],
)
def test_a_value_without_a_place_of_its_own_is_reported_all_the_same(
    problems: Problems, text: str
) -> None:
    found = problems(text)
    assert all(problem.place.startswith("c.yaml:") for problem in found)


def test_an_anchor_may_be_given_anew(load: Load) -> None:
    config = load(added("seed: &x 1\nrepeats: &x 2\nbudget: {usd: *x}"))
    assert (config.seed, config.repeats, config.budget.usd) == (1, 2, 2)


# --- all problems at once, in the order of the file


def test_all_problems_are_reported_at_once(problems: Problems) -> None:
    text = changed("small", "'?'").replace("[2, 3]", "x").replace("provider: stim", "provider: stm")
    found = problems(text.replace("500", "0"))
    assert [p.place for p in found] == [f"c.yaml:{p}" for p in ("1:7", "4:6", "7:21", "8:8")]


def test_problems_come_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems("shots: 0\nbogus: 1\nname: '?'\nexperiment: {n: x, kind: entanglement}\n")
    assert [p.place for p in found] == [f"c.yaml:{p}" for p in ("1:8", "2:1", "3:7", "4:17")]


def test_impossible_values_come_in_the_order_of_the_file(problems: Problems) -> None:
    found = problems("backend: {device: nope}\nexperiment: {kind: entanglement, n: 1}\n")
    assert [p.place for p in found] == ["c.yaml:1:19", "c.yaml:2:37"]


def test_impossible_values_are_reported_beside_ill_typed_ones(problems: Problems) -> None:
    found = problems(changed("[2, 3]", "1").replace("500", "0"))
    assert [p.place for p in found] == ["c.yaml:4:6", "c.yaml:8:8"]


# --- overrides


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("shots", "must read key.path=value"),
        ("=3", "must read key.path=value"),
        ("experiment..n=3", "must read key.path=value"),
        ("shots.x=3", "'shots' holds a value"),
        ("experiment.n.0=3", "'n' holds a value"),
        ("shotz=3", "did you mean 'shots'?"),
        ("experiment.nn=3", "did you mean 'n'?"),
        ("shots=", "a whole number"),
        ("shots=0", "greater than or equal to 1"),
        ("experiment.n=[2,", "not valid YAML"),
        ("experiment.n=1", "n >= 2"),
        ("experiment={kind: entanglement, n: 1}", "n >= 2"),
        ("experiment=null", "a section with keys"),
        ("budget={usd: 1, usd: 2}", "usd"),
        ("shots=*x", "undefined alias"),
        ("shots=\x01", "unacceptable character"),
        ("name=a=b", "'a=b'"),
        ("backend.device=fake_kingstn", "did you mean 'fake_kingston'?"),
    ],
)
def test_a_bad_override_is_named(problems: Problems, override: str, words: str) -> None:
    (problem,) = problems(TEXT, override)
    assert problem.place == printable(f"-o {override}")
    assert words in problem.message


def test_a_bad_override_ends_with_2_and_one_line(call: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TEXT, encoding="utf-8")
    done = call("run", "c.yaml", "-o", "shots")
    assert done.stderr == "-o shots: an override must read key.path=value\n"
    assert (done.exit_code, done.stdout) == (2, "")
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]


def test_an_override_stays_on_one_line(problems: Problems) -> None:
    (problem,) = problems(TEXT, "shots=\n\n-1")
    assert str(problem).isprintable()


def test_overrides_change_the_resolved_values(load: Load) -> None:
    given = ["experiment.n=2..4", "backend.device=ideal", " shots = 7", "budget.usd=3", "seed=0x1f"]
    config = load(TEXT, *given)
    assert config.experiment.n == [2, 3, 4]
    assert (config.backend.device, config.shots, config.budget.usd) == ("ideal", 7, 3.0)
    assert (config.seed, config.name) == (31, "small")


def test_an_override_mends_a_bad_file(load: Load) -> None:
    assert load(changed("500", "0"), "shots=9").shots == 9


def test_the_last_override_wins(load: Load) -> None:
    assert load(TEXT, "shots=1", "shots=2").shots == 2


def test_an_override_may_replace_a_section(load: Load) -> None:
    assert load(TEXT, "experiment={kind: entanglement, n: 5}").experiment.n == [5]


# --- what a good file means


def test_defaults_are_filled_in(load: Load) -> None:
    assert load("experiment: {kind: entanglement, n: 2}").model_dump() == {
        "name": "run",
        "experiment": {
            "kind": "entanglement",
            "n": [2],
            "decrypt": {"clone": [1], "strategy": ["unitary"], "chosen": None},
            "estimator": ["parity"],
            "input": ["bell"],
        },
        "backend": {
            "provider": "stim",
            "device": "fake_kingston",
            "rehearsal": None,
            "ibm": None,
            "braket": None,
            "braket_local": None,
        },
        "compile": {
            "strategy": "stock",
            "seeds": 4,
            "layouts": "best",
            "seconds": 20.0,
            "moves": None,
            "decoupling": "none",
        },
        "suppression": {
            "dynamical_decoupling": "none",
            "twirling": False,
            "readout_mitigation": "none",
        },
        "shots": 10_000,
        "repeats": 1,
        "seed": 0,
        "budget": {"qpu_seconds": None, "usd": None},
    }


@pytest.mark.parametrize("n", ["3", "[3]", "3..3", "'3..3'", " 3 .. 3 ", "0b11", "\n  - 3"])
def test_one_n_may_be_written_in_many_ways(load: Load, n: str) -> None:
    assert load(changed("[2, 3]", n)).experiment.n == [3]


def test_a_range_holds_both_ends(load: Load) -> None:
    assert load(changed("[2, 3]", "2..6")) == load(changed("[2, 3]", "[2, 3, 4, 5, 6]"))


def test_a_single_strategy_is_a_list_of_one(load: Load) -> None:
    assert load(TEXT) == load(changed("unitary", "[unitary]").replace("parity", "[parity]"))


@pytest.mark.parametrize(
    "text", ["\ufeff" + TEXT, TEXT.replace("\n", "\r\n"), TEXT + "...\n", "---\n" + TEXT]
)
def test_encodings_and_line_ends_do_not_matter(load: Load, text: str) -> None:
    assert load(text) == load(TEXT)


def test_places_count_lines_that_end_as_on_windows(problems: Problems) -> None:
    (problem,) = problems(changed("500", "0").replace("\n", "\r\n"))
    assert problem.place == "c.yaml:8:8"


def test_the_largest_n_of_the_device_is_accepted(load: Load) -> None:
    assert load(changed("[2, 3]", "74")).experiment.n == [74]


def test_the_largest_seed_is_accepted(load: Load) -> None:
    assert load(added("seed: 9223372036854775807")).seed == 2**63 - 1


def test_yaml_words_for_no_and_octal_are_those_of_yaml_1_2(load: Load) -> None:
    assert load(changed("small", "no") + "seed: 017\n").model_dump(include={"name", "seed"}) == {
        "name": "no",
        "seed": 17,
    }


def test_witness_leaves_out_the_bell_measurement(load: Load) -> None:
    text = changed("unitary", "[unitary, witness]").replace("parity", "[bsm, parity]")
    assert [point.label for point in sweep(load(text)) if "n02" in point.label] == [
        "n02-clone1-unitary-bsm",
        "n02-clone1-unitary-parity",
        "n02-clone1-witness-parity",
    ]


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("**/*.yaml")), ids=lambda path: path.name)
def test_every_shipped_configuration_is_sound(file: Path) -> None:
    assert sweep(load_config(str(file))[0])


# --- devices from files


@pytest.fixture
def device_problem(problems: Problems) -> Callable[[str], Problem]:
    """What is wrong with a device file of this content."""

    def found(content: str) -> Problem:
        Path("d.json").write_text(content, encoding="utf-8")
        (problem,) = problems(changed("fake_kingston", "d.json"))
        return problem

    return found


QUBIT = {
    "t1_seconds": 1e-4,
    "t2_seconds": 1e-4,
    "gate_error": 1e-4,
    "gate_seconds": 3e-8,
    "readout_error": 1e-2,
    "readout_seconds": 2e-6,
}


def device(**changes: Any) -> str:
    snapshot = {
        "name": "toy",
        "calibrated_at": None,
        "entangler": "cz",
        "qubits": [QUBIT, QUBIT],
        "couplers": [{"qubits": [0, 1], "error": 1e-3, "gate_seconds": 7e-8}],
        "dynamic_circuits": True,
    }
    return json.dumps({**snapshot, **changes})


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


# --- properties


def unique(values: Any, **sizes: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, unique=True, **sizes)


@st.composite
def valid_configs(draw: st.DrawFn) -> RunConfig:
    device = draw(st.sampled_from(["ideal", "fake_kingston", "fake_torino", "fake_brisbane"]))
    n = draw(unique(st.integers(2, 300 if device == "ideal" else 60), max_size=4))
    lowest = 0 if all(k % 2 == 0 for k in n) else 1
    strategies = draw(unique(st.sampled_from(STRATEGIES)))
    estimators = draw(unique(st.sampled_from(ESTIMATORS)))
    if "witness" in strategies and estimators == ["bsm"]:
        estimators.append("parity")
    limit = st.none() | st.floats(0, allow_infinity=False)
    return RunConfig.model_validate(
        {
            "name": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)),
            "experiment": {
                "kind": "entanglement",
                "n": n,
                "decrypt": {
                    "clone": draw(unique(st.integers(lowest, min(n)), max_size=4)),
                    "strategy": strategies,
                },
                "estimator": estimators,
            },
            "backend": {"provider": draw(st.sampled_from(["stim", "aer"])), "device": device},
            "compile": {"seeds": draw(st.integers(1, 1000))},
            "shots": draw(st.integers(1, 10_000_000)),
            "repeats": draw(st.integers(1, 10_000)),
            "seed": draw(st.integers(0, 2**63 - 1)),
            "budget": {"qpu_seconds": draw(limit), "usd": draw(limit)},
        }
    )


def to_yaml(document: Any) -> str:
    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(document, out)
    return out.getvalue()


@examples(40)
@hypothesis.given(valid_configs())
def test_what_was_resolved_loads_as_the_same(load: Load, config: RunConfig) -> None:
    assert load(to_yaml(config.model_dump())) == config
    assert load(config.model_dump_json()) == config


def complaints(load: Load, text: str | bytes, *overrides: str) -> list[str]:
    """What is wrong with a configuration, line by line; nothing if it loads."""
    try:
        load(text, *overrides)
    except ConfigError as error:
        return [str(problem) for problem in error.problems] or [""]
    return []


def are_lines(complaints: list[str]) -> bool:
    return all(line and line.isprintable() for line in complaints)


@examples(100)
@hypothesis.given(st.binary(max_size=200))
def test_random_bytes_load_or_are_explained(load: Load, content: bytes) -> None:
    assert are_lines(complaints(load, content))


@examples(100)
@hypothesis.given(st.text(max_size=200))
def test_random_text_loads_or_is_explained(load: Load, text: str) -> None:
    assert are_lines(complaints(load, text.encode("utf-8", "surrogatepass")))


TOKENS = [
    *"{}[]:,-?&*!|>'\"%#@` \n\t~",
    *["- ", ": ", ", ", "\n  ", "? ", "&a ", "*a", "<<: ", "!!map ", "!!seq ", "!!str ", "!!set "],
    *["!!int ", "!!binary ", "!foo ", "---\n", "...\n", "..", "null", "true", "1", "2", ".nan"],
    *["experiment", "experiment: ", "kind", "entanglement", "n: ", "name: ", "decrypt: ", "clone"],
    *[
        "backend",
        "device: ",
        "ideal",
        "x.json",
        "shots: ",
        "seed",
        "budget: ",
        "usd: ",
        "é",
        "\r\n",
    ],
]


@examples(400)
@hypothesis.given(st.lists(st.sampled_from(TOKENS), max_size=40).map("".join))
def test_random_yaml_loads_or_is_explained(load: Load, text: str) -> None:
    assert are_lines(complaints(load, text))


@examples(200)
@hypothesis.given(st.data())
def test_a_damaged_configuration_loads_or_is_explained(load: Load, data: st.DataObject) -> None:
    first, last = sorted(data.draw(st.tuples(*2 * [st.integers(0, len(TEXT))])))
    piece = data.draw(st.lists(st.sampled_from(TOKENS), max_size=5).map("".join))
    assert are_lines(complaints(load, TEXT[:first] + piece + TEXT[last:]))


@examples(100)
@hypothesis.given(
    st.sampled_from(["", "shots", "experiment.n", "backend", "budget.usd", "x"]),
    st.lists(st.sampled_from(["=", ".", *TOKENS]), max_size=8).map("".join),
)
def test_a_random_override_works_or_is_explained(load: Load, key: str, rest: str) -> None:
    assert are_lines(complaints(load, TEXT, f"{key}={rest}"))

"""Errors in configuration files name their position, what is wrong, and what would be right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from configurations import TEXT, Load, Problems, added, changed

BAD = {
    "misspelt key": (changed("shots", "shotz"), "8:1", ["'shotz'", "did you mean 'shots'?"]),
    "misspelt inner key": (changed("strategy", "stratgy"), "5:23", ["did you mean 'strategy'?"]),
    "strange key": (added("colour: red"), "9:1", ["'colour'", "known keys here: name,"]),
    "dotted key": (added("experiment.n: 2"), "9:1", ["unknown key 'experiment.n'"]),
    "wrong type": (changed("500", "lots"), "8:8", ["'shots' is 'lots'", "a whole number"]),
    "float for int": (changed("500", "500.0"), "8:8", ["500.0", "a whole number"]),
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

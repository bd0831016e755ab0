"""What a good configuration means, and overrides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from configurations import TEXT, Load, Problems, added, changed

from runner.config.loading import load_config
from runner.errors import printable
from runner.planning.points import sweep

CONFIGS = Path(__file__).parents[3] / "configs"


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


def test_defaults_are_filled_in(load: Load) -> None:
    assert load("experiment: {kind: entanglement, n: 2}").model_dump() == {
        "name": "run",
        "experiment": {
            "kind": "entanglement",
            "n": [2],
            "decrypt": {
                **{"clone": [1], "strategy": ["unitary"], "chosen": None},
                **{"checks": "none", "keep": "all-passed"},
            },
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

"""Any configuration loads or is explained: property tests."""

import io
from typing import Any

import hypothesis
from configurations import TEXT, Load
from hypothesis import strategies as st
from ruamel.yaml import YAML

from experiments.protocol import STRATEGIES
from experiments.readout import ESTIMATORS
from runner.config.run_config import RunConfig
from runner.errors import ConfigError


def examples(count: int) -> hypothesis.settings:
    """So many examples, one file after the other in the same folder."""
    return hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
    )


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

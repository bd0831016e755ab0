"""Identities and seeds: equal things have one, different things have different ones."""

import json
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from backends.providers.registry import open_adapter
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import Cloning
from runner.config.run_config import RunConfig
from runner.identity import derived_seed, identity
from runner.jobs.collected import CollectedPoint, collected_points
from runner.jobs.manager import JobManager
from runner.jobs.storing import store_run
from runner.planning.compilation import compile_sweep
from runner.planning.identities import circuit_identity
from runner.planning.points import sweep
from runner.store.records import RunRecord
from runner.store.store import Store

relaxed = hypothesis.settings(deadline=None, database=None)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
finite = scalars.filter(lambda value: value not in (float("inf"), float("-inf")))
values = st.recursive(
    finite, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=3
)
descriptions = st.dictionaries(st.text(), values, max_size=4)


def without_none(description: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in description.items() if value is not None}


def config(**changes: Any) -> RunConfig:
    experiment = {
        "kind": "entanglement",
        "n": [2, 3, 4],
        "decrypt": {"clone": [1, 2], "strategy": ["unitary", "feedforward", "frame", "witness"]},
        "estimator": ["bsm", "parity"],
    }
    return RunConfig.model_validate({"experiment": experiment, **changes})


def identities(config: RunConfig, fingerprint: str | None = "f") -> list[str]:
    return [
        circuit_identity(config, point, setting.label, repeat, fingerprint)
        for repeat in range(config.repeats)
        for point in sweep(config)
        for setting in point.settings()
    ]


# --- identity


@relaxed
@hypothesis.given(descriptions, st.randoms())
def test_the_order_of_keys_does_not_matter(description: dict[str, Any], random: Any) -> None:
    items = list(description.items())
    random.shuffle(items)
    assert identity(dict(items)) == identity(description)


@relaxed
@hypothesis.given(descriptions, st.sets(st.text(), max_size=3))
def test_a_key_that_holds_nothing_does_not_matter(
    description: dict[str, Any], keys: set[str]
) -> None:
    extended = {**dict.fromkeys(keys), **description}
    assert identity(extended) == identity(description)


@relaxed
@hypothesis.given(descriptions, descriptions)
def test_different_content_has_a_different_identity(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    hypothesis.assume(without_none(first) != without_none(second))
    assert identity(first) != identity(second)


@relaxed
@hypothesis.given(descriptions)
def test_an_identity_survives_storage(description: dict[str, Any]) -> None:
    assert identity(json.loads(json.dumps(description))) == identity(description)


@relaxed
@hypothesis.given(descriptions)
def test_an_identity_is_64_hexadecimal_digits(description: dict[str, Any]) -> None:
    found = identity(description)
    assert len(found) == 64
    assert set(found) <= set("0123456789abcdef")


def test_the_number_of_a_thing_is_not_its_text() -> None:
    assert len({identity({"n": value}) for value in (1, "1", 1.0, True, [1])}) == 5


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_say_has_no_identity(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        identity({"n": number})


# --- seeds


@relaxed
@hypothesis.given(st.integers(0, 2**63 - 1), st.text())
def test_a_derived_seed_fits_63_bits(seed: int, name: str) -> None:
    assert 0 <= derived_seed(seed, name) < 2**63
    assert derived_seed(seed, name) == derived_seed(seed, name)


@relaxed
@hypothesis.given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.text()), unique=True))
def test_derived_seeds_differ(pairs: list[tuple[int, str]]) -> None:
    assert len({derived_seed(seed, f":{name}") for seed, name in pairs}) == len(pairs)


# --- circuits


def test_every_circuit_and_repeat_of_a_run_has_its_own_identity() -> None:
    found = identities(config(repeats=3))
    # of each n and clone: unitary, feedforward and frame with 1 + 3 settings, witness with 3
    assert len(set(found)) == len(found) == 3 * (3 * 2 * (3 * 4 + 3))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"shots": 9},
        {"backend": {"provider": "aer"}},
        {"compile": {"seeds": 5}},
        {"backend": {"noise": {"model": "layers"}}},
    ],
)
def test_what_defines_the_counts_changes_every_identity(change: dict[str, Any]) -> None:
    assert set(identities(config())).isdisjoint(identities(config(**change)))


def test_another_calibration_is_another_circuit() -> None:
    day, other, ideal = (set(identities(config(), f)) for f in ("a", "b", None))
    assert not day & other
    assert not (day | other) & ideal


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"budget": {"usd": 1.0}},
        {"repeats": 2},
        {"backend": {"noise": {"model": "calibration"}}},
    ],
)
def test_what_does_not_define_the_counts_keeps_identities(change: dict[str, Any]) -> None:
    before = identities(config())
    assert identities(config(**change))[: len(before)] == before


def test_the_noise_of_a_simulator_is_said_only_where_it_is_asked_for() -> None:
    assert "noise" not in config().backend.model_dump(mode="json")
    asked = config(backend={"noise": {"model": "layers"}})
    assert asked.backend.model_dump(mode="json")["noise"] == {"model": "layers"}
    # The identity of this circuit before simulators had an option.
    point = EntanglementPoint(Cloning(3, 2, "frame"), "parity")
    found = circuit_identity(config(), point, "ZZ", 0, "f")
    assert found == "0f82dafff39e45f465e8fbb940e18ac93fa7784ccef61197aeb79263a78531a0"


def test_an_identity_does_not_depend_on_the_rest_of_the_sweep() -> None:
    point = EntanglementPoint(Cloning(3, 2, "frame"), "parity")
    wide, narrow = config(), config(experiment={"kind": "entanglement", "n": 3})
    assert circuit_identity(wide, point, "ZZ", 0, "f") == circuit_identity(
        narrow, point, "ZZ", 0, "f"
    )


# --- repeats


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> list[CollectedPoint]:
    """One point on a noisy device, run three times."""
    run = RunConfig.model_validate(
        {"experiment": {"kind": "entanglement", "n": 2}, "shots": 400, "repeats": 3}
    )
    adapter = open_adapter("stim", "fake_kingston")
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('repeated') / 'store.sqlite'}")
    record = RunRecord("r", 0.0, "stim", False, {"resolved": run.model_dump(mode="json")})
    store_run(store, record, run, adapter.snapshot(), compile_sweep(run, adapter.snapshot()))
    JobManager(store, adapter).work("r")
    return list(collected_points(store, "r"))


def test_repeats_give_different_counts(repeated: list[CollectedPoint]) -> None:
    arrays = [one.circuits[0].shots.array for one in repeated]
    assert not np.array_equal(arrays[0], arrays[1])
    assert not np.array_equal(arrays[1], arrays[2])


def test_repeats_share_prediction_and_circuit(repeated: list[CollectedPoint]) -> None:
    assert len({one.row.predicted for one in repeated}) == 1
    assert len({one.row.two_qubit_gates for one in repeated}) == 1
    assert [one.row.repeat for one in repeated] == [0, 1, 2]


def test_repeats_have_names_identities_and_jobs_of_their_own(
    repeated: list[CollectedPoint],
) -> None:
    circuits = [circuit for one in repeated for circuit in one.circuits]
    assert len({circuit.name for circuit in circuits}) == len(circuits) == 9
    assert len({circuit.identity for circuit in circuits}) == 9
    assert all(circuit.job for circuit in circuits)

"""Corrected and post-selected values from YAML to report, and what is refused."""

import json
from pathlib import Path

import pytest
from command_cases import Invoke
from kind_texts import the_run, written

from experiments.statistics.estimators import Counts
from runner.config.loading import load_config
from runner.planning.identities import circuit_identity
from runner.planning.points import sweep

pytestmark = pytest.mark.usefixtures("in_one_process")

ENTANGLEMENT = "{{kind: entanglement, n: 3, decrypt: {{strategy: frame{}}}, estimator: parity}}"
KINGSTON = "backend: {device: fake_kingston}"

CHECKED = {
    "read": (ENTANGLEMENT.format(", checks: read"), KINGSTON),
    "half": (ENTANGLEMENT.format(", checks: pairs, keep: 0.5"), KINGSTON),
    "unitary": ("{kind: entanglement, n: 2, decrypt: {checks: read}, estimator: bsm}", KINGSTON),
    "ghz": (
        "{kind: ghz, r: 2, decrypt: {checks: read}, estimator: stabilizers}",
        "backend: {device: ideal}",
    ),
}


@pytest.mark.parametrize("name", CHECKED)
def test_a_run_has_three_values_and_verifies(invoke: Invoke, name: str) -> None:
    experiment, backend = CHECKED[name]
    written(experiment, backend)
    folder = the_run(invoke("run", "c.yaml"))
    (row,) = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert row["certificate"] == "proved"
    assert row["checks"] > 0
    for value in ("corrected", "postselected"):
        low, high = row[f"{value}_ci_low"], row[f"{value}_ci_high"]
        assert low <= row[value] <= high
        # The intervals have 95 %; half as wide again, a prediction is outside once in 300.
        half = 0.75 * (high - low) + 1e-9
        assert abs(row[value] - row[f"predicted_{value}"]) < half
    # Three settings of 1000 shots, or one.
    assert row["kept"] == pytest.approx(row["predicted_kept"], abs=0.06)
    assert f"({row['kept']:.1%})" in (folder / "report.html").read_text(encoding="utf-8")
    assert invoke("verify").exit_code == 0
    (decoder, *_) = sorted((folder / "circuits" / "decoders").iterdir())
    document = json.loads(decoder.read_text(encoding="utf-8"))
    if document["error_model"]["mechanisms"]:
        document["error_model"]["mechanisms"][0][0] *= 2
        decoder.write_text(json.dumps(document), encoding="utf-8")
        found = invoke("verify")
        assert found.exit_code == 1
        assert "another error model" in found.stdout


def test_a_plan_says_what_postselection_costs(invoke: Invoke) -> None:
    written(*CHECKED["read"])
    found = invoke("plan", "c.yaml")
    assert "as precise as plain with" in found.stdout + found.stderr
    document = json.loads(invoke("plan", "c.yaml", "--json").stdout)
    assert document["compiled"][0]["postselection_shots_factor"] > 0
    assert document["rows"][0]["predicted_kept"] < 1


@pytest.mark.parametrize(
    ("experiment", "why"),
    [
        ("{kind: entanglement, n: 2, decrypt: {strategy: witness, checks: read}}", "in another"),
        ("{kind: entanglement, n: 2, decrypt: {keep: 0.5}}", "without checks"),
        ("{kind: chsh, n: 2, decrypt: {checks: read}, scenario: undecrypted}", "nothing"),
        ("{kind: storage, n: 2, spent_on: 1, decrypt: {clone: 2, checks: read}}", "spent key"),
        ("{kind: ghz, r: 3, decrypt: {checks: read}, estimator: parity}", "stabilizers"),
        ("{kind: correlators, n: 2, decrypt: {checks: read}}", "every qubit"),
        ("{kind: entanglement, n: 2, decrypt: {checks: all}}", "read"),
        ("{kind: entanglement, n: 2, decrypt: {checks: read, keep: 0}}", "keep"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_the_reason(
    invoke: Invoke, experiment: str, why: str
) -> None:
    written(experiment)
    found = invoke("validate", "c.yaml")
    assert found.exit_code == 2
    assert why in found.stderr + found.stdout


def test_identities_change_with_the_circuit_alone(in_one_process: None) -> None:
    del in_one_process
    found = []
    for checks in ("", ", checks: none", ", checks: read", ", checks: read, keep: 0.5"):
        written(ENTANGLEMENT.format(checks))
        config, _ = load_config(Path("c.yaml").read_text(encoding="utf-8"))
        found.append(circuit_identity(config, sweep(config)[0], "ZZ", 0, None))
    assert found[0] == found[1]
    assert found[2] == found[3] != found[0]


def test_an_interval_needs_a_shot() -> None:
    with pytest.raises(ValueError, match="there must be a shot"):
        Counts(0, 0)


@pytest.mark.parametrize("provider", ["stim", "aer", "braket-local"])
def test_every_bit_comes_back_in_its_place(invoke: Invoke, provider: str) -> None:
    # Without noise a check is right only if each of its bits is the one that it says.
    written(
        "{kind: entanglement, n: 3, decrypt: {strategy: frame, checks: read}, estimator: parity}",
        f"backend: {{provider: {provider}, device: ideal}}",
    )
    folder = the_run(invoke("run", "c.yaml"))
    (row,) = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert row["checks"] == 2
    assert row["kept"] == row["corrected"] == row["postselected"] == 1.0

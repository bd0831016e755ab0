"""The published tables as printed, and the sweep that is shown beside them."""

from importlib.resources import files

import pytest

from experiments import published
from experiments.kinds.entanglement import EntanglementPoint, points
from experiments.protocol import STRATEGIES, Cloning, Strategy
from experiments.published import Published, entanglement_fidelity, table
from experiments.readout import ESTIMATORS, Estimator, build_settings
from experiments.statistics.estimators import BELL_MEASUREMENT, THREE_STABILIZERS

SOURCES = {
    "table1_entanglement_fidelity": "Extended Data Table I.",
    "table2_chsh": "Extended Data Table II.",
    "table3_iterated": "Extended Data Table III.",
    "table4_ghz": "Extended Data Table IV.",
    "table5_days": "Supplementary Table V.",
    "table6_virtual_iterated": "Supplementary Table VI.",
}


def column(name: str, key: str) -> tuple[float, ...]:
    return tuple(float(row[key]) for row in table(name))


@pytest.mark.parametrize(("name", "place"), SOURCES.items(), ids=SOURCES)
def test_every_table_names_its_source_first(name: str, place: str) -> None:
    first = files(published).joinpath(f"{name}.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"# {published.SOURCE}, {place} ")
    assert published.SOURCE == "arXiv:2602.10695v1"


def test_no_table_is_without_a_test() -> None:
    names = {file.name for file in files(published).iterdir() if file.name.endswith(".csv")}
    assert names == {f"{name}.csv" for name in SOURCES}


def test_table_1_is_as_printed() -> None:
    name = "table1_entanglement_fidelity"
    assert column(name, "n") == tuple(range(2, 16))
    assert column(name, "qubits") == tuple(2 * n + 2 for n in range(2, 16))
    assert column(name, "fe_bsm") == (
        *(0.823, 0.839, 0.693, 0.679, 0.558, 0.548, 0.359),
        *(0.405, 0.278, 0.327, 0.278, 0.289, 0.263, 0.270),
    )
    assert column(name, "fe_pom") == (
        *(0.875, 0.810, 0.785, 0.730, 0.648, 0.551, 0.399),
        *(0.320, 0.351, 0.278, 0.316, 0.295, 0.250, 0.259),
    )
    assert column(name, "l2q_bsm")[:4] == (21, 33, 44, 52)
    assert column(name, "l2q_pom")[:4] == (18, 25, 37, 40)


def test_table_2_is_as_printed() -> None:
    assert column("table2_chsh", "n") == (2, 3, 4, 5, 6)
    assert column("table2_chsh", "s_2_1") == (2.147, 1.695, 1.474, 0.703, 0.432)
    assert column("table2_chsh", "s_2_2") == (2.377, 2.164, 1.929, 1.449, 1.345)
    assert column("table2_chsh", "s_2_3") == (2.331, 2.087, 1.901, 1.293, 1.200)


def test_table_3_is_as_printed() -> None:
    cases = [row["case"] for row in table("table3_iterated")]
    assert cases == ["0", "1", "2", "2star", "3full"]
    assert column("table3_iterated", "clones") == (3, 9, 27, 49, 77)
    assert column("table3_iterated", "qubits") == (6, 18, 54, 98, 154)
    assert column("table3_iterated", "fe") == (0.875, 0.723, 0.569, 0.355, 0.286)


def test_table_4_is_as_printed() -> None:
    assert column("table4_ghz", "r") == tuple(range(1, 16))
    assert column("table4_ghz", "qubits") == tuple(5 * r for r in range(1, 16))
    assert column("table4_ghz", "fr") == (
        *(0.928, 0.786, 0.709, 0.575, 0.451, 0.353, 0.322, 0.258),
        *(0.193, 0.170, 0.134, 0.123, 0.065, 0.049, 0.039),
    )


def test_table_5_is_as_printed() -> None:
    days = [row["date"] for row in table("table5_days")]
    assert days == ["2025-11-18", "2025-11-20", "2025-12-06", "2026-01-16", "2026-01-18"]
    assert column("table5_days", "fe") == (0.824, 0.875, 0.810, 0.844, 0.813)


def test_table_6_is_as_printed() -> None:
    name = "table6_virtual_iterated"
    assert column(name, "fe") == (
        *(0.875, 0.723, 0.613, 0.481, 0.310, 0.299, 0.254),
        *(0.693, 0.450, 0.291, 0.255),
    )
    n, level = column(name, "n"), column(name, "l")
    clones = tuple((a + 1) ** (b + 1) for a, b in zip(n, level, strict=True))
    assert column(name, "virtual_clones") == clones


@pytest.mark.parametrize(
    ("n", "estimator", "printed"),
    [
        (2, "bsm", Published(0.823, 0.004, 21)),
        (2, "parity", Published(0.875, 0.008, 18)),
        (7, "bsm", Published(0.548, 0.005, 64)),
        (8, "parity", Published(0.399, 0.010, 78)),
        (15, "bsm", Published(0.270, 0.004, 152)),
        (15, "parity", Published(0.259, 0.009, 134)),
    ],
)
def test_a_printed_fidelity_is_found(n: int, estimator: str, printed: Published) -> None:
    assert entanglement_fidelity(n, estimator) == printed


@pytest.mark.parametrize("n", [-1, 0, 1, 16, 100])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_nothing_is_printed_outside_the_table(n: int, estimator: str) -> None:
    assert entanglement_fidelity(n, estimator) is None


@pytest.mark.parametrize("n", range(2, 16))
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_published_point_is_the_unitary_decryption_of_a_signal(
    n: int, estimator: Estimator
) -> None:
    printed = entanglement_fidelity(n, estimator)
    assert isinstance(printed, Published)
    for clone in (1, n):
        assert EntanglementPoint(Cloning(n, clone, "unitary"), estimator).published() == printed
    for strategy in set(STRATEGIES) - {"unitary"}:
        assert EntanglementPoint(Cloning(n, 1, strategy), estimator).published() is None


@pytest.mark.parametrize("n", [2, 4, 14])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nothing_was_published_for_the_input_qubit(n: int, strategy: Strategy) -> None:
    assert EntanglementPoint(Cloning(n, 0, strategy), "parity").published() is None


def test_points_come_in_the_order_of_the_arguments() -> None:
    found = points([3, 2], [2, 1], ["frame", "unitary"], ["parity", "bsm"])
    assert [point.label for point in found] == [
        f"n{n:02d}-clone{clone}-{strategy}-{estimator}"
        for n in (3, 2)
        for clone in (2, 1)
        for strategy in ("frame", "unitary")
        for estimator in ("parity", "bsm")
    ]


def test_points_take_iterators() -> None:
    found = points(iter([2, 3]), iter([1]), iter(STRATEGIES), iter(["parity"]))
    assert len(found) == 2 * len(STRATEGIES)


def test_witness_leaves_bsm_out_beside_another_estimator() -> None:
    found = points([2, 3], [1], ["witness", "unitary"], ["bsm", "parity"])
    assert [(p.cloning.n, p.cloning.strategy, p.estimator) for p in found] == [
        (2, "witness", "parity"),
        (2, "unitary", "bsm"),
        (2, "unitary", "parity"),
        (3, "witness", "parity"),
        (3, "unitary", "bsm"),
        (3, "unitary", "parity"),
    ]


def test_witness_with_bsm_alone_is_kept_and_refused_when_built() -> None:
    (point,) = points([2], [1], ["witness"], ["bsm"])
    with pytest.raises(ValueError, match=r"'witness' decrypts nothing.*use estimator 'parity'"):
        point.settings()


def test_settings_refuse_a_bell_measurement_of_a_witness() -> None:
    with pytest.raises(ValueError, match="use estimator 'parity'"):
        build_settings(Cloning(3, 1, "witness"), "bsm")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_impossible_clone_is_refused_in_a_sweep(strategy: Strategy) -> None:
    with pytest.raises(ValueError, match="choose one from 1 to 3"):
        points([3], [4], [strategy], ["parity"])


@pytest.mark.parametrize(
    ("strategy", "estimator", "labels"),
    [
        ("unitary", "bsm", ["bell"]),
        ("unitary", "parity", ["ZZ", "YY", "XX"]),
        ("frame", "parity", ["ZZ", "YY", "XX"]),
        ("witness", "parity", ["stabilizer-Z", "stabilizer-Y", "stabilizer-X"]),
    ],
)
def test_settings_bear_the_name_of_what_they_measure(
    strategy: Strategy, estimator: Estimator, labels: list[str]
) -> None:
    point = EntanglementPoint(Cloning(2, 1, strategy), estimator)
    assert [setting.label for setting in point.settings()] == labels


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_estimator_has_a_weight_for_every_setting(
    strategy: Strategy, estimator: Estimator
) -> None:
    for point in points([2, 3], [1], [strategy], {"parity", estimator}):
        assert len(point.linear_estimator.weights) == len(point.settings())


def test_the_estimator_follows_the_readout() -> None:
    cloning = Cloning(2)
    assert EntanglementPoint(cloning, "bsm").linear_estimator == BELL_MEASUREMENT
    assert EntanglementPoint(cloning, "parity").linear_estimator == THREE_STABILIZERS


def test_parameters_define_the_point() -> None:
    point = EntanglementPoint(Cloning(4, 0, "frame"), "bsm")
    assert point.label == "n04-clone0-frame-bsm"
    assert point.parameters == {
        "experiment": "entanglement",
        "n": 4,
        "clone": 0,
        "strategy": "frame",
        "estimator": "bsm",
    }

"""Every field, built in or declared by a kind, is handled by all that reads results."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest
from made_rows import row, run_folder

from runner.analysis.compare import NothingToCompare, compare, comparison_table
from runner.analysis.differences import mapping_differences, tolerances
from runner.analysis.export import exported
from runner.analysis.variability import spread_text, spreads
from runner.errors import RunFolderError
from runner.kinds import registry
from runner.report.columns import plan_columns, report_columns
from runner.report.tables import result_table
from runner.results.columns import NOT_PLANNED
from runner.results.fields import Kind, ResultField, Role, Shown, column, declared_fields
from runner.results.rows import FIELDS, ResultRow
from runner.results.tables import to_csv
from runner.run_folder.files import read_rows

ROLES = get_args(Role)
OTHER: dict[Kind, Any] = {
    "integer": 3,
    "number": 0.4375,
    "text": "chsh",  # a kind too
    "truth": False,
    "texts": ["other"],
}
"""A value of each kind that the made rows have nowhere."""


def measuring(role: Role) -> ResultField:
    """A field that no part of the program knows."""
    return ResultField(
        name="angle",
        kind="number",
        role=role,
        meaning="angle of the made-up rotation",
        unit="rad",
        optional=True,
        tolerance=1e-3,
        shown=Shown("angle", digits=2),
    )


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the kind ``entanglement`` declare fields of its own."""

    def declare(*fields: ResultField) -> None:
        kind = replace(registry.kind_of("entanglement"), fields=fields)
        known = {**registry.kinds(), "entanglement": kind}
        monkeypatch.setattr(registry, "kinds", lambda: known)

    return declare


def points_of(*folders: Path) -> int:
    """How many points two runs with one row each have in common or, if none, together."""
    try:
        return len(compare(folders).points)
    except NothingToCompare:
        return 2


def spread_values(*folders: Path) -> int:
    """Values of the point that was measured most often."""
    try:
        return max(found.values for found in spreads(folders))
    except RunFolderError:
        return 1


def check_hosts(tmp_path: Path, field: ResultField, value: Any, **both: Any) -> None:
    """Two runs whose rows differ in one field, in the hands of all that reads results."""
    folders = [
        run_folder(tmp_path, "a", [row(**both)]),
        run_folder(tmp_path, "b", [row(**{**both, field.name: value})]),
    ]
    (changed,) = read_rows(folders[1])
    assert changed.as_dict()[field.name] == value
    assert (field.name in changed.planned()) == (field.role not in NOT_PLANNED)

    tells_apart = field.role == "parameter"
    assert points_of(*folders) == 1 + tells_apart
    assert spread_values(*folders) == 2 - tells_apart

    (line,) = csv.DictReader(io.StringIO(to_csv([changed])))
    assert line[field.name] == (" ".join(value) if isinstance(value, list) else str(value))
    for file in exported(folders[1], ["csv", "json", "parquet"]):
        if file.name.endswith("metadata.json"):
            columns = json.loads(file.content)["tableSchema"]["columns"]
            described = {
                c["name"]: (c["dc:description"], c.get("schema:unitText")) for c in columns
            }
        elif file.format == "json":
            document = json.loads(file.content)
            described = {c["name"]: (c["meaning"], c["unit"]) for c in document["columns"]}
            assert document["rows"][0][field.name] == value
        elif file.format == "parquet":
            table = pq.read_table(io.BytesIO(file.content))
            assert table.to_pylist()[0][field.name] == value
            metadata = table.schema.field(field.name).metadata
            unit = metadata.get(b"unit")
            described = {field.name: (metadata[b"description"].decode(), unit and unit.decode())}
        else:
            assert file.content.decode() == to_csv([changed])
            continue
        assert described[field.name] == (field.meaning, field.unit or None)

    if field.kind == "number":
        stored = {field.name: value}
        for part in (0.5, 2):
            recomputed = {field.name: value + part * (field.tolerance or 1e-15)}
            found = list(
                mapping_differences(
                    "row", "results.json", stored, recomputed, (), tolerances(changed.columns)
                )
            )
            assert bool(found) == (part > 1 or not field.tolerance)

    if field.shown:
        headers = [c.header for c in report_columns([changed])]
        header = field.shown.header or registry.kind_of(changed.experiment).symbol([changed])
        assert (header in headers) == ("report" in field.shown.tables)
        planned = [c.header for c in plan_columns([changed])]
        in_plan = "plan" in field.shown.tables and field.role not in NOT_PLANNED
        assert (header in planned) == in_plan


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_handled_by_all_hosts(tmp_path: Path, field: ResultField) -> None:
    assert field.role in ROLES
    assert field.meaning
    # A column may need the value of another field beside its own.
    shown = field.shown or Shown("")
    needed = {name for name in (shown.error, shown.upper, shown.shown_with) if name}
    kinds = {known.name: known.kind for known in FIELDS}
    assert needed <= kinds.keys()
    both = {name: OTHER[kinds[name]] for name in needed if row().get(name) is None}
    check_hosts(tmp_path, field, OTHER[field.kind], **both)


@pytest.mark.parametrize("role", ROLES)
def test_a_declared_field_is_handled_by_all_hosts(
    tmp_path: Path, declare: Callable[..., None], role: Role
) -> None:
    field = measuring(role)
    declare(field)
    check_hosts(tmp_path, field, 0.4375)


def test_a_declared_parameter_stands_among_those_of_every_point(
    tmp_path: Path, declare: Callable[..., None]
) -> None:
    declare(measuring("parameter"))
    folder = run_folder(tmp_path, "a", [row(angle=angle) for angle in (0.5, 0.5, None)])
    rows = read_rows(folder)
    head, first, _, last = result_table(rows).splitlines()[:4]
    assert head.split()[:3] == ["n", "angle", "clone"]
    assert (first.split()[1], last.split()[1]) == ("0.50", "-")
    assert "0.50" in comparison_table(compare([folder, folder]))
    (found,) = spreads([folder])
    assert (found.values, found.as_dict()["angle"]) == (2, 0.5)
    assert "angle" in spread_text([found]).splitlines()[0]
    assert rows[0] == rows[1] != rows[2]
    assert len({*rows}) == 2


def test_a_declared_field_survives_writing_and_measuring() -> None:
    field = measuring("parameter")
    made = ResultRow.from_dict({**row(value=None), "angle": 0.5}, [field])
    again = ResultRow.from_dict(json.loads(json.dumps(made.as_dict())), [field])
    assert again == made
    assert again.measured(None, ["job"]).get("angle") == 0.5
    assert list(made.as_dict())[-1] == "angle"


@pytest.mark.parametrize(
    ("declared", "changes", "words"),
    [
        ([], {"angle": 0.5}, "no field 'angle'"),
        ([], {"extra": {}}, "no field 'extra'"),
        ([measuring("parameter")], {"angle": "wide"}, "'angle' is 'wide', but its field declares"),
        ([measuring("parameter")], {"angle": True}, "'angle' is True, but its field declares"),
        ([replace(measuring("parameter"), optional=False)], {}, "'angle' is None"),
        ([replace(measuring("parameter"), name="n")], {}, "'n' is declared although"),
        ([measuring("parameter")] * 2, {}, "'angle' is declared although"),
    ],
)
def test_rows_that_break_their_declaration_are_refused(
    declared: list[ResultField], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        ResultRow.from_dict(row(**changes), declared)


def test_an_outcome_has_no_value_before_it_is_measured() -> None:
    field = replace(measuring("outcome"), optional=False)
    assert ResultRow.from_dict(row(), [field]).get("angle") is None


def test_a_dataclass_says_all_that_its_columns_need() -> None:
    @dataclass(frozen=True)
    class Longer(ResultRow):
        angle: float | None = column("parameter", "angle", unit="rad", default=None)
        turns: int = column("repetition", "turns", default=0)

    assert declared_fields(Longer) == (
        *FIELDS,
        ResultField("angle", "number", "angle", "rad", optional=True, role="parameter"),
        ResultField("turns", "integer", "turns", role="repetition"),
    )

    @dataclass
    class Silent:
        angle: float

    with pytest.raises(TypeError, match=r"Silent\.angle declares neither role nor meaning"):
        declared_fields(Silent)

"""Every registered kind of experiment, built in or not, is whole."""

import re
from pathlib import Path
from typing import Literal, get_args

import pytest

import runner
from experiments.kinds import ghz, leakage
from runner.errors import UserError
from runner.kinds.chsh import KIND as CHSH
from runner.kinds.contract.kind import ExperimentKind
from runner.kinds.contract.section import ExperimentSection
from runner.kinds.registry import kind_of, kinds

HOSTS = [
    file
    for package in ("runner", "backends")
    for file in (Path(runner.__file__).parents[1] / package).rglob("*.py")
    if "kinds" not in file.parts
]


@pytest.mark.parametrize("name", kinds())
def test_the_registry_finds_a_kind_by_the_name_in_its_section(name: str) -> None:
    kind = kind_of(name)
    assert kind.name == name
    assert get_args(kind.section.model_fields["kind"].annotation) == (name,)
    assert all(vars(kind.wording).values())


@pytest.mark.parametrize("name", kinds())
def test_no_host_names_a_kind(name: str) -> None:
    literal = re.compile(rf"""["']{name}["']""")
    assert [str(file) for file in HOSTS if literal.search(file.read_text("utf-8"))] == []


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UserError, match="kind 'nothing' is not known here, but only entanglement, "
    ):
        kind_of("nothing")


def test_a_section_without_a_name_makes_no_kind() -> None:
    class Nameless(ExperimentSection):
        kind: Literal["two", "names"]

    with pytest.raises(TypeError, match=r"Nameless\.kind must be Literal"):
        ExperimentKind(Nameless, CHSH.wording)


def test_only_points_with_a_clone_are_decrypted_in_another_way() -> None:
    frame = ghz.GhzPoint(2).decrypted_by("frame")
    assert (frame.r, frame.strategy) == (2, "frame")
    (point,) = leakage.points([2], ["S1"])
    with pytest.raises(ValueError, match="'leakage' decrypts no clone"):
        point.decrypted_by("frame")

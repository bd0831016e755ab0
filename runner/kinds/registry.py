"""What tables, figures and reports say of each kind of experiment."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from experiments.kinds import (
    chsh,
    correlators,
    entanglement,
    ghz,
    iterated,
    leakage,
    storage,
)


@dataclass(frozen=True)
class Wording:
    """How a kind of experiment is presented.

    Attributes:
        title: what is done, in one line.
        value: symbol of the value.
        value_name: the value in words.
        marks: what noise floor and witness line mean.
        published_table: where its published values stand.
    """

    title: str
    value: str
    value_name: str
    marks: str
    published_table: str

    @classmethod
    def of(cls, module: ModuleType) -> Wording:
        """The wording that an experiment brings with it."""
        return cls(
            module.TITLE, module.VALUE, module.VALUE_NAME, module.MARKS, module.PUBLISHED_TABLE
        )


_EXPERIMENTS = (entanglement, chsh, iterated, ghz, correlators, storage, leakage)

WORDINGS: dict[str, Wording] = {module.KIND: Wording.of(module) for module in _EXPERIMENTS}
TITLES = {kind: wording.title for kind, wording in WORDINGS.items()}

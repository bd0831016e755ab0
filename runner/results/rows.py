"""The result row: one line of ``results.csv``, one entry of ``results.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config

from experiments.statistics.estimators import CONFIDENCE, Estimate, bits_interval, bits_of_bias
from runner.results.columns import NOT_PLANNED, REFUTED_BELOW, Columns
from runner.results.fields import ResultField, Role, beside_the_columns, declared_fields


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ResultRow(Columns):
    """One measured (or planned) point.

    ``extra`` are the values of fields that a kind of experiment declares for itself, by name;
    ``declared`` are these fields.
    """

    extra: Mapping[str, int | float | str | None] = beside_the_columns(
        default_factory=dict, hash=False
    )
    declared: tuple[ResultField, ...] = beside_the_columns(default=(), compare=False, repr=False)

    @classmethod
    def of(cls, declared: Sequence[ResultField] = (), /, **values: Any) -> ResultRow:
        """A row, values of declared fields among the others.

        Args:
            declared: what the kind of experiment declares beside the fields of every row.
            **values: field name → value; an optional field without a value may be left out.

        Raises:
            ValueError: if a declared field clashes with another, has no value where it needs one,
                or a value of another kind.
        """
        require_new_names(declared)
        names = [field.name for field in declared]
        extra = {name: values.pop(name, None) for name in names}
        for field in declared:
            # Outcomes follow when counts are there.
            if not (extra[field.name] is None and field.role in NOT_PLANNED):
                field.require(extra[field.name])
        return cls(**{**_WITHOUT_VALUES, **values}, extra=extra, declared=tuple(declared))

    @property
    def columns(self) -> tuple[ResultField, ...]:
        """The fields of this row: those of every row, then the declared ones."""
        return (*FIELDS, *self.declared)

    def get(self, name: str) -> Any:
        """The value of a field; None where there is none, or no such field."""
        return self.extra[name] if name in self.extra else getattr(self, name, None)

    def of_roles(self, *roles: Role) -> dict[str, Any]:
        """Field name → value of the fields with these roles, ready for JSON."""
        return {
            name: value
            for field, (name, value) in zip(self.columns, self.as_dict().items(), strict=True)
            if field.role in roles
        }

    def unrepeated(self) -> ResultRow:
        """The row as that of its point, whichever of its measurements it is."""
        blank: dict[str, Any] = {
            field.name: None if field.optional else 0
            for field in self.columns
            if field.role == "repetition"
        }
        extra = {name: blank.pop(name, value) for name, value in self.extra.items()}
        return replace(self, **blank, extra=extra)

    @property
    def witness_confidence(self) -> float:
        """Level of the interval that must lie above the threshold."""
        return 1 - (1 - CONFIDENCE) / (self.comparisons or 1)

    def measured(
        self,
        estimate: Estimate | None,
        jobs: Sequence[str],
        *,
        at_least: float | None = None,
        assumption_p: float | None = None,
    ) -> ResultRow:
        """The row with its measured fields filled in.

        Args:
            estimate: the estimate; None if there is none.
            jobs: ids of the jobs that the counts came from.
            at_least: lower end of the interval at :attr:`witness_confidence`; None for that of the
                estimate.
            assumption_p: p value of the assumption; None without a test.
        """
        if estimate is None:
            return replace(self, jobs=tuple(jobs))
        bits: dict[str, Any] = _information(estimate) if self.subset is not None else {}
        return replace(
            self,
            value=estimate.value,
            std_err=estimate.std_err,
            ci_low=estimate.ci_low,
            ci_high=estimate.ci_high,
            std_err_of_draw=estimate.std_err_of_draw,
            witnessed=self._witnessed(
                estimate.ci_low if at_least is None else at_least, assumption_p
            ),
            assumption_p=assumption_p,
            jobs=tuple(jobs),
            **bits,
        )

    def _witnessed(self, at_least: float, assumption_p: float | None) -> bool | None:
        if self.witness_threshold is None:
            return None
        refuted = assumption_p is not None and assumption_p < REFUTED_BELOW
        return at_least > self.witness_threshold and not refuted

    def decoded(self, corrected: Estimate, postselected: Estimate | None, kept: float) -> ResultRow:
        """The row with the corrected value and the post-selected one, if shots are kept."""
        row = replace(
            self,
            corrected=corrected.value,
            corrected_ci_low=corrected.ci_low,
            corrected_ci_high=corrected.ci_high,
            kept=kept,
        )
        if postselected is None:
            return row
        return replace(
            row,
            postselected=postselected.value,
            postselected_ci_low=postselected.ci_low,
            postselected_ci_high=postselected.ci_high,
        )

    def as_dict(self) -> dict[str, Any]:
        """Field name → value, ready for JSON."""
        values = ((field.name, self.get(field.name)) for field in self.columns)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values}

    def planned(self) -> dict[str, Any]:
        """The row without its measured fields."""
        return {
            field.name: value
            for field, value in zip(self.columns, self.as_dict().values(), strict=True)
            if field.role not in NOT_PLANNED
        }

    @classmethod
    def from_dict(
        cls, document: Mapping[str, Any], declared: Sequence[ResultField] = ()
    ) -> ResultRow:
        """The row that :meth:`as_dict` gave.

        Args:
            document: field name → value.
            declared: what the kind of experiment declares beside the fields of every row.

        Raises:
            ValueError: if a field is missing, unknown, or of another type.
        """
        require_new_names(declared)
        names = {field.name for field in declared}
        if unknown := document.keys() - _NAMES - names:
            raise ValueError(f"a result row has no field '{min(unknown)}'")
        row = _ROWS.validate_python({k: v for k, v in document.items() if k not in names})
        if not declared:
            return row
        values = {field.name: getattr(row, field.name) for field in FIELDS}
        return cls.of(declared, **values, **{k: document[k] for k in names & document.keys()})


FIELDS = declared_fields(ResultRow)
"""The fields of every row, in the order of its columns."""

_NAMES = frozenset(field.name for field in FIELDS)
_WITHOUT_VALUES: Mapping[str, Any] = {field.name: None for field in FIELDS if field.optional}
_RESERVED = _NAMES | {"extra", "declared"}
_ROWS = TypeAdapter(ResultRow)


def require_new_names(declared: Sequence[ResultField]) -> None:
    """Accept fields that a kind of experiment declares beside those of every row.

    Raises:
        ValueError: if one has the name of another.
    """
    names = [field.name for field in declared]
    for name in names:
        if name in _RESERVED or names.count(name) > 1:
            raise ValueError(
                f"the field '{name}' is declared although rows have one of that name; choose "
                "another name"
            )


def _information(estimate: Estimate) -> dict[str, float]:
    low, high = bits_interval(estimate.ci_low, estimate.ci_high)
    return {
        "information_bits": bits_of_bias(estimate.value),
        "information_low": low,
        "information_high": high,
    }

"""The result row: one line of ``results.csv``, one entry of ``results.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config

from experiments.statistics.estimators import CONFIDENCE, Estimate, bits_interval, bits_of_bias
from runner.results.fields import (
    LIBRARY_ROUNDING,
    SOLVER_ROUNDING,
    SUM_ROUNDING,
    ResultField,
    Role,
    Shown,
    beside_the_columns,
    column,
    declared_fields,
)

NO_STRATEGY = "none"
"""Strategy of an experiment that decrypts nothing."""

REFUTED_BELOW = 0.01
"""p value of a tested assumption below which nothing is witnessed."""

NOT_PLANNED: tuple[Role, ...] = ("outcome", "bookkeeping")
"""Roles of the fields that a plan does not have."""


def clone_name(clone: int) -> str:
    """``A`` for the input qubit, otherwise ``S`` and a number."""
    return "A" if clone == 0 else f"S{clone}"


def _thousands(number: int) -> str:
    return f"{number:,}"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ResultRow:
    """One measured (or planned) point.

    Each field declares its role, meaning, unit, tolerance and column: nothing else in the program
    has to be changed for a new one. ``extra`` are the values of fields that a kind of experiment
    declares for itself, by name; ``declared`` are these fields.
    """

    experiment: str = column("parameter", "kind of experiment")
    n: int = column("parameter", "cloning parameter", shown=Shown("n", always=True))
    level: int | None = column(
        "parameter",
        "generations of iterated cloning; no value elsewhere",
        shown=Shown("level"),
    )
    r: int | None = column(
        "parameter", "qubits of a GHZ state; no value elsewhere", shown=Shown("r")
    )
    scenario: str | None = column(
        "parameter",
        "order of measurements of a CHSH test; no value elsewhere",
        shown=Shown("scenario"),
    )
    clone: int = column(
        "parameter",
        "which clone was decrypted (0 is A)",
        shown=Shown("clone", text=clone_name, shown_with="strategy"),
    )
    strategy: str = column(
        "parameter",
        "how it was decrypted; says which claim value makes",
        shown=Shown("strategy", absent=NO_STRATEGY),
    )
    estimator: str = column(
        "parameter", "how the value was estimated", shown=Shown("estimator", always=True)
    )
    backend: str = column("circumstance", "provider")
    device: str = column("circumstance", "snapshot or machine")
    seed: int = column("circumstance", "seed of the run")
    repeat: int = column(
        "repetition", "number of the repetition, from 0", shown=Shown("repeat", absent="0")
    )
    qubits: int = column(
        "parameter",
        "logical qubits of the circuit",
        shown=Shown("qubits", always=True, tables=frozenset(("plan",))),
    )
    two_qubit_layers: int = column(
        "circumstance",
        "depth in two-qubit gates (the deepest of the point's circuits)",
        shown=Shown("2q layers", always=True),
    )
    two_qubit_gates: int = column(
        "circumstance",
        "two-qubit gates (the most of the point's circuits)",
        shown=Shown("2q gates", always=True),
    )
    shots: int = column(
        "circumstance",
        "shots of each setting",
        shown=Shown("shots", text=_thousands, always=True, tables=frozenset(("plan", "report"))),
    )
    value: float | None = column(
        "outcome",
        "the estimate; no value where a certificate failed or counts are missing",
        tolerance=SUM_ROUNDING,
        shown=Shown("", digits=4, always=True),
    )
    std_err: float | None = column(
        "outcome",
        "its standard error",
        tolerance=SUM_ROUNDING,
        shown=Shown("std. error", digits=4, always=True, tables=frozenset(("report",))),
    )
    ci_low: float | None = column(
        "outcome",
        "lower end of the 95 % interval",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("95 % interval", digits=4, upper="ci_high", always=True),
    )
    ci_high: float | None = column(
        "outcome", "upper end of the 95 % interval", tolerance=LIBRARY_ROUNDING
    )
    noise_floor: float = column("parameter", "the value of a completely noisy device")
    witness_threshold: float | None = column(
        "parameter",
        "bound that a witness must exceed; no value where no theorem gives one",
    )
    witnessed: bool | None = column(
        "outcome",
        "whether the whole interval lies above the threshold, its level corrected for comparisons, "
        "and a tested assumption is not refuted; no value without a threshold",
        shown=Shown("> witness", always=True),
    )
    predicted: float = column(
        "prediction",
        "exact value under the snapshot's noise, from nothing but the calibration",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("predicted", digits=4, always=True),
    )
    published: float | None = column(
        "published",
        "the printed value of the same point on ibm_kingston",
        shown=Shown("published", digits=3, error="published_err", always=True),
    )
    published_err: float | None = column(
        "published", "its printed error, right or wrong (published_note)"
    )
    certificate: str = column(
        "circumstance",
        "proved, failed or unverified, the worst of the circuits",
        shown=Shown("certificate", always=True),
    )
    jobs: tuple[str, ...] = column(
        "bookkeeping", "the provider's ids of the jobs that the counts came from"
    )
    clones: int | None = column(
        "parameter",
        "clones that an iterated run makes; no value elsewhere",
        shown=Shown("clones"),
        default=None,
    )
    generations: str | None = column(
        "parameter",
        "instances in each generation of an iterated run, such as 1-3-9",
        shown=Shown("instances", numeric=True),
        default=None,
    )
    input: str | None = column(
        "parameter",
        "the state that was cloned, or process for all six Pauli eigenstates; no value for half "
        "of a Bell pair",
        shown=Shown("input", absent="bell"),
        default=None,
    )
    lost: str | None = column(
        "parameter",
        "servers that were lost before decryption, such as S2 S3; no value elsewhere",
        shown=Shown("lost", absent="none"),
        default=None,
    )
    loss: str | None = column(
        "parameter",
        "what happened to their qubits",
        shown=Shown("loss", absent="none"),
        default=None,
    )
    idle_microseconds: float | None = column(
        "parameter",
        "how long everything waited after encryption",
        unit="µs",
        shown=Shown("idle µs", absent="0.0"),
        default=None,
    )
    spent_on: int | None = column(
        "parameter",
        "clone that had been decrypted with the same key before",
        shown=Shown("key spent on"),
        default=None,
    )
    subset: str | None = column(
        "parameter",
        "qubits that were held together; no value elsewhere",
        shown=Shown("subset"),
        default=None,
    )
    learns: str | None = column(
        "parameter",
        "what the theory says that they learn: nothing, a Pauli, everything",
        shown=Shown("learns"),
        default=None,
    )
    information_bits: float | None = column(
        "outcome",
        "bits of the input that their best observable tells at least",
        unit="bit",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("bits", digits=3, shown_with="subset"),
        default=None,
    )
    information_low: float | None = column(
        "outcome",
        "lower end of its 95 % interval",
        unit="bit",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("95 % of bits", digits=3, upper="information_high", shown_with="subset"),
        default=None,
    )
    information_high: float | None = column(
        "outcome", "upper end of it", unit="bit", tolerance=LIBRARY_ROUNDING, default=None
    )
    layout: int | None = column(
        "repetition",
        "transpiler seed, where each layout is a point of its own; no value elsewhere",
        shown=Shown("layout"),
        default=None,
    )
    key_qubits: int | None = column(
        "parameter",
        "noise qubits that decrypting an iterated clone takes",
        shown=Shown("key qubits"),
        default=None,
    )
    path: str | None = column(
        "parameter",
        "clone of each generation, such as S1-A-S2, where they differ",
        shown=Shown("path"),
        default=None,
    )
    mitigated: float | None = column(
        "outcome",
        "the estimate with readout errors undone, beside value, which is as measured; no value "
        "where nothing is mitigated. It may leave the physical range",
        tolerance=SOLVER_ROUNDING,
        shown=Shown("mitigated", digits=4, error="mitigated_err"),
        default=None,
    )
    mitigated_err: float | None = column(
        "outcome",
        "its standard error, the calibration's included; an upper bound where mthree is used",
        tolerance=SOLVER_ROUNDING,
        default=None,
    )
    refocused: float | None = column(
        "prediction",
        "predicted with decoupling assumed perfect, an upper bound; no value where the compiler "
        "places no pulses. There predicted, for which all dephasing is white, is a lower bound",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("if refocused", digits=4),
        default=None,
    )
    published_shot_err: float | None = column(
        "published",
        "error of the printed value that its shots give, at most; the printed one may be wrong",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("± from shots", digits=4, tables=frozenset(("result", "report"))),
        default=None,
    )
    published_note: str | None = column(
        "published", "what is wrong in print; no value where nothing is known", default=None
    )
    comparisons: int | None = column(
        "circumstance",
        "rows of the run that are tested at once: witnessed then rests on the interval at the "
        "level 1 - 0.05/comparisons (Bonferroni); no value where each row stands alone",
        shown=Shown("tests (Bonferroni)", absent="1"),
        default=None,
    )
    assumes: str | None = column(
        "circumstance",
        "what witnessed assumes beyond what its bound needs; no value where nothing",
        shown=Shown("assumes", tables=frozenset(("report",))),
        default=None,
    )
    assumption_p: float | None = column(
        "outcome",
        "p value of the test of that assumption on the counts; below 0.01 nothing is witnessed",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("p of assumption", digits=3),
        default=None,
    )
    predicted_low: float | None = column(
        "prediction",
        "the same with all that the calibration leaves open at its pessimistic value: gates in "
        "parallel, T2 without echo, drift and more; no value in runs of older versions",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("predicted interval", digits=4, upper="predicted_high"),
        default=None,
    )
    predicted_high: float | None = column(
        "prediction",
        "the same at its optimistic value; from predicted_low to predicted_high is the interval "
        "of the prediction",
        tolerance=LIBRARY_ROUNDING,
        default=None,
    )
    std_err_of_draw: float | None = column(
        "outcome",
        "the part of std_err that the random choice of stabilizers brings, shared by all values "
        "with the same choice; no value where nothing is drawn, and in runs of format 1",
        tolerance=SUM_ROUNDING,
        default=None,
    )
    not_mitigated: str | None = column(
        "outcome",
        "why there is no mitigated value although it was asked for; no value elsewhere",
        default=None,
    )
    checks: int | None = column(
        "circumstance",
        "parities of spent clones and key that tell of errors; no value where unused qubits are "
        "not read",
        shown=Shown("checks"),
        default=None,
    )
    corrected: float | None = column(
        "outcome",
        "the estimate from all shots, each corrected as its checks suggest, by a rule that the "
        "calibration alone decides",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("corrected", digits=4),
        default=None,
    )
    corrected_ci_low: float | None = column(
        "outcome",
        "lower end of its 95 % interval",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("95 % of corrected", digits=4, upper="corrected_ci_high"),
        default=None,
    )
    corrected_ci_high: float | None = column(
        "outcome", "upper end of it", tolerance=LIBRARY_ROUNDING, default=None
    )
    predicted_corrected: float | None = column(
        "prediction",
        "what corrected is under the snapshot's noise",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("predicted corrected", digits=4),
        default=None,
    )
    postselected: float | None = column(
        "outcome",
        "the estimate from corrected shots that are kept, the fraction kept being the other half "
        "of the claim; no value if a setting has none",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("post-selected (kept)", digits=4, share="kept"),
        default=None,
    )
    postselected_ci_low: float | None = column(
        "outcome",
        "lower end of its 95 % interval",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("95 % of post-selected", digits=4, upper="postselected_ci_high"),
        default=None,
    )
    postselected_ci_high: float | None = column(
        "outcome", "upper end of it", tolerance=LIBRARY_ROUNDING, default=None
    )
    predicted_postselected: float | None = column(
        "prediction",
        "what postselected is under the snapshot's noise",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("predicted post-selected (kept)", digits=4, share="predicted_kept"),
        default=None,
    )
    kept: float | None = column(
        "outcome",
        "fraction of the shots that post-selection keeps",
        tolerance=SUM_ROUNDING,
        default=None,
    )
    predicted_kept: float | None = column(
        "prediction",
        "what kept is under the snapshot's noise",
        tolerance=LIBRARY_ROUNDING,
        default=None,
    )
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

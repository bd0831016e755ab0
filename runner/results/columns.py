"""The columns of results: each is declared once, and everything else follows from that."""

from __future__ import annotations

from dataclasses import dataclass

from runner.results.fields import (
    LIBRARY_ROUNDING,
    SOLVER_ROUNDING,
    SUM_ROUNDING,
    Role,
    Shown,
    column,
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


@dataclass(frozen=True)
class Columns:
    """The columns that every row of results has.

    Each field declares its role, meaning, unit, tolerance and column: nothing else in the program
    has to be changed for a new one.
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
        "lower end of the 95 % interval of information_bits",
        unit="bit",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("95 % of bits", digits=3, upper="information_high", shown_with="subset"),
        default=None,
    )
    information_high: float | None = column(
        "outcome",
        "upper end of the 95 % interval of information_bits",
        unit="bit",
        tolerance=LIBRARY_ROUNDING,
        default=None,
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
        "lower end of the 95 % interval of corrected",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("95 % of corrected", digits=4, upper="corrected_ci_high"),
        default=None,
    )
    corrected_ci_high: float | None = column(
        "outcome",
        "upper end of the 95 % interval of corrected",
        tolerance=LIBRARY_ROUNDING,
        default=None,
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
        "lower end of the 95 % interval of postselected",
        tolerance=LIBRARY_ROUNDING,
        shown=Shown("95 % of post-selected", digits=4, upper="postselected_ci_high"),
        default=None,
    )
    postselected_ci_high: float | None = column(
        "outcome",
        "upper end of the 95 % interval of postselected",
        tolerance=LIBRARY_ROUNDING,
        default=None,
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

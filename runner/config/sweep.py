"""The positions of a sweep: which point each holds, or which candidates it may hold.

``strategy: auto`` leaves the decryption open: the one with the best prediction is taken, for each
point by itself. Which decryptions a point has is asked of the experiment and the device; nothing is
known here of kinds. What was chosen is written into the configuration of the run, so that it is
chosen once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from qiskit.primitives import BitArray

from experiments.point import Point
from experiments.protocol import Strategy
from experiments.published import Published
from experiments.settings import Setting
from experiments.statistics.estimators import LinearEstimator
from runner.config.run_config import RunConfig
from runner.config.run_request import run_request
from runner.kinds.contract.decryption import AUTO, ChosenStrategy

CANDIDATES: tuple[Strategy, ...] = ("unitary", "feedforward", "frame")
"""Strategies that hand back a clone, the strongest claim first: it wins a tie."""

TIE = 1e-9
"""Predictions that are closer than this are equal: they are exact up to rounding."""


@dataclass(frozen=True)
class OneLayout(Point):
    """A point compiled with one transpiler seed, whatever its prediction.

    Attributes:
        point: the point.
        layout: the seed.
    """

    point: Point
    layout: int

    @property
    def parameters(self) -> dict[str, int | float | str]:
        """Those of the point, and the seed."""
        return {**self.point.parameters, "layout": self.layout}

    @property
    def label(self) -> str:
        """Short name for files and progress, e.g. ``n05-clone1-unitary-parity-layout7``."""
        return f"{self.point.label}-layout{self.layout}"

    @property
    def num_qubits(self) -> int:
        """Those of the point."""
        return self.point.num_qubits

    @property
    def linear_estimator(self) -> LinearEstimator:
        """That of the point."""
        return self.point.linear_estimator

    @property
    def noise_floor(self) -> float:
        """That of the point."""
        return self.point.noise_floor

    @property
    def witness_threshold(self) -> float | None:
        """That of the point."""
        return self.point.witness_threshold

    @property
    def assumption(self) -> str | None:
        """That of the point."""
        return self.point.assumption

    def assumption_p_value(self, shots: Sequence[BitArray]) -> float | None:
        """That of the point."""
        return self.point.assumption_p_value(shots)

    @property
    def tested_together(self) -> bool:
        """That of the point."""
        return self.point.tested_together

    def settings(self) -> Sequence[Setting]:
        """Those of the point."""
        return self.point.settings()

    def published(self) -> Published | None:
        """That of the point."""
        return self.point.published()

    def decrypted_by(self, strategy: Strategy) -> OneLayout:
        """The same layout of the point decrypted in another way."""
        return OneLayout(self.point.decrypted_by(strategy), self.layout)


@dataclass(frozen=True)
class SweepPosition:
    """One position in a sweep.

    Attributes:
        point: the point there; the first candidate, as long as the strategy is open.
        candidates: the points it may become, by strategy; empty if nothing is open.
        left_out: strategy → why it is no candidate.
    """

    point: Point
    candidates: Mapping[Strategy, Point] = field(default_factory=dict)
    left_out: Mapping[Strategy, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """What was chosen for a position, and from what.

    Attributes:
        strategy: the strategy with the best prediction.
        predicted: predicted value of each candidate, the chosen one first, then the best.
        left_out: strategy → why it was no candidate.
    """

    strategy: Strategy
    predicted: Mapping[Strategy, float]
    left_out: Mapping[Strategy, str]

    @classmethod
    def among(cls, predicted: Mapping[Strategy, float], left_out: Mapping[Strategy, str]) -> Choice:
        """The best of one candidate or more."""
        best = max(predicted.values())
        strategy = next(s for s in CANDIDATES if predicted.get(s, -1.0) >= best - TIE)
        others = sorted(predicted.keys() - {strategy}, key=lambda s: (-predicted[s], s))
        return cls(strategy, {s: predicted[s] for s in (strategy, *others)}, left_out)

    @property
    def text(self) -> str:
        """In one line, e.g. ``frame 0.8710; unitary 0.8290, feedforward 0.6400``."""
        (chosen, value), *others = self.predicted.items()
        parts = [f"{chosen} {value:.4f}"]
        if others:
            parts.append(", ".join(f"{name} {value:.4f}" for name, value in others))
        parts += [f"not {name}: {reason}" for name, reason in self.left_out.items()]
        return "; ".join(parts)


def sweep_positions(config: RunConfig) -> list[SweepPosition]:
    """The positions of a sweep; those of ``auto`` come before those of named strategies.

    Raises:
        ValueError: if there is no such experiment, or if what was chosen does not fit the sweep.
    """
    decrypt = config.experiment.decryption
    if decrypt is None or AUTO not in decrypt.strategy:
        if decrypt is not None and decrypt.chosen is not None:
            raise ValueError("'chosen' tells what 'auto' came to, but no strategy is 'auto'")
        return [SweepPosition(point) for point in _points(config, None)]
    found = [_open_position(point, config) for point in _points(config, [CANDIDATES[0]])]
    if decrypt.chosen is not None:
        found = _decided(found, decrypt.chosen)
    named = [one for one in decrypt.strategy if one != AUTO]
    if named:
        # A point that auto has come to is there already.
        taken = {position.point for position in found if not position.candidates}
        found += [SweepPosition(point) for point in _points(config, named) if point not in taken]
    return found


def layout_seeds(config: RunConfig) -> Sequence[int]:
    """The transpiler seeds of a run."""
    return range(config.seed, config.seed + config.compile.seeds)


def _points(config: RunConfig, strategies: Sequence[Strategy] | None) -> Sequence[Point]:
    """The points of a sweep with the given strategies; None leaves those of the configuration."""
    experiment = config.experiment
    if strategies is not None:
        experiment = experiment.with_decryption(strategy=list(strategies))
    points = experiment.points(config.seed)
    if config.compile.layouts == "best":
        return points
    return [OneLayout(point, seed) for point in points for seed in layout_seeds(config)]


def _open_position(point: Point, config: RunConfig) -> SweepPosition:
    """A point with every decryption that the experiment and the provider allow."""
    candidates: dict[Strategy, Point] = {}
    left_out: dict[Strategy, str] = {}
    for strategy in CANDIDATES:
        refused = _refused(config, strategy)
        if refused:
            left_out[strategy] = refused
            continue
        try:
            candidates[strategy] = point.decrypted_by(strategy)
        except ValueError as reason:
            left_out[strategy] = str(reason)
    return SweepPosition(next(iter(candidates.values())), candidates, left_out)


def _refused(config: RunConfig, strategy: Strategy) -> str:
    """What the provider has against a strategy as it is to run it; empty for nothing."""
    if strategy != "feedforward":
        return ""
    record, request = config.backend.record, run_request(config)
    otherwise = list(record.problems(replace(request, conditional_gates=False)))
    for problem in record.problems(replace(request, conditional_gates=True)):
        if problem not in otherwise:
            return problem[1]
    return ""


def _decided(
    found: Sequence[SweepPosition], chosen: Sequence[ChosenStrategy]
) -> list[SweepPosition]:
    if len(chosen) != len(found):
        raise ValueError(
            f"'chosen' holds {len(chosen)} points, but the sweep leaves {len(found)} open; leave "
            "'chosen' out to choose anew"
        )
    out = []
    for position, choice in zip(found, chosen, strict=True):
        point = position.candidates.get(choice.strategy)
        if point is None or point.label != choice.point:
            raise ValueError(
                f"'chosen' holds '{choice.point}' where the sweep has '{position.point.label}', or "
                f"gives it '{choice.strategy}', which it cannot have; leave 'chosen' out to choose "
                "anew"
            )
        if not {choice.strategy} <= choice.predicted.keys() <= position.candidates.keys():
            raise ValueError(
                f"'chosen' holds predictions of {', '.join(choice.predicted) or 'nothing'} for "
                f"'{choice.point}'; leave 'chosen' out to choose anew"
            )
        out.append(SweepPosition(point))
    return out

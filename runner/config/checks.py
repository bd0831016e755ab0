"""What a configuration asks for that is well-formed but cannot be run."""

from __future__ import annotations

from collections.abc import Sequence

from backends.devices.catalog import IDEAL, load_device
from backends.errors import BackendError
from backends.providers.record import RunRequest
from backends.providers.registry import providers
from experiments.point import Point
from runner.config.backend import BackendConfig
from runner.config.run_config import RunConfig
from runner.config.run_request import run_request
from runner.config.suppression import decoupling_problems, suppression_problems
from runner.config.sweep import sweep_positions
from runner.kinds.contract.section import ExperimentSection
from runner.kinds.contract.strict import LARGEST_N, Problems

_MOST_QUBITS = 20_000
"""Qubits of a circuit without a device."""


def _shown(count: int) -> str:
    return f"{count:,}" if count < 10**15 else "more than 10^15"


def section_problems(
    experiment: ExperimentSection | None, backend: BackendConfig | None, config: RunConfig | None
) -> Problems:
    """What is well-formed but cannot be run, each with its path.

    Args:
        experiment: the section; None if it has errors.
        backend: the section; None if it has errors.
        config: the whole configuration; None if it has errors, and the sections are looked at by
            themselves.
    """
    points: Sequence[Point] = ()
    if experiment is not None:
        wrong = list(experiment.all_problems())
        yield from ((("experiment", *path), message) for path, message in wrong)
        if not wrong:
            try:
                points = experiment.points(config.seed if config else 0)
            except ValueError as error:
                yield ("experiment",), str(error)
    if backend is None:
        return
    yield from _unused_sections(backend)
    yield from backend.record.problems(_request(experiment, backend, config))
    on_snapshot = backend.record.simulates and backend.device != IDEAL
    if on_snapshot:
        yield from _device_problems(backend.device, experiment, points)
    elif experiment is not None:
        large = any(n > LARGEST_N for n in experiment.signals)
        needed = max((point.num_qubits for point in points), default=0)
        if needed > _MOST_QUBITS and not large:
            yield (
                ("experiment",),
                f"a point has {_shown(needed)} qubits; without a device at most {_MOST_QUBITS:,} "
                "can be planned",
            )
        for index, n in enumerate(experiment.signals):
            if n > LARGEST_N:
                message = f"n = {n} is out of reach; the largest n without a device is {LARGEST_N}"
                yield ("experiment", "n", index), message


def _request(
    experiment: ExperimentSection | None, backend: BackendConfig, config: RunConfig | None
) -> RunRequest:
    """What the provider is asked for, as far as it is known."""
    if config is not None:
        return run_request(config)
    return RunRequest(
        backend.device,
        backend.options,
        conditional_gates=experiment is not None and experiment.conditional_gates,
    )


def _unused_sections(backend: BackendConfig) -> Problems:
    """Sections of providers that are not used."""
    seen = {backend.record.section}
    for record in providers().values():
        if record.section not in seen and backend.given(record) is not None:
            seen.add(record.section)
            yield (
                ("backend", record.section),
                f"'backend.{record.section}' {record.purpose}, but the provider is "
                f"'{backend.provider}'; leave it out, or set provider: {record.name}",
            )


def combination_problems(config: RunConfig) -> Problems:
    """What each section allows, but not together with the others."""
    backend = config.backend
    yield from suppression_problems(backend.record, config.suppression)
    yield from _chosen_problems(config)
    yield from decoupling_problems(
        backend.record, backend.device, config.compile.decoupling, config.suppression
    )


def _chosen_problems(config: RunConfig) -> Problems:
    """What a file says that ``auto`` chose, but cannot have chosen."""
    decryption = config.experiment.decryption
    if decryption is not None and decryption.chosen is not None:
        try:
            sweep_positions(config)
        except ValueError as error:
            yield ("experiment", "decrypt", "chosen"), str(error)


def _device_problems(
    device: str, experiment: ExperimentSection | None, points: Sequence[Point]
) -> Problems:
    try:
        snapshot = load_device(device)
        snapshot.to_target()
    except BackendError as error:
        yield ("backend", "device"), str(error)
        return
    if experiment is None:
        return
    available = len(snapshot.largest_region)
    sizes = experiment.sizes()
    for index, value in enumerate(sizes.values):
        needed = sizes.needed(value, points)
        if needed > available:
            largest = sizes.largest_within(available)
            limit = "" if largest is None else f"; the largest {sizes.key} there is {largest}"
            yield (
                ("experiment", sizes.key, index),
                f"{sizes.key} = {value} needs {needed} connected qubits, but device '{device}' has "
                f"{snapshot.what_is_connected}{limit}",
            )
            break
    if experiment.conditional_gates and not snapshot.dynamic_circuits:
        yield (
            ("experiment", "decrypt", "strategy"),
            f"device '{device}' offers no conditional gates, which 'feedforward' needs; "
            "'frame' gives the same clone up to a known Pauli",
        )

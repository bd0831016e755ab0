"""Circuits into as few jobs as the provider's limits allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backends.adapter import Limits
from runner.errors import UserError
from runner.store.records import CircuitRecord


class DoesNotFitJob(UserError):
    """One circuit alone exceeds what a job may hold, or falls short of it."""


def groups(circuits: Iterable[CircuitRecord], limits: Limits) -> Iterator[list[CircuitRecord]]:
    """Fill jobs in order; a job is closed when the next circuit would exceed a limit.

    Raises:
        DoesNotFitJob: if one circuit alone has more shots than a circuit or job may have, or
            fewer than the provider takes.
    """
    group: list[CircuitRecord] = []
    shots = 0
    for circuit in circuits:
        most = min(limits.shots_per_circuit, limits.shots_per_job)
        if circuit.shots > most:
            raise DoesNotFitJob(
                f"{circuit.shots:,} shots in one circuit, but the provider takes at most "
                f"{most:,}; take fewer shots and more repeats"
            )
        if circuit.shots < limits.fewest_shots:
            raise DoesNotFitJob(
                f"{circuit.shots:,} shots in one circuit, but the device takes no fewer than "
                f"{limits.fewest_shots:,}; take more shots and fewer repeats"
            )
        full = len(group) == limits.circuits_per_job
        if group and (full or shots + circuit.shots > limits.shots_per_job):
            yield group
            group, shots = [], 0
        group.append(circuit)
        shots += circuit.shots
    if group:
        yield group

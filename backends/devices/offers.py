"""What a device says that it can run, beside its calibration: by configuration or by target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backends.devices.stated import Operation, number

if TYPE_CHECKING:
    from qiskit.transpiler import Target


@dataclass(frozen=True)
class Offers:
    """What a device can run, as far as it says so.

    Attributes:
        operations: names of its instructions; None where it does not say.
        acts_on: instruction → qubits, in order, on which it exists; without those of which the
            device does not say.
        joined: ordered pairs of qubits that are coupled; None where it does not say.
        has_clock: whether the length of a clock tick is known, without which a delay has none.
    """

    operations: frozenset[str] | None = None
    acts_on: Mapping[str, frozenset[tuple[int, ...]]] = field(default_factory=dict)
    joined: frozenset[tuple[int, ...]] | None = None
    has_clock: bool = True

    @property
    def dynamic_circuits(self) -> bool:
        """Whether gates may depend on outcomes; assumed where the device does not say."""
        return self.operations is None or "if_else" in self.operations

    @property
    def lacks(self) -> tuple[Operation, ...]:
        """Operations that it is known not to have."""
        named: tuple[Operation, ...] = ("delay", "reset")
        missing = {name for name in named if name not in (self.operations or named)}
        if not self.has_clock:
            missing.add("delay")
        return tuple(name for name in named if name in missing)

    def why_not(self, name: str, qubits: tuple[int, ...]) -> str:
        """Why an instruction does not exist on these qubits; empty if it does."""
        if name in self.acts_on and qubits not in self.acts_on[name]:
            return f"'{name}' is not offered"
        if len(qubits) == 2 and self.joined is not None and qubits not in self.joined:
            return "not in the coupling map"
        return ""


def offers_of_configuration(document: Mapping[str, Any]) -> Offers:
    """What the configuration document of an IBM backend says."""
    instructions = document.get("supported_instructions")
    return Offers(
        operations=frozenset(map(str, instructions)) if isinstance(instructions, list) else None,
        joined=pairs_of(document.get("coupling_map")),
        has_clock=(number(document.get("dt")) or 0.0) > 0,
    )


def offers_of_target(target: Target) -> Offers:
    """What a target of Qiskit says."""
    tables = {name: target.qargs_for_operation_name(name) for name in target.operation_names}
    return Offers(
        operations=frozenset(target.operation_names),
        acts_on={name: frozenset(map(tuple, on)) for name, on in tables.items() if on is not None},
        has_clock=bool(target.dt),
    )


def pairs_of(pairs: object) -> frozenset[tuple[int, ...]] | None:
    """The ordered pairs of a coupling map; None where it is none."""
    if not isinstance(pairs, list) or not all(isinstance(pair, list) for pair in pairs):
        return None
    try:
        return frozenset(tuple(pair) for pair in pairs) or None
    except TypeError:
        return None

"""What defines the counts of a circuit, as a hash, and the names of circuits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.point import Point
from runner.config.run_config import RunConfig
from runner.identity import identity
from runner.kinds.contract.strict import Section


def _described(section: Section, first_keys: Sequence[str]) -> dict[str, Any]:
    """A section as it goes into identities: a key that came later counts if it is set.

    So a new parameter leaves the identities of old runs as they were.
    """
    defaults = type(section)().model_dump()
    return {
        key: value
        for key, value in section.model_dump().items()
        if key in first_keys or value != defaults[key]
    }


def program_stem(point: Point, label: str) -> str:
    """Names the circuit of one setting of a point, e.g. ``n05-clone1-unitary-parity-ZZ``."""
    return f"{point.label}-{label}"


def circuit_name(stem: str, repeat: int) -> str:
    """Names one circuit of a run and its counts."""
    return f"{stem}-r{repeat}"


def circuit_identity(
    config: RunConfig, point: Point, label: str, repeat: int, fingerprint: str | None
) -> str:
    """What defines the counts of one circuit within a run, as a hash."""
    decryption = config.experiment.decryption
    read = decryption.checks if decryption else "none"
    return identity(
        {
            **point.parameters,
            # Unused qubits that are read make another circuit; what is kept of it does not.
            **({} if read == "none" else {"checks": read}),
            "setting": label,
            "provider": config.backend.provider,
            "device": fingerprint,
            "backend_options": config.backend.outcome_options,
            "compile": _described(config.compile, ("strategy", "seeds")),
            "suppression": config.suppression.model_dump(),
            "shots": config.shots,
            "seed": config.seed,
            "repeat": repeat,
        }
    )

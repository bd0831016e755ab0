"""What a run asks of its provider."""

from __future__ import annotations

from backends.providers.record import RunRequest
from backends.providers.suppression import Suppression
from runner.config.run_config import RunConfig


def run_request(config: RunConfig) -> RunRequest:
    """What a run asks of its provider; its qubits are not counted."""
    return RunRequest(
        device=config.backend.device,
        options=config.backend.options,
        suppression=Suppression(
            config.suppression.dynamical_decoupling, config.suppression.twirling_options
        ),
        shots=config.shots,
        decoupling=config.compile.decoupling,
        conditional_gates=config.experiment.conditional_gates,
        budget_usd=config.budget.usd,
    )

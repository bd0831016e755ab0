"""Options of provider ``braket-local``; reading them imports nothing of the Braket SDK."""

from __future__ import annotations

from typing import Literal

from backends.providers.record import Options

LocalSimulator = Literal["auto", "braket_sv", "braket_dm", "emulator"]


class BraketLocalOptions(Options):
    """Which simulator of the Braket SDK runs.

    Attributes:
        simulator: ``braket_sv`` without noise; ``braket_dm`` with the noise of the snapshot;
            ``emulator``, the SDK's own emulation of a device, made from its capabilities;
            ``auto`` is ``braket_sv`` for the ideal device and ``braket_dm`` for any other.
    """

    simulator: LocalSimulator = "auto"

"""What is kept of the decoder of a circuit: its detectors, and what is known of its errors.

It is made when the run is planned, from the calibration that is planned with, before any shot is
read; what the shots become is computed with it whenever that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from backends.compiling.checked.readout import decoder_of
from backends.compiling.compile import CompiledPoint, CompiledSetting
from backends.simulation.decoding.error_model import ErrorModel
from experiments.point import Point
from experiments.settings import Check, Setting
from runner.config.run_config import RunConfig

_DETECTORS, _ERROR_MODEL = "detectors", "error_model"


def decoding_document(compiled: CompiledSetting) -> dict[str, Any]:
    """Detectors and error model, ready for JSON; empty if unused qubits are not read."""
    if compiled.error_model is None:
        return {}
    return {
        _DETECTORS: [asdict(detector) for detector in compiled.setting.detectors],
        _ERROR_MODEL: compiled.error_model.to_json(),
    }


def with_decoding(compiled: CompiledSetting, document: Mapping[str, Any]) -> CompiledSetting:
    """A compiled setting with what :func:`decoding_document` said of it."""
    if _ERROR_MODEL not in document:
        return compiled
    detectors = tuple(Check(tuple(d["bits"]), d["parity"]) for d in document[_DETECTORS])
    setting = compiled.setting
    return replace(
        compiled,
        setting=Setting(setting.label, setting.circuit, setting.checks, detectors),
        error_model=ErrorModel.from_json(document[_ERROR_MODEL]),
    )


def with_decoder(compiled: CompiledPoint, point: Point, config: RunConfig) -> CompiledPoint:
    """A compiled point with the decoder of its settings, if their unused qubits are read."""
    decryption = config.experiment.decryption
    if decryption is None:
        return compiled
    decoder = decoder_of(compiled.settings, point.linear_estimator, decryption.keep)
    return replace(compiled, decoder=decoder)

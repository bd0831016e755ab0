"""The contract for experiments of other packages.

A kind of experiment is a :class:`Point`, an :class:`ExperimentSection` and one record, an
:class:`ExperimentKind`. The record becomes known by an entry point::

    [project.entry-points."enclone.experiments"]
    my-kind = "my_package.experiment:KIND"

Everything that such a package may import stands here.
"""

from experiments.gates import DecryptGate, EncryptGate, clones_of, sizes_and_clones
from experiments.inputs import PureState
from experiments.point import CloningPoint, Point
from experiments.protocol import Cloning, Strategy, build_encryption, clone_qubit, register
from experiments.published import Published
from experiments.readout import DecryptedClone, Estimator, build_fidelity_settings, decrypt_clone
from experiments.settings import Check, Setting
from experiments.statistics.estimators import (
    BELL_MEASUREMENT,
    THREE_STABILIZERS,
    LinearEstimator,
)
from runner.kinds.contract.decryption import DecryptConfig
from runner.kinds.contract.drawing import (
    AGAINST_N,
    Axis,
    Curve,
    Level,
    OwnFigure,
    against_n,
    fidelity_levels,
)
from runner.kinds.contract.kind import FIDELITY_MARKS, ExperimentKind, Wording
from runner.kinds.contract.section import (
    ExperimentSection,
    Sizes,
    signal_problems,
    signal_sizes,
)
from runner.kinds.contract.strict import KeyPath, Problems, Section, Swept, value_problems
from runner.results.fields import ResultField, Shown
from runner.results.rows import ResultRow

__all__ = [
    "AGAINST_N",
    "BELL_MEASUREMENT",
    "FIDELITY_MARKS",
    "THREE_STABILIZERS",
    "Axis",
    "Check",
    "Cloning",
    "CloningPoint",
    "Curve",
    "DecryptConfig",
    "DecryptGate",
    "DecryptedClone",
    "EncryptGate",
    "Estimator",
    "ExperimentKind",
    "ExperimentSection",
    "KeyPath",
    "Level",
    "LinearEstimator",
    "OwnFigure",
    "Point",
    "Problems",
    "Published",
    "PureState",
    "ResultField",
    "ResultRow",
    "Section",
    "Setting",
    "Shown",
    "Sizes",
    "Strategy",
    "Swept",
    "Wording",
    "against_n",
    "build_encryption",
    "build_fidelity_settings",
    "clone_qubit",
    "clones_of",
    "decrypt_clone",
    "fidelity_levels",
    "register",
    "signal_problems",
    "signal_sizes",
    "sizes_and_clones",
    "value_problems",
]

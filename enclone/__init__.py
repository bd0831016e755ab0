"""Encrypted cloning of qubits: what notebooks and other programs import.

>>> import enclone
>>> point = enclone.EntanglementPoint(enclone.Cloning(n=2), "parity")
>>> compiled = enclone.compile_point(point, "ideal")
>>> enclone.sample(compiled, shots=1000, seed=7).value
1.0

Everything is imported when it is first used, so that ``import enclone`` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backends.compiling.pass_manager import protocol_pass_manager
    from backends.devices.catalog import load_device
    from enclone.runs import Plan, Run, plan, read_run, run, submit
    from enclone.sampling import Compiled, compile_point, sample
    from experiments.gates import DecryptGate, EncryptGate
    from experiments.kinds.chsh import ChshPoint
    from experiments.kinds.correlators import CorrelatorsPoint
    from experiments.kinds.entanglement import EntanglementPoint
    from experiments.kinds.ghz import GhzPoint
    from experiments.kinds.iterated import IteratedPoint
    from experiments.kinds.leakage import Coalition, LeakagePoint
    from experiments.kinds.storage import StoragePoint
    from experiments.protocol import Cloning

__all__ = [
    "ChshPoint",
    "Cloning",
    "Coalition",
    "Compiled",
    "CorrelatorsPoint",
    "DecryptGate",
    "EncryptGate",
    "EntanglementPoint",
    "GhzPoint",
    "IteratedPoint",
    "LeakagePoint",
    "Plan",
    "Run",
    "StoragePoint",
    "compile_point",
    "load_device",
    "plan",
    "protocol_pass_manager",
    "read_run",
    "run",
    "sample",
    "submit",
]

_MODULES = {
    "backends.compiling.pass_manager": ("protocol_pass_manager",),
    "backends.devices.catalog": ("load_device",),
    "enclone.runs": ("Plan", "Run", "plan", "read_run", "run", "submit"),
    "enclone.sampling": ("Compiled", "compile_point", "sample"),
    "experiments.gates": ("DecryptGate", "EncryptGate"),
    "experiments.kinds.chsh": ("ChshPoint",),
    "experiments.kinds.correlators": ("CorrelatorsPoint",),
    "experiments.kinds.entanglement": ("EntanglementPoint",),
    "experiments.kinds.ghz": ("GhzPoint",),
    "experiments.kinds.iterated": ("IteratedPoint",),
    "experiments.kinds.leakage": ("Coalition", "LeakagePoint"),
    "experiments.kinds.storage": ("StoragePoint",),
    "experiments.protocol": ("Cloning",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'enclone' has no attribute '{name}'")
    from enclone.own_packages import require_own_packages

    require_own_packages()
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

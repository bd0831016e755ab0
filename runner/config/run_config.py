"""The configuration of a run: strict models with their defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from backends.simulation.pulse_trains import Decoupling
from runner.config.any_kind import AnyKind
from runner.config.backend import AnyBackend, default_backend
from runner.config.suppression import SuppressionConfig
from runner.errors import RunFolderError
from runner.kinds.contract.strict import Section


class CompileConfig(Section):
    """How circuits are compiled; ``seeds`` transpiler seeds are tried.

    ``layouts`` says which of them run: the ``best`` predicted one, or ``each`` as a point of its
    own, which shows how much the layout matters.

    With ``protocol`` the compiler that knows the protocol searches too, for as many moves as
    ``seconds`` stand for, or for ``moves``; the better prediction runs. ``decoupling`` puts pulse
    trains into waits where they pay.
    """

    strategy: Literal["stock", "protocol"] = "stock"
    seeds: Annotated[int, Field(ge=1, le=1000)] = 4
    layouts: Literal["best", "each"] = "best"
    seconds: Annotated[float, Field(gt=0, le=36_000, allow_inf_nan=False)] = 20.0
    moves: Annotated[int, Field(ge=1, le=10**10)] | None = None
    decoupling: Decoupling = "none"


class BudgetConfig(Section):
    """What a run may cost at most; None sets no limit."""

    qpu_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class RunConfig(Section):
    """A whole run, defaults filled in."""

    # Kinds of experiment and providers of other packages may import this module.
    model_config = ConfigDict(defer_build=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "run"
    experiment: AnyKind
    backend: AnyBackend = Field(default_factory=default_backend)
    compile: CompileConfig = CompileConfig()
    suppression: SuppressionConfig = SuppressionConfig()
    shots: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    repeats: Annotated[int, Field(ge=1, le=10_000)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    budget: BudgetConfig = BudgetConfig()


def run_config(resolved: Mapping[str, Any]) -> RunConfig:
    """The configuration that ``model_dump(mode="json")`` gave.

    Raises:
        RunFolderError: if it is none, or one of another version.
    """
    try:
        # As JSON: whole numbers that name circuits are text there.
        return RunConfig.model_validate_json(json.dumps(resolved))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RunFolderError(
            f"the configuration kept with the run cannot be read: {place}: {first['msg']}; it was "
            "written by another version of enclone, or with a package that is not installed here"
        ) from error

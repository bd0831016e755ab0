"""The ``experiment`` section, whatever its kind: the models of the registry as one union."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Union

from pydantic import Field, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema

from runner.kinds.contract.section import ExperimentSection
from runner.kinds.registry import kinds


class _OfRegistry:
    """Chooses the model by ``kind``, among those that are registered when it is first needed."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return handler.generate_schema(_union())


def _union() -> Any:
    models = tuple(kind.section for kind in kinds().values())
    return Annotated[Union[models], Field(discriminator="kind")]  # noqa: UP007 - as many as there are


AnyKind = Annotated[ExperimentSection, _OfRegistry]


@cache
def _adapter() -> TypeAdapter[ExperimentSection]:
    return TypeAdapter(_union())


def read_experiment(data: object) -> ExperimentSection | None:
    """The section by itself, so that its values are looked at though others are wrong.

    Args:
        data: of the section, as YAML gives it.

    Returns:
        The section, or None if it has errors.
    """
    try:
        return _adapter().validate_python(data)
    except ValidationError:
        return None

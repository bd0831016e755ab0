"""The ``backend`` section: a provider, its device, and the options of every provider there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    GetCoreSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    create_model,
    model_serializer,
)
from pydantic_core import CoreSchema

from backends.providers.record import Provider, options_document
from backends.providers.registry import DEFAULT, built_in, provider_of, providers
from runner.kinds.contract.strict import Section


class BackendConfig(Section):
    """Where it runs; sections named like a provider belong to it.

    :func:`backend_model` adds the sections.
    """

    provider: str = DEFAULT
    device: str = "fake_kingston"

    @model_serializer(mode="wrap")
    def _without_unused_plugins(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A run says nothing of packages and shared sections that it does not use."""
        document: dict[str, Any] = handler(self)
        own = (record.section for record in built_in().values() if not record.shared_section)
        kept = {"provider", "device", *own}
        return {k: v for k, v in document.items() if k in kept or v is not None}

    @property
    def record(self) -> Provider:
        """The record of the provider."""
        return provider_of(self.provider)

    def given(self, record: Provider) -> Any | None:
        """The section of a provider; None where it is left out, or the provider has none."""
        return getattr(self, record.section, None)

    @property
    def options(self) -> Any:
        """The options of the provider, defaults filled in; None where it has none."""
        given = self.given(self.record)
        return self.record.default_options() if given is None else given

    @property
    def outcome_options(self) -> dict[str, Any] | None:
        """Options that change what shots are drawn from; None where all are at their default."""
        given, default = (
            options_document(options) for options in (self.options, self.record.default_options())
        )
        names = self.record.outcome_options
        return {k: given[k] for k in names if given[k] != default[k]} or None

    def pinned(self, device: str, pins: Mapping[str, Any]) -> Self:
        """The same section with a device and options that were chosen for it.

        Args:
            device: its name.
            pins: option → value.
        """
        options = self.options
        if isinstance(options, BaseModel):
            options = options.model_copy(update=dict(pins))
        else:
            options = replace(options, **pins)
        return self.model_copy(update={"device": device, self.record.section: options})


@cache
def backend_model() -> type[BackendConfig]:
    """The section with one optional section for each provider that has options."""
    fields: dict[str, Any] = {"provider": (Literal[tuple(providers())], DEFAULT)}
    for record in providers().values():
        if record.options is not None:
            fields[record.section] = (record.options | None, None)
    model: Callable[..., type[BackendConfig]] = create_model
    return model("BackendConfig", __base__=BackendConfig, **fields)


def default_backend() -> BackendConfig:
    """The section of a configuration that has none."""
    return backend_model()()


class _OfRegistry:
    """Takes the sections of the providers that are registered when it is first needed."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return handler.generate_schema(backend_model())


AnyBackend = Annotated[BackendConfig, _OfRegistry]


def read_backend(data: object) -> BackendConfig | None:
    """The section by itself, so that its values are looked at though others are wrong.

    Args:
        data: of the section, as YAML gives it.

    Returns:
        The section, or None if it has errors.
    """
    try:
        return backend_model().model_validate(data)
    except ValidationError:
        return None

"""Records of providers: what they must say, and what looking at them must not import."""

import subprocess
import sys

import pytest
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from backends.providers.record import Options, Provider, options_document
from backends.providers.registry import (
    DEFAULT,
    UnknownProvider,
    built_in,
    open_adapter,
    provider_of,
    providers,
)


class Sound(Options):
    """Options as they should be."""

    instance: str = "mine"


class Lax(Sound):
    """Options that ignore what they do not know."""

    model_config = ConfigDict(extra="ignore")


@checked_dataclass(frozen=True)
class LaxDataclass:
    """The same as a dataclass."""

    instance: str = "mine"


def record(name="my-provider", **changes):
    return Provider(name, "a provider", lambda *_: None, **changes)


@pytest.mark.parametrize("name", ["", "My-provider", "my provider", "my_provider", "-a", "a-"])
def test_names_are_lower_case_words(name):
    with pytest.raises(ValueError, match="lower-case words joined by '-'"):
        record(name)


@pytest.mark.parametrize("name", ["device", "provider", "options", "model-dump", "json"])
def test_names_are_not_those_of_other_keys(name):
    with pytest.raises(ValueError, match="none of"):
        record(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": Sound}, "say in 'purpose' what they do"),
        ({"options": Lax, "purpose": "says"}, "must forbid unknown keys"),
        ({"options": LaxDataclass, "purpose": "says"}, "must forbid unknown keys"),
        ({"options": dict, "purpose": "says"}, "must be a subclass of Options"),
        ({"options": Sound, "purpose": "says", "pins": ("place",)}, r"has no options \['place'\]"),
        ({"pins": ("instance",)}, "pins options, but has none"),
    ],
)
def test_options_are_strict_and_described(changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        record(**changes)


def test_a_section_is_named_like_its_provider():
    found = record("my-own-provider", options=Sound, purpose="says", pins=("instance",))
    assert found.section == "my_own_provider"
    assert found.default_options() == Sound()
    assert options_document(found.default_options()) == {"instance": "mine"}
    assert record().default_options() is None
    assert options_document(None) == {}


@pytest.mark.parametrize("found", built_in().values(), ids=lambda found: found.name)
def test_every_provider_is_found_by_its_name(found):
    assert provider_of(found.name) is providers()[found.name] is found
    assert "\n" not in found.description
    assert found.options is None or found.default_options() == found.options()


def test_the_default_is_there_and_others_are_not():
    assert DEFAULT in providers()
    with pytest.raises(UnknownProvider, match=r"'nowhere' is not known here, but only stim, aer"):
        open_adapter("nowhere", "ideal")


def test_looking_at_records_imports_no_client_of_a_provider():
    code = (
        "import sys; from backends.providers.registry import providers; providers(); "
        "print([m for m in ('qiskit', 'qiskit_aer', 'qiskit_ibm_runtime', 'boto3', 'braket', "
        "'stim') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

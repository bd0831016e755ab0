"""What the store keeps as text, and damage of what is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runner.store.database import StoreError

_DAMAGED = (
    "the store is damaged: restore a copy, or start a new store and take the provider's jobs over "
    "with 'enclone adopt'"
)


class Document(dict[str, Any]):
    """A JSON object of the store; a key that it lacks is a damage."""

    def __missing__(self, key: str) -> Any:
        raise StoreError(f"a document in the store lacks '{key}'; {_DAMAGED}")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise :class:`StoreError` where what is read is not what was written."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        # A reader of damaged bytes may raise anything.
        raise StoreError(f"{what} in the store cannot be read; {_DAMAGED}") from error


def read_document(text: str) -> Document:
    """Read a JSON object.

    Raises:
        StoreError: if it is none.
    """
    with reading("a document"):
        return Document(json.loads(text))

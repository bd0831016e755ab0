"""Identities of circuits: hashes of all that defines their counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def identity(description: Mapping[str, object]) -> str:
    """SHA-256 of a description as canonical JSON, in hexadecimal.

    Keys are sorted, and keys with the value None are left out: a parameter that is added later,
    with None as its default, changes no old identity.

    >>> identity({"n": 2, "clone": 1})[:16]
    '64f61e3e53b5f06e'
    >>> identity({"clone": 1, "level": None, "n": 2})[:16]
    '64f61e3e53b5f06e'
    """
    content = {key: value for key, value in description.items() if value is not None}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def derived_seed(seed: int, circuit_identity: str) -> int:
    """The seed of a circuit, below 2^63, from the run's seed and the circuit's identity.

    >>> derived_seed(7, "abc") == derived_seed(7, "abc") != derived_seed(8, "abc")
    True
    """
    digest = hashlib.sha256(f"{seed}:{circuit_identity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

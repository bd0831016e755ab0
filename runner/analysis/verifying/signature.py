"""Signatures of ``SHA256SUMS`` in the format of minisign (https://jedisct1.github.io/minisign/)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from runner.errors import UserError
from runner.run_folder.checksums import CHECKSUMS

SIGNATURE = f"{CHECKSUMS}.minisig"
_ID = slice(2, 10)
_KEY_BYTES, _SIGNATURE_BYTES = 42, 74


class UnusableKey(UserError):
    """A public key that cannot be read, or nothing to check it with."""


@dataclass(frozen=True)
class PublicKey:
    """A public key of minisign.

    Attributes:
        id: eight bytes that name it.
        key: its 32 bytes of Ed25519.
    """

    id: bytes
    key: bytes

    @classmethod
    def read(cls, given: str) -> PublicKey:
        """From its text, or from the file that ``minisign -G`` writes.

        Raises:
            UnusableKey: if it is no such key.
        """
        text = given
        try:
            if Path(given).is_file():
                text = Path(given).read_text(encoding="utf-8")
            content = base64.b64decode(text.strip().splitlines()[-1], validate=True)
        except (OSError, ValueError, IndexError):
            content = b""
        if len(content) != _KEY_BYTES or content[:2] != b"Ed":
            raise UnusableKey(
                f"'{given}' is no public key of minisign; give the file minisign.pub that "
                "'minisign -G' wrote, or its last line"
            )
        return cls(content[_ID], content[_ID.stop :])


def signature_problem(folder: Path, key: PublicKey) -> str | None:
    """Why a run folder is not signed with a key; None if it is.

    Raises:
        UnusableKey: if this installation cannot check signatures.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise UnusableKey(
            "signatures are checked with the package 'cryptography', which is not installed; "
            f"install it, or call 'minisign -Vm {CHECKSUMS} -p KEY' in the run folder"
        ) from None
    try:
        _, line, comment, line_of_comment = (
            (folder / SIGNATURE).read_text(encoding="utf-8").splitlines()
        )
        signed = base64.b64decode(line, validate=True)
        of_comment = base64.b64decode(line_of_comment, validate=True)
        content = (folder / CHECKSUMS).read_bytes()
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError) as error:
        return f"cannot be read: {error}"
    if len(signed) != _SIGNATURE_BYTES or signed[:2] not in (b"Ed", b"ED"):
        return "is no signature of minisign"
    if signed[_ID] != key.id:
        return f"was made with another key ({signed[_ID][::-1].hex().upper()})"
    if signed[:2] == b"ED":
        content = hashlib.blake2b(content).digest()
    public = Ed25519PublicKey.from_public_bytes(key.key)
    signature = signed[_ID.stop :]
    try:
        public.verify(signature, content)
        public.verify(of_comment, signature + comment.removeprefix("trusted comment: ").encode())
    except InvalidSignature:
        return f"does not fit {CHECKSUMS}"
    return None

"""``SHA256SUMS``: hashes of what a run folder was made from, as ``sha256sum --check`` reads them.

Results, figures and report are not among them: they follow from the others, and are recomputed.
The hash of the list itself stands in ``provenance.json``.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

CHECKSUMS = "SHA256SUMS"
_FILES = ("config.yaml", "resolved.json", "device.json")
_FOLDERS = ("circuits", "counts")
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def write_checksums(folder: Path) -> str:
    """Write the list of a run folder.

    Returns:
        Its own hash, in hexadecimal.

    Raises:
        OSError: if a file cannot be read or the list cannot be written.
    """
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in hashed_files(folder)]
    content = "".join(lines).encode()
    (folder / CHECKSUMS).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def hashed_files(folder: Path) -> list[str]:
    """The files that belong into the list, as paths within the folder, in its order."""
    found = [folder / name for name in _FILES]
    for place in _FOLDERS:
        found += (folder / place).rglob("*")
    return sorted(
        p.relative_to(folder).as_posix() for p in found if p.is_file() and p.name[0] != "."
    )


def read_checksums(folder: Path) -> dict[str, str]:
    """Path within the folder → hash, as the list says.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no such list.
    """
    found = {}
    for number, line in enumerate((folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number + 1} is no hash and name")
        found[match[2]] = match[1]
    return found


def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

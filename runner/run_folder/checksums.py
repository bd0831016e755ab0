"""``SHA256SUMS``: hashes of the inputs of a run folder, in the format of ``sha256sum --check``.

Results, figures and report have no entry: they are recomputed from the inputs. ``provenance.json``
has one; in folders of the first format it holds the hash of ``SHA256SUMS`` instead.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

CHECKSUMS = "SHA256SUMS"
_FILES = ("config.yaml", "resolved.json", "device.json")
_FOLDERS = ("calibrations", "circuits", "counts")
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def write_checksums(folder: Path, *, with_provenance: bool) -> str:
    """Write ``SHA256SUMS`` of a run folder.

    Args:
        folder: the run folder.
        with_provenance: whether ``provenance.json`` has an entry.

    Returns:
        SHA-256 of that file, in hexadecimal.

    Raises:
        OSError: if a file cannot be read or the list cannot be written.
    """
    names = hashed_files(folder, with_provenance=with_provenance)
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in names]
    content = "".join(lines).encode()
    (folder / CHECKSUMS).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def hashed_files(folder: Path, *, with_provenance: bool) -> list[str]:
    """Files with an entry in ``SHA256SUMS``, as paths within the folder, sorted."""
    found = [folder / name for name in _FILES]
    if with_provenance:
        found.append(folder / "provenance.json")
    for subfolder in _FOLDERS:
        found += (folder / subfolder).rglob("*")
    return sorted(
        p.relative_to(folder).as_posix() for p in found if p.is_file() and p.name[0] != "."
    )


def read_checksums(folder: Path) -> dict[str, str]:
    """Read ``SHA256SUMS``: path within the folder → hash, in hexadecimal.

    Raises:
        OSError: if it cannot be read.
        ValueError: if a line is not a hash and a name.
    """
    found = {}
    for number, line in enumerate((folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number + 1} is no hash and name")
        found[match[2]] = match[1]
    return found


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

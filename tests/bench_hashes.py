"""Whether two versions of the compiler make the same circuits, text by text.

    python tests/bench_compile.py --seconds 2 --out old    # with one version
    python tests/bench_compile.py --seconds 2 --out new    # with the other
    python tests/bench_hashes.py old new

With one folder the hash of every circuit in it is printed, with two whatever differs.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path


def hashes(folder: Path) -> dict[str, str]:
    """Device, point and setting of each circuit → SHA-256 of its OpenQASM 3 text."""
    return {
        str(file.relative_to(folder).with_suffix("")): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*.qasm"))
    }


def main() -> int:
    """Print hashes or differences; 1 if there are any, or nothing to compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, help="a folder made by bench_compile.py --out")
    parser.add_argument("new", type=Path, nargs="?", help="another one")
    given = parser.parse_args()
    first = hashes(given.old)
    if given.new is None:
        sys.stdout.writelines(f"{value}  {name}\n" for name, value in first.items())
        return int(not first)
    second = hashes(given.new)
    common = first.keys() & second.keys()
    different = sorted(name for name in common if first[name] != second[name])
    sys.stdout.writelines(f"differs: {name}\n" for name in different)
    for folder, found in ((given.old, first), (given.new, second)):
        sys.stdout.writelines(
            f"only in {folder}: {name}\n" for name in sorted(found.keys() - common)
        )
    sys.stdout.write(f"{len(common) - len(different)} of {len(common)} circuits are equal\n")
    return int(first != second or not common)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m enclone`` is the command ``enclone``."""

from __future__ import annotations

import sys

from enclone.own_packages import ShadowedPackage, require_own_packages

_EXIT_USAGE = 2


def main() -> None:
    """The command ``enclone``, unless other packages are in the way of its own."""
    try:
        require_own_packages()
    except ShadowedPackage as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(_EXIT_USAGE)
    from runner.cli.commands import main as command

    command(prog_name="enclone")


if __name__ == "__main__":
    main()

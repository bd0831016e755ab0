"""``python -m runner`` is the command ``enclone``."""

from runner.cli.commands import main

if __name__ == "__main__":
    main(prog_name="enclone")

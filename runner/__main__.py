"""``python -m runner`` is the command ``enclone``."""

from runner.cli import main

if __name__ == "__main__":
    main(prog_name="enclone")

"""``python -m runner`` is the command ``enclone``, as ``python -m enclone`` is."""

import runpy

if __name__ == "__main__":
    runpy.run_module("enclone", run_name="__main__")

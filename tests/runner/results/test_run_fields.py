"""Fields of a result row declare themselves, and everything else follows from that."""

import subprocess
import sys

from runs import environment

MEANINGS = """\
from runner.results.rows import FIELDS
print(*(field.meaning for field in FIELDS), sep="\\n")
"""


def test_columns_have_meanings_where_python_drops_docstrings() -> None:
    printed = [
        subprocess.run(
            [sys.executable, *options, "-c", MEANINGS],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for options in ([], ["-OO"])
    ]
    assert printed[0] == printed[1]
    assert all(printed[1].splitlines())

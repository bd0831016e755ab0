"""``report.html``: one file, no request to any other host."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

from runner.columns import report_columns
from runner.errors import RunFolderError, printable
from runner.figure import write_figures
from runner.folder import read_json, read_rows
from runner.kinds import WORDINGS
from runner.rows import ResultRow
from runner.tables import footnotes


def report_title(resolved: dict[str, Any]) -> str:
    """Name, provider and device of a run, as one line."""
    backend = resolved["backend"]
    return f"{resolved['name']}: {backend['provider']}, {backend['device']}"


def draw_and_report(folder: Path) -> list[ResultRow]:
    """Write figures and ``report.html`` from the other files of a run folder.

    Returns:
        The rows of the run.

    Raises:
        RunFolderError: if the run has no results, is damaged, or cannot be written to.
    """
    rows = read_rows(folder)
    resolved = read_json(folder, "resolved.json")
    try:
        write_figures(folder, rows, report_title(resolved))
        html = _rendered(folder, rows, resolved)
        (folder / "report.html").write_text(html, encoding="utf-8", newline="\n")
    except OSError as error:
        raise RunFolderError(
            f"the report of run '{folder.name}' cannot be written: {error.strerror}: "
            f"'{Path(error.filename or folder).name}'"
        ) from error
    except (KeyError, TypeError, ValueError, UndefinedError) as error:
        raise RunFolderError(
            f"run '{folder.name}' is damaged: {type(error).__name__}: {printable(str(error))}; "
            "run its config.yaml again"
        ) from error
    return rows


def _rendered(folder: Path, rows: Sequence[ResultRow], resolved: dict[str, Any]) -> str:
    provenance = read_json(folder, "provenance.json")
    environment = Environment(
        loader=PackageLoader("runner"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html").render(
        title=report_title(resolved),
        run=folder.resolve().name,
        rows=rows,
        notes=[line for line in footnotes(rows).splitlines() if line],
        figures=_figures(folder),
        provenance=provenance,
        device=provenance["device"],
        configuration=(folder / "config.yaml").read_text(encoding="utf-8"),
        columns=report_columns(rows),
        figure_text=WORDINGS[rows[0].experiment].value_name,
    )


def _figures(folder: Path) -> Sequence[str]:
    return [
        "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()
        for path in sorted((folder / "figures").glob("*.svg"))
    ]

"""``report.html``: one file, no request to any other host."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from runner.folder import read_json, read_rows
from runner.rows import ResultRow
from runner.tables import footnotes


def report_title(resolved: dict[str, Any]) -> str:
    """Name, provider and device of a run, as one line."""
    backend = resolved["backend"]
    return f"{resolved['name']}: {backend['provider']}, {backend['device']}"


def write_report(folder: Path) -> Path:
    """Write ``report.html`` from the other files of a run folder.

    Raises:
        RunFolderError: if the run has no results.
    """
    rows = read_rows(folder)
    resolved = read_json(folder, "resolved.json")
    provenance = read_json(folder, "provenance.json")
    environment = Environment(
        loader=PackageLoader("runner"), autoescape=True, undefined=StrictUndefined
    )
    html = environment.get_template("report.html").render(
        title=report_title(resolved),
        run=folder.resolve().name,
        rows=rows,
        notes=[line for line in footnotes(rows).splitlines() if line],
        figures=_figures(folder),
        provenance=provenance,
        device=provenance["device"],
        configuration=(folder / "config.yaml").read_text(encoding="utf-8"),
        cell=_cell,
        clone=lambda row: "A" if row.clone == 0 else f"S{row.clone}",
    )
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8", newline="\n")
    return path


def _figures(folder: Path) -> Sequence[str]:
    return [
        "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()
        for path in sorted((folder / "figures").glob("*.svg"))
    ]


def _cell(row: ResultRow, field: str, digits: int = 4) -> str:
    value = getattr(row, field)
    return "–" if value is None else f"{value:.{digits}f}"

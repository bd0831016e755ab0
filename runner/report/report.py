"""``report.html``: one file, no request to any other host."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

from runner.config.sweep import Choice
from runner.errors import RunFolderError, printable
from runner.kinds.registry import kind_of
from runner.planning.past import interval_remarks
from runner.report.columns import report_columns
from runner.report.figure import figure_files
from runner.report.tables import footnotes
from runner.results.rows import ResultRow
from runner.run_folder.archive import past_dates
from runner.run_folder.files import read_json, read_rows

REPORT = "report.html"


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
    try:
        for name, content in presentation(folder, rows).items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
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


def presentation(folder: Path, rows: Sequence[ResultRow]) -> dict[str, bytes]:
    """Figures and ``report.html`` of a run, nothing of which is written yet.

    Args:
        folder: the run folder, with everything but these files.
        rows: the results to be shown.

    Returns:
        Path within the run folder → content; the report comes last.

    Raises:
        RunFolderError: if one of the JSON files cannot be read.
        OSError: if another file cannot be read.
        KeyError, TypeError, ValueError, UndefinedError: if what they hold is damaged.
    """
    resolved = read_json(folder, "resolved.json")
    figures = figure_files(folder, rows, report_title(resolved))
    pictures = [content for name, content in figures.items() if name.endswith(".svg")]
    html = _rendered(folder, rows, resolved, pictures)
    return {**figures, REPORT: html.encode()}


def spanned_calibrations(folder: Path) -> list[str]:
    """Which past calibrations the intervals of a run's predictions span; empty if none.

    Raises:
        RunFolderError: if the provenance of the run cannot be read.
    """
    return _spanned(folder, read_json(folder, "provenance.json"))


def _spanned(folder: Path, provenance: Mapping[str, Any]) -> list[str]:
    dates = past_dates(folder, provenance)
    if not dates:
        return []
    return list(interval_remarks(dates, provenance["past_calibrations"]["left_out"]))


def _rendered(
    folder: Path, rows: Sequence[ResultRow], resolved: dict[str, Any], pictures: Sequence[bytes]
) -> str:
    provenance = read_json(folder, "provenance.json")
    notes = footnotes(rows, _spanned(folder, provenance))
    environment = Environment(
        loader=PackageLoader("runner.report"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html").render(
        title=report_title(resolved),
        # Wherever the folder lies by now; older ones do not tell their name.
        run=provenance.get("run") or folder.resolve().name,
        rows=rows,
        notes=[*(line for line in notes.splitlines() if line), *_choices(resolved)],
        figures=["data:image/svg+xml;base64," + base64.b64encode(one).decode() for one in pictures],
        provenance=provenance,
        device=provenance["device"],
        configuration=(folder / "config.yaml").read_text(encoding="utf-8"),
        columns=report_columns(rows),
        figure_text=kind_of(rows[0].experiment).wording.value_name,
    )


def _choices(resolved: dict[str, Any]) -> Iterator[str]:
    """What ``auto`` chose, from what."""
    for one in resolved["experiment"].get("decrypt", {}).get("chosen") or ():
        choice = Choice(one["strategy"], one["predicted"], one["left_out"])
        yield f"{one['point']}: auto took {choice.text}"

"""What ``report.html`` says, whatever its layout: numbers, provenance, configuration, figures."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from runner.analysis.differences import ABSENT, Difference
from runner.report.report import REPORT

_EMBEDDED = "data:image/svg+xml;base64,"


@dataclass
class ReportContent:
    """The content of a report.

    Attributes:
        headers: of the table of results.
        rows: of that table, one text for each header.
        terms: the provenance, term → text.
        title: the heading.
        begun: run and time of its start.
        configuration: as given.
        figures: SVG files in it.
    """

    headers: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    terms: dict[str, str] = field(default_factory=dict)
    title: str = ""
    begun: str = ""
    configuration: str = ""
    figures: list[bytes] = field(default_factory=list)


def report_differences(
    folder: Path, stored: bytes, recomputed: bytes, figures: Sequence[str]
) -> Iterator[Difference]:
    """Differences in what two reports say; columns that only one of them has are left out.

    Args:
        folder: the run folder.
        stored: the report in it.
        recomputed: the report as this version makes it.
        figures: names of the SVG files that belong into it.
    """
    was, now = _content(stored), _content(recomputed)
    if not was.headers or len(was.rows) != len(now.rows):
        lines = f"{len(was.rows)} rows of results"
        yield Difference("results", REPORT, lines, f"{len(now.rows)} rows of results")
        return
    for name in ("title", "begun", "configuration"):
        if (text := getattr(was, name)) != (wanted := getattr(now, name)):
            yield Difference(name, REPORT, text or ABSENT, wanted or ABSENT)
    for term in was.terms.keys() & now.terms.keys():
        if was.terms[term] != now.terms[term]:
            yield Difference(term, REPORT, was.terms[term], now.terms[term])
    shared = [header for header in was.headers if header in now.headers]
    for number, (old, new) in enumerate(zip(was.rows, now.rows, strict=True), start=1):
        for header in shared:
            text, wanted = old[was.headers.index(header)], new[now.headers.index(header)]
            if text != wanted:
                yield Difference(f"row {number}: {header}", REPORT, text, wanted)
    files = [(folder / name).read_bytes() for name in figures if (folder / name).is_file()]
    if was.figures != files:
        yield Difference("figures", REPORT, "others", f"those of {', '.join(figures)}")


def _content(report: bytes) -> ReportContent:
    reader = _Reader()
    reader.feed(report.decode("utf-8", errors="replace"))
    reader.close()
    return reader.content


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.content = ReportContent()
        self._tag = ""
        self._text = ""
        self._term = ""
        self._tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tables += tag == "table"
        if tag == "tr" and self._tables == 1:
            self.content.rows.append([])
        if tag == "img":
            source = dict(attrs).get("src") or ""
            picture = source.removeprefix(_EMBEDDED)
            self.content.figures.append(
                base64.b64decode(picture) if picture != source else source.encode()
            )
        if tag in ("th", "td", "dt", "dd", "h1", "p", "pre"):
            self._tag, self._text = tag, ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        content, text = self.content, self._text.strip()
        if tag == "thead":
            content.rows.clear()
        if tag != self._tag:
            return
        self._tag = ""
        if tag == "th" and self._tables == 1:
            content.headers.append(text)
        elif tag == "td" and self._tables == 1:
            content.rows[-1].append(text)
        elif tag == "dt":
            self._term = text
        elif tag == "dd":
            content.terms[self._term] = text
        elif tag == "h1":
            content.title = text
        elif tag == "pre":
            content.configuration = text
        elif tag == "p" and not content.begun:
            content.begun = text

"""Figures, report and archived device of a run folder."""

import base64
import html
import json
import re
import shutil
import struct
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from click.testing import Result
from runs import ALL_STRATEGIES, Finished

Invoke = Callable[..., Result]


ONE = "experiment: {kind: entanglement, n: 2}\nshots: 300\n"


def test_the_png_is_a_picture_of_sensible_size(small: Finished) -> None:
    for path in (small.folder / "figures").glob("*.png"):
        content = path.read_bytes()
        width, height = struct.unpack(">II", content[16:24])
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert 800 <= width <= 4000
        assert 500 <= height <= 4000
        pixels = matplotlib.image.imread(path)
        assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 20


def test_the_svg_holds_its_words_as_text(small: Finished) -> None:
    svg = (small.folder / "figures" / "entanglement_fidelity.svg").read_text(encoding="utf-8")
    words = html.unescape(" ".join(re.findall(r"<(?:text|tspan)[^>]*>([^<]*)", svg)))
    wanted = [
        "cloning parameter n (signal qubits)",
        "entanglement fidelity",
        "entanglement witnessed above",
        "noise floor",
        "small: stim, fake_kingston",
        "feedforward, parity",
        "witness, parity",
    ]
    assert [text for text in wanted if text not in words] == []


def test_a_figure_is_accompanied_by_its_data(small: Finished) -> None:
    figures = {path.suffix for path in (small.folder / "figures").iterdir()}
    assert figures == {".png", ".svg", ".csv"}
    data = small.folder / "figures" / "entanglement_fidelity.csv"
    assert data.read_bytes() == (small.folder / "results.csv").read_bytes()


class Page(HTMLParser):
    """What a browser would fetch, run and show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.handlers: list[str] = []
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attributes if name.startswith("on")]
        fetching = ("src", "href", "srcset", "data", "action", "poster", "background", "style")
        self.fetched += [value or "" for name, value in attributes if name in fetching]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, text: str) -> None:
        self.words.append(text)
        if self.in_cell:
            self.rows[-1][-1] += text


@pytest.fixture(scope="module")
def page(small: Finished) -> Page:
    return Page((small.folder / "report.html").read_text(encoding="utf-8"))


def test_the_report_fetches_nothing(small: Finished, page: Page) -> None:
    text = (small.folder / "report.html").read_text(encoding="utf-8")
    assert len(page.fetched) == 1
    assert all(value.startswith("data:image/") for value in page.fetched)
    assert re.findall(r"url\(|@import|<link|<base|http-equiv", text) == []
    svg = base64.b64decode(page.fetched[0].partition("base64,")[2]).decode()
    assert re.findall(r'(?:href|src)="(?!#)[^"]*"', svg) == []


def test_the_report_shows_the_figure_of_the_run(small: Finished, page: Page) -> None:
    svg = (small.folder / "figures" / "entanglement_fidelity.svg").read_bytes()
    assert page.fetched == ["data:image/svg+xml;base64," + base64.b64encode(svg).decode()]


def test_the_report_shows_every_row(small: Finished, page: Page) -> None:
    header, *rows = page.rows
    assert header[:4] == ["n", "clone", "strategy", "estimator"]
    for shown, row in zip(rows, small.rows, strict=True):
        assert len(shown) == len(header)
        assert shown[:4] == [str(row["n"]), "S1", row["strategy"], row["estimator"]]
        wanted = [f"{row[key]:.4f}" for key in ("value", "std_err", "predicted")]
        wanted += [f"{row['ci_low']:.4f} … {row['ci_high']:.4f}", row["certificate"]]
        wanted += [str(row[key]) for key in ("shots", "two_qubit_layers", "two_qubit_gates")]
        if row["published"] is not None:
            wanted.append(f"{row['published']:.3f} ± {row['published_err']:.3f}")
        assert [text for text in wanted if text not in shown] == []


def test_the_report_names_run_device_and_versions(small: Finished, page: Page) -> None:
    provenance = small.read_json("provenance.json")
    words = "".join(page.words)
    for text in (
        small.folder.name,
        provenance["started_at"],
        provenance["device"]["calibrated_at"],
        provenance["device"]["sha256"],
        provenance["packages"]["qiskit"],
    ):
        assert text in words


def test_the_report_shows_a_hostile_configuration_as_text(small: Finished, page: Page) -> None:
    assert "<script>" in ALL_STRATEGIES
    assert "script" not in page.tags
    assert page.handlers == []
    assert page.tags.count("pre") == 1
    assert ALL_STRATEGIES.strip() in "".join(page.words)


def test_the_report_shows_a_hostile_device_as_text(
    invoke: Invoke, small: Finished, tmp_path: Path
) -> None:
    hostile = '<img src=x onerror="alert(1)">'
    device = {**small.read_json("device.json"), "name": hostile, "calibrated_at": hostile}
    Path("d.json").write_text(json.dumps(device), encoding="utf-8")
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    assert invoke("run", "c.yaml", "-o", "backend.device=d.json").exit_code == 0
    (report,) = tmp_path.glob("runs/*/report.html")
    text = report.read_text(encoding="utf-8")
    assert hostile not in text
    assert html.escape(hostile) in text.replace("&#34;", "&quot;")


def test_the_archived_device_gives_the_same_run(
    invoke: Invoke, small: Finished, tmp_path: Path
) -> None:
    shutil.copy(small.folder / "device.json", "archived.json")
    shutil.copy(small.folder / "config.yaml", "c.yaml")
    narrowed = ["-o", "experiment.n=2", "-o", "experiment.decrypt.strategy=feedforward"]
    result = invoke("run", "c.yaml", "--json", "-o", "backend.device=archived.json", *narrowed)
    assert result.exit_code == 0
    expected = [r for r in small.rows if r["n"] == 2 and r["strategy"] == "feedforward"]
    rows = json.loads(result.stdout)
    assert [{**row, "device": "fake_kingston", "jobs": None} for row in rows] == [
        {**row, "jobs": None} for row in expected
    ]
    (again,) = tmp_path.glob("runs/*/device.json")
    assert again.read_bytes() == (small.folder / "device.json").read_bytes()


def test_results_do_not_tell_where_the_device_file_lay(
    invoke: Invoke, small: Finished, tmp_path: Path
) -> None:
    shutil.copy(small.folder / "device.json", "archived.json")
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    path = tmp_path / "archived.json"
    result = invoke("run", "c.yaml", "--json", "-o", f"backend.device={path}")
    assert result.exit_code == 0
    assert str(tmp_path) not in result.stdout


@pytest.mark.parametrize("name", ["cal$_$.json", "ü ß.json", "%s{0}.json"])
def test_a_device_file_may_bear_any_name(invoke: Invoke, small: Finished, name: str) -> None:
    shutil.copy(small.folder / "device.json", name)
    Path("c.yaml").write_text(ONE, encoding="utf-8")
    assert invoke("run", "c.yaml", "-o", f"backend.device='{name}'").exit_code == 0

"""Draws ``docs/architecture.svg``: the rooms of each package, and the imports between them.

Boxes and rows are the layers of the import contract in ``pyproject.toml``, texts the first lines of
the docstrings, arrows the import graph. Arrows that follow from others are left out.
"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import grimp
import rustworkx as rx

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"

_LEFT_OUT = {"__main__"}
_COLOURS = {
    "enclone": "#8e5ea2",
    "runner": "#2f6db5",
    "backends": "#c96a1b",
    "experiments": "#2e8b57",
}
_COLUMN, _LANES, _GUTTER, _MARGIN = 350, 34, 60, 14
"""Widths of boxes, of the arrows beside them, and of what lies between frames and around them."""
_ROW, _GAP, _TOP, _HEAD = 52, 16, 56, 74
_LINE_PIXELS = 11.5
_PIXELS_OF_A_LETTER = 5.1


@dataclass(frozen=True)
class Box:
    """A room in the picture.

    Attributes:
        name: dotted name of the module.
        left: left edge, in pixels.
        top: upper edge, in pixels.
        width: width, in pixels.
    """

    name: str
    left: float
    top: float
    width: float

    @property
    def middle(self) -> float:
        """Horizontal middle, in pixels."""
        return self.left + self.width / 2

    @property
    def bottom(self) -> float:
        """Lower edge, in pixels."""
        return self.top + _ROW


def layers() -> dict[str, list[list[str]]]:
    """Package → the rooms of each of its layers, the highest layer first."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {}
    for contract in document["tool"]["importlinter"]["contracts"]:
        for package in contract.get("containers", ()):
            if "." in package:
                continue  # layers inside a room
            rows = [re.split(r"\s*[|:]\s*", layer) for layer in contract["layers"]]
            found[package] = [row for row in rows if not set(row) <= _LEFT_OUT]
    return found


def room_imports(packages: list[str]) -> dict[str, set[str]]:
    """Room → the rooms that its modules import, those for the type checker alone included."""
    graph = grimp.build_graph(*packages, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            found.setdefault(_room(module), set()).add(_room(imported))
    return {room: others - {room} for room, others in found.items()}


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def purpose(room: str) -> str:
    """The first sentence of the docstring of a package or module."""
    path = ROOT / room.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    documentation = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(documentation.split("\n\n")[0].split()).replace("``", "")


def needed_arrows(imports: dict[str, set[str]], rooms: list[str]) -> list[tuple[str, str]]:
    """Imports between the rooms of a package, without those that follow from others."""
    number = {name: k for k, name in enumerate(rooms)}
    graph = rx.PyDiGraph()
    graph.add_nodes_from(rooms)
    for name in rooms:
        for other in sorted(imports.get(name, set()) & number.keys()):
            graph.add_edge(number[name], number[other], None)
    reduced, _ = rx.transitive_reduction(graph)
    return sorted((rooms[a], rooms[b]) for a, b in reduced.edge_list())


def boxes(package: str, rows: list[list[str]], left: float) -> list[Box]:
    """The boxes of a package, a row for each layer."""
    placed = []
    for row, rooms in enumerate(rows):
        width = (_COLUMN - 10 * (len(rooms) - 1)) / len(rooms)
        for k, room in enumerate(rooms):
            top = _TOP + _HEAD + row * (_ROW + _GAP)
            placed.append(Box(f"{package}.{room}", left + k * (width + 10), top, width))
    return placed


def draw() -> str:
    """The picture as SVG."""
    rows = layers()
    packages = list(rows)
    imports = room_imports(["enclone", *packages])
    frame = _LANES + _COLUMN + 12
    lefts = {p: _MARGIN + _LANES + k * (frame + _GUTTER) for k, p in enumerate(packages)}
    width = 2 * _MARGIN + len(packages) * (frame + _GUTTER) - _GUTTER
    height = _TOP + _HEAD + max(map(len, rows.values())) * (_ROW + _GAP) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>',
        *_face(width),
    ]
    for package in packages:
        parts += _package(package, rows[package], lefts[package], imports)
    for package, lower in pairwise(packages):
        x, y = lefts[package] + _COLUMN + 14, _TOP + 32
        parts.append(_arrow(f"M{x},{y} H{lefts[lower] - _LANES - 2}", 2.5))
    parts += _legend(lefts[packages[-1]], height - 92)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _face(width: float) -> list[str]:
    left, colour = _MARGIN, _COLOURS["enclone"]
    return [
        f'<rect x="{left}" y="8" width="{width - 2 * left}" height="34" rx="6" '
        f'fill="{colour}" fill-opacity="0.14" stroke="{colour}"/>',
        f'<text x="{left + 12}" y="30" font-size="15" font-weight="bold">enclone</text>',
        f'<text x="{left + 96}" y="30" font-size="12">{escape(purpose("enclone"))}</text>',
    ]


def _legend(left: float, top: float) -> list[str]:
    """What arrows and squares mean."""
    text = "imports; what follows from other arrows is left out"
    parts = [
        _arrow(f"M{left},{top} h30", 1.2),
        f'<text x="{left + 40}" y="{top + 4}" font-size="11">{text}</text>',
    ]
    for k, package in enumerate(("backends", "experiments"), start=1):
        parts += [
            f'<rect x="{left + 18}" y="{top + 20 * k - 8}" width="8" height="8" '
            f'fill="{_COLOURS[package]}"/>',
            f'<text x="{left + 40}" y="{top + 20 * k}" font-size="11">imports {package}</text>',
        ]
    return parts


def _package(
    package: str, rows: list[list[str]], left: float, imports: dict[str, set[str]]
) -> list[str]:
    """The frame, boxes and arrows of a package."""
    placed = {box.name: box for box in boxes(package, rows, left)}
    colour = _COLOURS[package]
    height = _HEAD + len(rows) * (_ROW + _GAP)
    parts = [
        f'<rect x="{left - _LANES}" y="{_TOP}" width="{_LANES + _COLUMN + 12}" height="{height}" '
        f'rx="8" fill="{colour}" fill-opacity="0.07" stroke="{colour}"/>',
        f'<text x="{left}" y="{_TOP + 22}" font-size="15" font-weight="bold">{package}</text>',
        *_lines(purpose(package), left, _TOP + 39, _COLUMN - 40),
    ]
    arrows = [(placed[a], placed[b]) for a, b in needed_arrows(imports, list(placed))]
    parts += [_arrow(path, 1.2) for path in _paths(arrows, left)]
    for box in placed.values():
        below = sorted({name.split(".")[0] for name in imports.get(box.name, ())} - {package})
        parts += _box(box, colour, [_COLOURS[name] for name in below])
    return parts


def _box(box: Box, colour: str, below: list[str]) -> list[str]:
    """A room: name, purpose, and a square for each lower package that it imports."""
    name = box.name.split(".")[1]
    size = 11.5 if box.width > 150 else 9.5
    squares = [
        f'<rect x="{box.left + box.width - 12 - 11 * k}" y="{box.top + 4}" width="8" height="8" '
        f'fill="{fill}"/>'
        for k, fill in enumerate(below)
    ]
    return [
        f'<rect x="{box.left}" y="{box.top}" width="{box.width:.1f}" height="{_ROW}" rx="4" '
        f'fill="white" stroke="{colour}"/>',
        f'<text x="{box.left + 6:.1f}" y="{box.top + 14}" font-size="{size}" font-weight="bold">'
        f"{escape(name)}</text>",
        *_lines(purpose(box.name), box.left + 6, box.top + 26, box.width - 12),
        *squares,
    ]


def _lines(text: str, left: float, top: float, width: float) -> list[str]:
    """A text in lines that fit a width, three at most."""
    wrapped = textwrap.wrap(
        text, max(8, int(width / _PIXELS_OF_A_LETTER)), max_lines=3, placeholder=" …"
    )
    return [
        f'<text x="{left:.1f}" y="{top + k * _LINE_PIXELS:.1f}" font-size="9.5" fill="#333">'
        f"{escape(line)}</text>"
        for k, line in enumerate(wrapped)
    ]


def _paths(arrows: list[tuple[Box, Box]], left: float) -> list[str]:
    """SVG paths: straight to the same row or the next one, else by a lane left of the boxes."""
    paths = []
    lanes: list[float] = []
    for upper, lower in sorted(arrows, key=lambda pair: (pair[0].top, pair[1].top, pair[0].left)):
        if lower.top == upper.top:
            x, end = sorted([upper.left + upper.width, lower.left])
            paths.append(f"M{x:.1f},{upper.top + 8} H{end:.1f}")
        elif lower.top - upper.bottom <= _GAP:
            low = max(upper.left, lower.left)
            high = min(upper.left + upper.width, lower.left + lower.width)
            start, end = ((low + high) / 2,) * 2 if low < high else (upper.middle, lower.middle)
            paths.append(f"M{start:.1f},{upper.bottom} L{end:.1f},{lower.top}")
        else:
            lane = next((k for k, end in enumerate(lanes) if end < upper.bottom), len(lanes))
            lanes[lane : lane + 1] = [lower.top]
            paths.append(
                f"M{upper.left + 14:.1f},{upper.bottom} v5 H{left - 7 - 5 * lane} "
                f"V{lower.top - 9} H{lower.left + 26:.1f} v9"
            )
    return paths


def _arrow(path: str, width: float) -> str:
    return (
        f'<path d="{path}" fill="none" stroke="#555" stroke-width="{width}" '
        'marker-end="url(#tip)"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")

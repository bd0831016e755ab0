"""A configuration as given, a YAML 1.2 file, text or a mapping; every value knows its position."""

from __future__ import annotations

import io
import re
import stat
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, StreamMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from runner.errors import ConfigError, Problem, printable

MAXIMUM_BYTES = 1_000_000
"""Far more than any sensible configuration; keeps a wrong file from being parsed for minutes."""

MOST_VALUES = 20_000
"""Bounds what is parsed, and what aliases may unfold to."""

_LONGEST_NUMBER = 1000
_WHOLE = re.compile(r"[+-]?[0-9]+[eE]\+?(?:[0-9]|1[0-2])")
_DEEPEST = 50

_TEXT = re.compile(r"\n|:\s|^\s*\{")
"""What no path of a file has, but every configuration."""

Place = Sequence[str | int]

Given = Mapping[str, Any] | str | Path
"""A configuration: a mapping, YAML text, or the path of a YAML file."""


class Source:
    """A parsed configuration and the overrides given with it.

    Attributes:
        name: the file as the user named it; empty if it is no file.
        text: its content as YAML.
        data: plain mappings, lists and scalars, overrides applied.
    """

    def __init__(self, name: str, text: str, *, has_lines: bool = True) -> None:
        self.name = name
        self.text = text
        self._has_lines = has_lines
        reader = _Reader(lambda mark: self._shown((), mark.line + 1, mark.column + 1))
        self.data: dict[str, Any] = _mapping(
            reader.read(text.removeprefix("\ufeff")), self._shown((), 1, 1)
        )
        self._marks = reader.marks
        self._key_marks = reader.key_marks
        self._overridden: dict[tuple[str | int, ...], str] = {}

    def _shown(self, path: Place, line: int, column: int) -> str:
        """A position for people; where there is no file the keys that lead there say more."""
        if self.name:
            return f"{self.name}:{line}:{column}"
        keys = ".".join(map(str, path)) or "configuration"
        return f"{keys} (line {line}, column {column})" if self._has_lines else keys

    def override(self, assignment: str) -> None:
        """Apply ``key.path=value``, the value read as YAML.

        Raises:
            ConfigError: if the assignment cannot be read or its path leads through a scalar.
        """
        place = f"-o {assignment}"
        path, equals, text = assignment.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise ConfigError([Problem(place, "an override must read key.path=value")])
        value = _Reader(lambda _: place).read(text)
        node = self.data
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise ConfigError(
                    [Problem(place, f"'{key}' holds a value, not a section with keys")]
                )
        node[keys[-1]] = value
        self._overridden[tuple(keys)] = place

    def place(self, path: Place, *, of_key: bool = False) -> str:
        """``file:line:column`` of the value (or key) at a path, or of what encloses it.

        Without a file, the keys that lead there, such as ``experiment.n``.
        """
        line, column = self.position(path, of_key=of_key)
        for length in range(len(path), 0, -1):
            if tuple(path[:length]) in self._overridden:
                return self._overridden[tuple(path[:length])]
        return self._shown(path, line, column)

    def position(self, path: Place, *, of_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value (or key) at a path, or of what encloses it."""
        full = tuple(path)
        if of_key and full in self._key_marks:
            return self._key_marks[full]
        for length in range(len(full), 0, -1):
            if full[:length] in self._marks:
                return self._marks[full[:length]]
        return 1, 1


def read_source(file: str) -> Source:
    """Read and parse a configuration file.

    Raises:
        ConfigError: if it is missing, too large, not text, or not YAML with unique keys.
    """
    return Source(file, _read_text(file))


def given_source(config: Given) -> Source:
    """The source of a configuration, whatever it is given as.

    Args:
        config: a mapping, the path of a YAML file, or YAML text: text has a line break or a colon
            that is followed by a space.

    Raises:
        ConfigError: as :func:`read_source`, or if the mapping holds what YAML cannot say.
    """
    if isinstance(config, Mapping):
        text = io.StringIO()
        writer = YAML()
        writer.default_flow_style = None
        writer.width = 100
        writer.dump(_plain(config, ()), text)
        return Source("", text.getvalue(), has_lines=False)
    if isinstance(config, str) and _TEXT.search(config):
        return Source("", config)
    return read_source(str(config))


def _plain(value: Any, path: tuple[str, ...]) -> Any:
    """A value of a mapping as YAML has it: tuples, ranges and arrays become lists.

    Raises:
        ConfigError: if there is no such value in YAML.
    """
    if isinstance(value, Mapping):
        return {str(key): _plain(held, (*path, str(key))) for key, held in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(held, (*path, str(index))) for index, held in enumerate(value)]
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), path)
    if isinstance(value, PurePath):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ConfigError(
        [
            Problem(
                ".".join(path),
                f"a value of type '{type(value).__name__}' has no place in a configuration; give "
                "text, a number, true or false, a list or a mapping",
            )
        ]
    )


class _Reader:
    """Builds plain values from YAML nodes and notes where each stands."""

    def __init__(self, place: Callable[[StreamMark], str]) -> None:
        self.marks: dict[tuple[str | int, ...], tuple[int, int]] = {}
        self.key_marks: dict[tuple[str | int, ...], tuple[int, int]] = {}
        self._place = place
        self._values = 0

    def read(self, text: str) -> Any:
        """The value of a text with one YAML document.

        Raises:
            ConfigError: if it is not YAML, or holds what no configuration needs.
        """
        start = StreamMark("", 0, 0, 0)
        # Parsing takes a second for some thousand values or 100 kB, so they are counted before.
        if text.count(",") + text.count("\n") > MOST_VALUES:
            raise self._error(start, "there are far too many values here")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ReusedAnchorWarning)
                node = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark or start
            raise self._error(mark, f"this is not valid YAML: {_brief(error)}") from None
        except RecursionError:
            raise self._error(start, "values are nested too deeply for a configuration") from None
        except (YAMLError, ValueError, OverflowError) as error:
            raise self._error(start, f"this is not valid YAML: {_brief(error)}") from None
        return None if node is None else self._build(node, ())

    def _build(self, node: Node, path: tuple[str | int, ...]) -> Any:
        self.marks[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._values += 1
        if self._values > MOST_VALUES or len(path) > _DEEPEST:
            raise self._error(node.start_mark, "there are far too many values here")
        if isinstance(node, MappingNode) and _kind(node) == "map":
            return self._build_mapping(node, path)
        if isinstance(node, SequenceNode) and _kind(node) == "seq":
            return [self._build(item, (*path, k)) for k, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._build_scalar(node)
        raise self._error(
            node.start_mark, f"'!!{_kind(node)}' has no place in a configuration; remove the tag"
        )

    def _build_mapping(self, node: MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            mark = key_node.start_mark
            if _kind(key_node) == "merge":
                raise self._error(
                    mark, "merge keys ('<<') have no place in a configuration; write the keys out"
                )
            if not isinstance(key_node, ScalarNode):
                raise self._error(mark, "a key must be a plain word")
            if key in built:
                raise self._error(mark, f"key '{key}' is given twice; keep one of the two")
            self.key_marks[*path, key] = (mark.line + 1, mark.column + 1)
            built[key] = self._build(value_node, (*path, key))
        return built

    def _build_scalar(self, node: ScalarNode) -> Any:
        kind, text = _kind(node), node.value
        if kind in ("str", "timestamp"):
            return text
        if kind in _SCALARS and len(text) <= _LONGEST_NUMBER:
            try:
                return _SCALARS[kind](text)
            except (KeyError, ValueError, OverflowError):
                pass  # told below, with the values that are none of these kinds
        shown = printable(text, 60)
        raise self._error(
            node.start_mark, f"'{shown}' cannot be read as '!!{kind}'; write a plain value"
        )

    def _error(self, mark: StreamMark, message: str) -> ConfigError:
        return ConfigError([Problem(self._place(mark), message)])


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits)


def _number(text: str) -> float:
    if _WHOLE.fullmatch(text):
        return int(float(text))  # 1e4 is a whole number, as a number of shots must be
    return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())


_SCALARS: dict[str, Callable[[str], Any]] = {
    "int": _integer,
    "float": _number,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "null": lambda text: {"": None, "~": None, "null": None}[text.lower()],
}


def _kind(node: Node) -> str:
    return str(node.tag or "").rpartition(":")[2]


def _mapping(data: Any, place: str) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    raise ConfigError(
        [
            Problem(
                place,
                "a configuration is a mapping with sections such as 'experiment:' and "
                "'backend:'; see configs/quickstart.yaml",
            )
        ]
    )


def _read_text(file: str) -> str:
    path = Path(file)
    try:
        if path.is_dir():
            raise ConfigError([Problem(f"{file}:1:1", "this is a folder; give a YAML file")])
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(
                [Problem(f"{file}:1:1", "this is a device or pipe; give a YAML file")]
            )
        size = found.st_size
        if size > MAXIMUM_BYTES:
            raise ConfigError(
                [
                    Problem(
                        f"{file}:1:1",
                        f"the file has {size:,} bytes; a configuration has at most "
                        f"{MAXIMUM_BYTES:,}: is this the right file?",
                    )
                ]
            )
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            [Problem(f"{file}:1:1", "no such file; give the path of a YAML file")]
        ) from None
    except OSError as error:
        raise ConfigError(
            [Problem(f"{file}:1:1", f"the file cannot be read: {error.strerror}")]
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            [
                Problem(
                    f"{file}:1:1",
                    f"this is not text (byte {error.start} is not UTF-8); give a YAML file",
                )
            ]
        ) from None
    except ValueError as error:
        raise ConfigError(
            [Problem(f"{file}:1:1", f"no file can bear this name: {error}")]
        ) from None


def _brief(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return " ".join(str(problem).split())

"""Reading a YAML 1.2 file so that every value knows its line and column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from runner.errors import ConfigError, Problem

MAXIMUM_BYTES = 1_000_000
"""Far more than any sensible configuration; keeps a wrong file from being parsed for minutes."""

Path_ = Sequence[str | int]


class Source:
    """A parsed configuration file and the overrides given on the command line.

    Attributes:
        name: the file as the user named it.
        text: its content.
        data: plain mappings, lists and scalars, overrides applied.
    """

    def __init__(self, name: str, text: str, tree: CommentedMap) -> None:
        self.name = name
        self.text = text
        self.data: dict[str, Any] = _plain(tree)
        self._tree = tree
        self._overridden: dict[tuple[str | int, ...], str] = {}

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
        try:
            value = _plain(_parser().load(text))
        except YAMLError as error:
            raise ConfigError([Problem(place, f"the value is not YAML: {_brief(error)}")]) from None
        node = self.data
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise ConfigError(
                    [Problem(place, f"'{key}' holds a value, not a section with keys")]
                )
        node[keys[-1]] = value
        self._overridden[tuple(keys)] = place

    def place(self, path: Path_, *, of_key: bool = False) -> str:
        """``file:line:column`` of the value (or key) at a path, or of what encloses it."""
        for length in range(len(path), 0, -1):
            if tuple(path[:length]) in self._overridden:
                return self._overridden[tuple(path[:length])]
        line, column = 1, 1
        node: Any = self._tree
        for depth, key in enumerate(path):
            if isinstance(node, CommentedMap) and key in node:
                wants_key = of_key and depth == len(path) - 1
                mark = node.lc.key(key) if wants_key else node.lc.value(key)
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                mark = node.lc.item(key)
            else:
                break
            line, column = mark[0] + 1, mark[1] + 1
            node = node[key]
        return f"{self.name}:{line}:{column}"


def read_source(file: str) -> Source:
    """Read and parse a configuration file.

    Raises:
        ConfigError: if it is missing, too large, not text, or not YAML with unique keys.
    """
    text = _read_text(file)
    try:
        tree = _parser().load(text)
    except DuplicateKeyError as error:
        mark = error.problem_mark
        raise ConfigError(
            [
                Problem(
                    f"{file}:{mark.line + 1}:{mark.column + 1}",
                    f"{_duplicate_key(error)} is given twice; keep one of the two",
                )
            ]
        ) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else f"{file}:1:1"
        raise ConfigError([Problem(place, f"this is not valid YAML: {_brief(error)}")]) from None
    except (YAMLError, ValueError) as error:
        raise ConfigError(
            [Problem(f"{file}:1:1", f"this is not valid YAML: {_brief(error)}")]
        ) from None
    if not isinstance(tree, CommentedMap):
        raise ConfigError(
            [
                Problem(
                    f"{file}:1:1",
                    "a configuration is a mapping with sections such as 'experiment:' and "
                    "'backend:'; see configs/quickstart.yaml",
                )
            ]
        )
    return Source(file, text, tree)


def _read_text(file: str) -> str:
    path = Path(file)
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise ConfigError([Problem(f"{file}:1:1", "this is a folder; give a YAML file")])
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


def _parser() -> YAML:
    parser = YAML(typ="rt", pure=True)
    parser.allow_duplicate_keys = False
    return parser


def _plain(node: Any) -> Any:
    """The same content as built-in types."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)


def _brief(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return " ".join(str(problem).split())


def _duplicate_key(error: DuplicateKeyError) -> str:
    words = str(error.problem).split('"')
    return f"key '{words[1]}'" if len(words) > 1 else "a key"

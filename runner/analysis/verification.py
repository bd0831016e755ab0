"""``enclone verify``: a run made again from its raw counts, and every difference to its files.

Nothing is computed in a way of its own: circuits are certified and predicted, counts estimated, and
tables, figures and report made by the functions that a run uses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runner.analysis.differences import Difference, table_differences, tolerances
from runner.analysis.rebuilding import Rebuilt, rebuild
from runner.analysis.verified_inputs import input_differences
from runner.analysis.verifying.report_numbers import report_differences
from runner.analysis.verifying.signature import SIGNATURE, PublicKey, signature_problem
from runner.errors import DamagedFile, RunFolderError, printable
from runner.report.report import REPORT, presentation
from runner.results.tables import columns_of, to_csv
from runner.run_folder.archive import MISSING, PROVENANCE, ArchivedRun, read_archive
from runner.run_folder.files import RESULTS_CSV, maker, read_json


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        run: id of the run.
        folder: where it lies.
        made_by: version, commit, Python and packages that it was made with.
        verified_by: the same of this verification.
        checked: what was compared → how many of it.
        remarks: what could not be compared, and why.
        differences: all that were found.
        other_runs: ids of other runs of the same configuration; None where none were looked for.
    """

    run: str
    folder: str
    made_by: Mapping[str, Any]
    verified_by: Mapping[str, Any]
    checked: Mapping[str, int]
    remarks: Sequence[str]
    differences: Sequence[Difference]
    other_runs: Sequence[str] | None = None

    @property
    def agrees(self) -> bool:
        """Whether there is no difference."""
        return not self.differences

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "agrees": self.agrees}


def verify(
    folder: Path,
    finished: Callable[[int, int], object] = lambda _done, _all: None,
    *,
    redraw: bool = True,
    key: PublicKey | None = None,
) -> Verification:
    """Make a run again from its folder and compare; nothing is written.

    Args:
        folder: the run folder; nothing else is looked at.
        finished: told how many points are done, and of how many, at first and after each.
        redraw: whether shots of a simulator are drawn again from their seeds.
        key: whose signature the folder must have; None for anybody's, or none.

    Raises:
        RunFolderError: if the run has no results yet, or is one of a version that this one does not
            understand.
    """
    provenance = _provenance(folder)
    remarks: list[str] = []
    found: list[Difference] = []
    checked: Mapping[str, int] = {}
    run_id = provenance.get("run") or folder.resolve().name
    try:
        run = read_archive(folder)
    except DamagedFile as error:
        found.append(Difference("file", error.file, error.problem, "a file"))
        remarks.append(f"without a sound '{error.file}' nothing else can be recomputed")
    except RunFolderError as error:
        raise RunFolderError(f"{error}; the run was made by {version_text(provenance)}") from error
    else:
        found += _signature(folder, key, remarks)
        found += input_differences(run, remarks)
        rebuilt = rebuild(run, finished, redraw=redraw)
        found += rebuilt.differences
        remarks += rebuilt.remarks
        found += _results_table(folder, rebuilt)
        found += _presented(run, rebuilt, remarks)
        checked = rebuilt.checked
    made_by = {key: provenance.get(key) for key in maker()}
    once = {(d.what, d.file): d for d in reversed(found)}
    kept = [d for d in found if once[d.what, d.file] is d]
    return Verification(str(run_id), str(folder), made_by, maker(), checked, remarks, kept)


def verification_text(found: Verification) -> str:
    """One line for each difference, then what was compared."""
    lines = [
        f"{d.file}: {d.what}: stored {d.stored}, recomputed {d.recomputed}"
        for d in found.differences
    ]
    lines += [f"note: {remark}" for remark in found.remarks]
    compared = ", ".join(
        f"{number:,} {what.replace('_', ' ')}" for what, number in found.checked.items()
    )
    if found.other_runs:
        count = len(found.other_runs)
        lines.append(
            f"{count} other {'run' if count == 1 else 'runs'} of this configuration: "
            f"{', '.join(found.other_runs)}"
        )
    number = len(found.differences)
    outcome = {0: "no difference", 1: "1 difference"}.get(number, f"{number:,} differences")
    lines.append(f"run {found.run}, made by {version_text(found.made_by)}: {compared or 'unread'}")
    lines.append(outcome)
    return "\n".join(lines) + "\n"


def _signature(folder: Path, key: PublicKey | None, remarks: list[str]) -> Iterator[Difference]:
    if key is None:
        if (folder / SIGNATURE).exists():
            remarks.append(f"{SIGNATURE} was not checked: give the signer's public key with --key")
    elif problem := signature_problem(folder, key):
        yield Difference("signature", SIGNATURE, problem, "a signature with the given key")


def version_text(provenance: Mapping[str, Any]) -> str:
    """A version of this program, in words."""
    commit = provenance.get("git_commit")
    of_commit = f", commit {str(commit)[:7]}" if commit else ""
    return f"enclone {provenance.get('enclone') or 'of an unknown version'}{of_commit}"


def _provenance(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder, PROVENANCE)
    except RunFolderError:
        return {}  # Told where it is needed.


def _results_table(folder: Path, rebuilt: Rebuilt) -> Iterator[Difference]:
    pairs = zip(rebuilt.names, rebuilt.rows, strict=True)
    rows = [(name, row) for name, row in pairs if row is not None]
    wanted = to_csv([row for _, row in rows]).encode()
    content = _content(folder, RESULTS_CSV)
    if isinstance(content, Difference):
        yield content
        return
    names = [name for name, _ in rows]
    yield from table_differences(names, RESULTS_CSV, content, wanted, exact=True)


def _presented(run: ArchivedRun, rebuilt: Rebuilt, remarks: list[str]) -> Iterator[Difference]:
    """Figures, the data behind them, and the report."""
    rows = [row for row in rebuilt.rows if row is not None]
    if not rows:
        remarks.append("no row could be recomputed, so figures and report were not compared")
        return
    try:
        files = presentation(run.folder, rows)
    except Exception as error:
        # Whatever damaged counts make the drawing stumble over.
        text = printable(f"cannot be made: {type(error).__name__}: {error}")
        yield Difference("figures and report", "figures", text, "figures and report.html")
        return
    tolerance = tolerances(columns_of(rows))
    other = _other_makers(run.provenance)
    if other:
        remarks.append(
            f"made by {version_text(run.provenance)}, verified by {version_text(maker())} "
            f"({other}): pictures may differ in bytes and were not compared, the data behind them "
            "and the numbers in report.html were"
        )
    for name, wanted in files.items():
        content = _content(run.folder, name)
        if isinstance(content, Difference):
            yield content
        elif name.endswith(".csv"):
            yield from table_differences(
                None, name, content, wanted, exact=False, tolerance=tolerance
            )
        elif other and name == REPORT:
            svgs = [one for one in files if one.endswith(".svg")]
            yield from report_differences(run.folder, content, wanted, svgs)
        elif not other and content != wanted:
            yield Difference("content", name, _digest(content), _digest(wanted))


def _other_makers(provenance: Mapping[str, Any]) -> str:
    """What of that which decides the bytes of pictures and report is another version."""
    now = maker()
    names = [name for name in ("enclone", "git_commit") if provenance.get(name) != now[name]]
    packages = provenance.get("packages") or {}
    names += [n for n in ("matplotlib", "numpy") if packages.get(n) != now["packages"][n]]
    return ", ".join(f"other {name.replace('_', ' ')}" for name in names)


def _content(folder: Path, name: str) -> bytes | Difference:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        return Difference("file", name, MISSING, "a file")
    except OSError as error:
        return Difference("file", name, f"cannot be read: {error.strerror}", "a file")


def _digest(content: bytes) -> str:
    return f"sha256 {hashlib.sha256(content).hexdigest()[:16]}…, {len(content):,} bytes"

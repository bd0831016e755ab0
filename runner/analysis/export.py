"""``enclone export``: results, counts and circuits of a run in the formats of other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.compiling.compile import with_elementary_gates
from backends.qpy_bytes import to_qpy
from runner.analysis.export_formats import CIRCUITS, TABLES
from runner.analysis.exported_tables import (
    as_json,
    csv_description,
    json_table,
    parquet_table,
)
from runner.errors import DamagedFile, ExportError
from runner.results.fields import COUNT_COLUMNS, TableColumn, csv_text
from runner.results.tables import columns_of
from runner.run_folder.archive import circuit_path, read_circuit, read_index, read_shots
from runner.run_folder.files import read_json, read_rows

STAGES = ("logical", "compiled")
READING = (
    "a shot succeeds when every check holds: the exclusive or of these classical bits is the "
    "parity; bits are counted as Qiskit does; compiled circuits name the device's qubits"
)
_SUFFIXES = {"csv": ".csv", "parquet": ".parquet", "json": ".json", "qpy": ".qpy"}


@dataclass(frozen=True, eq=False)
class ExportedFile:
    """A file that is to be written.

    Attributes:
        name: its path within the target.
        format: one of :data:`runner.analysis.export_formats.FORMATS`.
        holds: what is in it, in words.
        content: its bytes; equal for equal run folders and versions.
    """

    name: str
    format: str
    holds: str
    content: bytes


def is_single_file(target: Path, formats: Sequence[str]) -> bool:
    """Whether a target names one file: one format is wanted, and it has the suffix of that.

    Raises:
        ValueError: if it has the suffix of another.
    """
    if target.is_dir() or target.suffix not in _SUFFIXES.values():
        return False
    if len(formats) == 1 and _SUFFIXES.get(formats[0]) == target.suffix:
        return True
    raise ValueError(
        f"'{target}' is the name of one {target.suffix} file, but --format asks for "
        f"{', '.join(formats)}; name a folder"
    )


def exported(
    folder: Path, formats: Sequence[str], *, counts: bool = False, name: str | None = None
) -> list[ExportedFile]:
    """The files of an export, none of which is written yet.

    Args:
        folder: the run folder; nothing else is looked at.
        formats: some of :data:`runner.analysis.export_formats.FORMATS`.
        counts: tables hold the raw counts instead of the results.
        name: of the one file that is wanted; None for all of them by their own names.

    Raises:
        RunFolderError: if the run has no results, or a file is missing or damaged.
        MissingExtra: if a library is missing.
    """
    about = _about(folder)
    files: list[ExportedFile] = []
    if tables := [one for one in formats if one in TABLES]:
        what = "counts" if counts else "results"
        columns, lines = _counts(folder) if counts else _results(folder)
        stem = Path(name).stem if name else what
        for one in tables:
            files += _table(one, f"{stem}.{one}", columns, lines, about)
    programs = list(_programs(folder)) if set(formats) & set(CIRCUITS) else []
    if "qasm3" in formats:
        files += _qasm(folder, programs, about)
    if "qpy" in formats:
        files.append(_qpy(folder, programs, about, name))
    return files


def write_export(target: Path, files: Sequence[ExportedFile], *, force: bool) -> list[Path]:
    """Write an export.

    Args:
        target: the folder of the files.
        files: what to write.
        force: whether files that are there already are written over.

    Raises:
        ExportError: if one of them is there already; then none is written.
        OSError: if one cannot be written.
    """
    paths = [target / one.name for one in files]
    there = [path for path in paths if path.exists()]
    if there and not force:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise ExportError(
            f"'{there[0]}' is there already{more}, and nothing was written; --force writes over "
            "it, --to names another place"
        )
    for path, one in zip(paths, files, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.content)
    return paths


def export_lines(paths: Sequence[Path], files: Sequence[ExportedFile]) -> list[str]:
    """What was written: a line for each file, one for all circuits of a folder."""
    lines = []
    grouped: dict[Path, int] = {}
    for path, one in zip(paths, files, strict=True):
        if path.suffix == ".qasm":
            grouped[path.parent] = grouped.get(path.parent, 0) + 1
        else:
            lines.append(f"{path}: {one.holds}, {len(one.content):,} bytes")
    return [*lines, *(f"{place}/: {number:,} circuits" for place, number in grouped.items())]


def run_name(folder: Path) -> str:
    """The id of the run in a folder.

    Raises:
        RunFolderError: if it cannot be read.
    """
    return str(read_json(folder, "provenance.json").get("run") or folder.resolve().name)


def _about(folder: Path) -> dict[str, str]:
    """What a table is told to be from."""
    provenance = read_json(folder, "provenance.json")
    device = provenance.get("device") or {}
    return {
        "run": run_name(folder),
        "started_at": str(provenance.get("started_at")),
        "enclone": str(provenance.get("enclone")),
        "device": str(device.get("name") or "ideal"),
        "calibrated_at": str(device.get("calibrated_at") or "never"),
    }


def _table(
    form: str,
    file: str,
    columns: Sequence[TableColumn],
    lines: Sequence[Mapping[str, Any]],
    about: Mapping[str, str],
) -> Iterator[ExportedFile]:
    holds = f"{len(lines):,} rows"
    if form == "csv":
        yield ExportedFile(file, form, holds, csv_text(columns, lines).encode())
        description = csv_description(columns, about, file)
        yield ExportedFile(f"{file}-metadata.json", form, "what its columns are", description)
    elif form == "parquet":
        yield ExportedFile(file, form, holds, parquet_table(columns, lines, about))
    else:
        yield ExportedFile(file, form, holds, json_table(columns, lines, about))


def _results(folder: Path) -> tuple[Sequence[TableColumn], Sequence[Mapping[str, Any]]]:
    rows = read_rows(folder)
    return columns_of(rows), [row.as_dict() for row in rows]


def _counts(folder: Path) -> tuple[Sequence[TableColumn], Sequence[Mapping[str, Any]]]:
    index = read_index(folder)
    names = [name for name, entry in index.items() if "failure" not in entry]
    # Circuits that calibrate the readout have no entry.
    kept = {path.stem for path in (folder / "counts").glob("*.npz")}
    lines = []
    for name in (*names, *sorted(kept - set(index))):
        entry = index.get(name, {})
        known = {"circuit": name, "identity": entry.get("identity"), "job": entry.get("job")}
        for outcome, count in sorted(read_shots(folder, name).get_counts().items()):
            lines.append({**known, "outcome": outcome, "count": count})
    return COUNT_COLUMNS, lines


@dataclass(frozen=True, eq=False)
class _Program:
    """A circuit that was run, once for each repetition.

    Attributes:
        stem: its name.
        entries: what the index says of each time it was run; none for those that calibrate.
    """

    stem: str
    entries: Sequence[Mapping[str, Any]]

    @property
    def stages(self) -> Sequence[str]:
        """Which of its circuits there are."""
        return STAGES if self.entries else STAGES[1:]

    def described(self) -> dict[str, Any]:
        """What somebody who runs it again must know."""
        first: Mapping[str, Any] = self.entries[0] if self.entries else {}
        certificate = first.get("certificate", {})
        return {
            "circuit": self.stem,
            "checks": first.get("checks", []),
            "predicted_success": first.get("predicted_success"),
            "certificate": certificate.get("status"),
            "two_qubit_gates": certificate.get("two_qubit_gates"),
            "two_qubit_layers": certificate.get("two_qubit_layers"),
            "runs": [
                {key: entry.get(key) for key in ("name", "identity", "shots", "job")}
                for entry in self.entries
            ],
        }


def _programs(folder: Path) -> Iterator[_Program]:
    """All circuits of a run, those that calibrate the readout last."""
    entries: dict[str, list[Mapping[str, Any]]] = {}
    for entry in read_index(folder).values():
        entries.setdefault(entry["circuit"], []).append(entry)
    for stem, several in entries.items():
        yield _Program(stem, several)
    compiled = {path.stem for path in (folder / "circuits" / "compiled").glob("*.qpy")}
    for stem in sorted(compiled - set(entries)):
        yield _Program(stem, ())


def _qasm(
    folder: Path, programs: Sequence[_Program], about: Mapping[str, str]
) -> Iterator[ExportedFile]:
    described = []
    for program in programs:
        files = {}
        for stage in program.stages:
            path = circuit_path(stage, program.stem, "qasm")
            try:
                content = (folder / path).read_bytes()
            except OSError as error:
                problem = f"cannot be read: {error.strerror}"
                raise DamagedFile(folder.name, path, problem) from None
            files[stage] = f"{stage}/{program.stem}.qasm"
            yield ExportedFile(f"qasm3/{files[stage]}", "qasm3", f"{stage} circuit", content)
        described.append({**program.described(), **files})
    listed = as_json({**about, "reading": READING, "circuits": described})
    yield ExportedFile("qasm3/circuits.json", "qasm3", f"{len(described):,} circuits", listed)


def _qpy(
    folder: Path, programs: Sequence[_Program], about: Mapping[str, str], name: str | None
) -> ExportedFile:
    circuits = []
    for program in programs:
        for stage in program.stages:
            # QPY writes gates of our own in any order: without them equal circuits are equal bytes.
            circuit = with_elementary_gates(read_circuit(folder, stage, program.stem))
            circuit.name = f"{program.stem}-{stage}"
            circuit.metadata = {
                **about,
                **program.described(),
                "stage": stage,
            }
            circuits.append(circuit)
    return ExportedFile(
        name or "circuits.qpy", "qpy", f"{len(circuits):,} circuits", to_qpy(*circuits)
    )

"""A run made again from its circuits and raw counts, by the functions that a run uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from qiskit import qasm3
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BitArray

from backends.adapter import CircuitFailure
from backends.compiling.certificate import Certificate
from backends.compiling.checked.readout import rebuilt_error_model
from backends.compiling.compile import (
    CompiledPoint,
    CompiledSetting,
    certified,
    with_elementary_gates,
    with_predictions,
)
from backends.qpy_bytes import from_qpy, to_qpy
from backends.simulation.prediction import predict_bounds, predict_setting
from backends.simulation.readout_calibration import LABELS, ReadoutCalibration, calibration_circuits
from experiments.point import Point
from experiments.settings import Setting
from runner.analysis.differences import Difference, agree, mapping_differences, tolerances
from runner.analysis.verified_inputs import left_out_differences, past_paths
from runner.analysis.verifying.origins import Origins
from runner.config.sweep import Choice
from runner.errors import DamagedFile, printable
from runner.jobs.collected import CollectedCircuit, CollectedPoint, measured_point
from runner.kinds.registry import row_from_dict
from runner.planning.calibration import (
    CalibrationCircuit,
    calibrations_of,
    circuit_records,
    is_mitigated,
)
from runner.planning.decoding import with_decoder, with_decoding
from runner.planning.identities import circuit_identity, circuit_name, program_stem
from runner.planning.past import by_calibration
from runner.planning.points import PlannedPoint, planned_row, sweep
from runner.results.formats import Methods, checks_in_format, in_format, methods_of
from runner.results.rows import ResultRow
from runner.run_folder.archive import (
    MISSING,
    PROVENANCE,
    ArchivedRun,
    circuit_path,
    counts_path,
    read_circuit,
    read_shots,
)
from runner.run_folder.checksums import hashed_files
from runner.run_folder.files import (
    INDEX,
    INPUTS,
    PLANNED,
    RESULTS,
    decoder_path,
    index_entry,
    maker,
)

STAGES = ("logical", "compiled")


@dataclass(frozen=True)
class Rebuilt:
    """A run as it follows from its folder.

    Attributes:
        names: what each row is called.
        rows: the rows. A number that agrees up to rounding is as stored, and so is a row that could
            not be recomputed; None where there is neither.
        differences: of ``circuits/``, ``counts/`` and ``results.json`` to what they should be.
        checked: what was compared → how many of it.
        remarks: what could not be compared, and why.
    """

    names: Sequence[str]
    rows: Sequence[ResultRow | None]
    differences: Sequence[Difference]
    checked: Mapping[str, int]
    remarks: Sequence[str] = ()


def rebuild(
    run: ArchivedRun,
    finished: Callable[[int, int], object] = lambda _done, _all: None,
    *,
    redraw: bool = True,
) -> Rebuilt:
    """Certify, predict and estimate everything again, one point in memory at a time.

    Args:
        run: the run.
        finished: told how many points are done, and of how many, at first and after each.
        redraw: whether shots of a simulator are drawn again from their seeds.

    Raises:
        RunFolderError: if the run has a format that this version does not know.
    """
    origins = Origins(run, redraw=redraw)
    return _Rebuilding(run, methods_of(run.format), origins).rebuilt(finished)


@dataclass(eq=False)
class _Rebuilding:
    run: ArchivedRun
    methods: Methods
    origins: Origins
    found: list[Difference] = field(default_factory=list)
    expected: set[str] = field(default_factory=lambda: {*INPUTS, INDEX, PLANNED})
    circuits: set[str] = field(default_factory=set)
    proved: int = 0
    counted: int = 0
    uncounted: int = 0
    shots: int = 0

    def rebuilt(self, finished: Callable[[int, int], object]) -> Rebuilt:
        config = self.run.config
        points = sweep(config)
        finished(0, len(points))
        self.expected |= past_paths(self.run)
        stored = self._stored_rows(len(points) * config.repeats)
        if not self._has_index:
            self._note("file", INDEX, MISSING, "a file")
        calibrations = self._calibrations(points) if is_mitigated(config) else {}
        names = [circuit_name(p.label, r) for r in range(config.repeats) for p in points]
        rows: list[ResultRow | None] = [None] * len(names)
        for index, point in enumerate(points):
            programs = [self._program(point, setting) for setting in point.settings()]
            for repeat in range(config.repeats):
                place = repeat * len(points) + index
                made = self._point(point, programs, repeat, calibrations.get(repeat))
                row = made.row if made else None
                if made and repeat == 0:
                    self._compare_choice(index, made.planned)
                    self.found += left_out_differences(self.run, made.planned)
                rows[place] = self._agreed(names[place], row, stored.get(place))
            finished(index + 1, len(points))
        self._look_for_strangers()
        self._compare_tally()
        self.found += self.origins.left_over()
        remarks = self.origins.remarks()
        checked = {
            "points": len(rows),
            "circuits": len(self.circuits),
            "certificates_proved": self.proved,
            "counts": self.counted,
            "shots": self.shots,
        }
        if self.origins.drawn:
            checked["counts_drawn_again"] = self.origins.drawn
        if self.uncounted:
            checked["circuits_without_counts"] = self.uncounted
        return Rebuilt(names, rows, self.found, checked, remarks)

    def _compare_choice(self, index: int, planned: PlannedPoint) -> None:
        """Whether ``auto`` took the best of what it had, at the value that the circuits have."""
        chosen = self.run.config.experiment.choices()
        if index >= len(chosen):
            return
        choice = chosen[index]
        what = f"{choice.point}: what auto"
        best = Choice.among(choice.predicted, choice.left_out).strategy
        if choice.strategy != best:
            self._note(f"{what} chose", "resolved.json", choice.strategy, best)
        stored, found = choice.predicted[choice.strategy], planned.compiled.expected
        if not agree("predicted", stored, found):
            self._note(f"{what} expected", "resolved.json", str(stored), str(found))

    # Circuits

    def _program(self, point: Point, setting: Setting) -> tuple[Setting, CompiledSetting | None]:
        """A setting, and its circuits as they lie in the folder; None if these are of no use."""
        stem = program_stem(point, setting.label)
        wanted = from_qpy(to_qpy(setting.circuit))
        logical = self._circuit("logical", stem)
        if logical is not None and not _equal(logical, wanted):
            path = circuit_path("logical", stem, "qpy")
            self._note("logical circuit", path, "another circuit", "the one of the configuration")
        setting = Setting(setting.label, logical or wanted, setting.checks)
        compiled = self._circuit("compiled", stem)
        if compiled is None:
            return setting, None
        path = circuit_path("compiled", stem, "qpy")
        decoding = self._decoding(stem)
        extra = compiled.num_clbits - setting.circuit.num_clbits
        if extra < 0 or (extra > 0 and not decoding):
            bits = (str(one.num_clbits) for one in (compiled, setting.circuit))
            self._note("classical bits", path, *bits)
            return setting, None
        # An edited circuit may ask for a gate or a qubit that the device has not.
        unread = CompiledSetting(setting, compiled, Certificate("unverified", 0, 0), 0.0)
        try:
            read = with_decoding(unread, decoding)
            detectors = read.setting.detectors
            certificate = certified(setting.circuit, compiled, self.run.snapshot, detectors)
        except Exception as error:
            self._note("certificate", path, _told(error), "a proof")
            return setting, None
        self.proved += certificate.status == "proved"
        try:
            predicted = predict_setting(setting, compiled, self.run.snapshot)
            refocused = None
            if self.run.config.compile.decoupling != "none":
                refocused = predict_setting(setting, compiled, self.run.snapshot, refocusing=True)
            bounds = predict_bounds(setting, compiled, self.run.snapshot)
            over = by_calibration(setting, compiled, self.run.snapshot, self.run.past)
        except Exception as error:
            self._note("prediction", path, _told(error), "a probability of success")
            predicted, refocused, bounds, over = self._stored_prediction(stem), None, None, ()
        self._compare_error_model(read, stem)
        return setting, CompiledSetting(
            read.setting,
            compiled,
            certificate,
            predicted,
            refocused,
            bounds,
            read.error_model,
            over,
        )

    def _decoding(self, stem: str) -> Mapping[str, Any]:
        """Detectors and error model as they are stored; empty if unused qubits are not read."""
        decryption = self.run.config.experiment.decryption
        if decryption is None or decryption.checks == "none":
            return {}
        path = decoder_path(stem)
        self.expected.add(path)
        text = self._text(path)
        try:
            document = json.loads(text or "{}")
        except ValueError as error:
            self._note("file", path, f"cannot be read: {error}", "an error model")
            return {}
        return document if isinstance(document, dict) else {}

    def _compare_error_model(self, read: CompiledSetting, stem: str) -> None:
        """Whether the stored error model is the one that follows from the calibration."""
        if read.error_model is None:
            return
        try:
            wanted = rebuilt_error_model(read, self.run.snapshot)
        except Exception as error:
            self._note("error model", decoder_path(stem), _told(error), "an error model")
            return
        if not wanted.agrees(read.error_model):
            note = "another error model", "the one of the calibration"
            self._note("error model", decoder_path(stem), *note)

    def _stored_prediction(self, stem: str) -> float:
        entry = self.run.index.get(circuit_name(stem, 0), {})
        stored = entry.get("predicted_success")
        return float(stored) if isinstance(stored, int | float) else 0.0

    def _circuit(self, stage: str, stem: str) -> QuantumCircuit | None:
        """One circuit, its two files compared."""
        qpy, qasm = (circuit_path(stage, stem, suffix) for suffix in ("qpy", "qasm"))
        self.expected |= {qpy, qasm}
        text = self._text(qasm)
        try:
            circuit = read_circuit(self.run.folder, stage, stem)
        except DamagedFile as error:
            self._note("file", qpy, error.problem, "a circuit")
            return None
        # Another version of Qiskit may write the same circuit in other words.
        if self._same_qiskit and text is not None and text != qasm3.dumps(circuit):
            self._note("OpenQASM 3", qasm, "another circuit", f"the one of {qpy}")
        return circuit

    def _text(self, name: str) -> str | None:
        try:
            return (self.run.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            self._note("file", name, MISSING, "a circuit")
        except (OSError, UnicodeDecodeError) as error:
            self._note("file", name, f"cannot be read: {error}", "a circuit")
        return None

    # Counts and points

    def _point(
        self,
        point: Point,
        programs: Sequence[tuple[Setting, CompiledSetting | None]],
        repeat: int,
        calibration: ReadoutCalibration | None,
    ) -> CollectedPoint | None:
        """A point with its counts, its circuits compared with the index."""
        circuits = []
        whole = True
        seed = None
        for setting, compiled in programs:
            stem = program_stem(point, setting.label)
            name = circuit_name(stem, repeat)
            self.circuits.add(name)
            entry = self.run.index.get(name, {})
            if not entry and self._has_index:
                self._note(name, INDEX, MISSING, "an entry")
            bits = (compiled or setting).circuit.num_clbits
            shots = self._shots(name, bits, entry)
            if compiled is None:
                whole = False
                continue
            identity = circuit_identity(
                self.run.config, point, setting.label, repeat, self.run.fingerprint
            )
            self.found += self.origins.compare(name, stem, compiled.circuit, identity, shots)
            seed = entry.get("transpiler_seed")
            job = str(entry.get("job") or "")
            circuits.append(CollectedCircuit(name, stem, identity, compiled, shots, job))
        if not whole:
            return None
        settings = tuple(circuit.compiled for circuit in circuits)
        compiled_point = with_predictions(
            CompiledPoint(settings, 0.0, seed, ()), point.linear_estimator.value
        )
        planned = PlannedPoint(point, with_decoder(compiled_point, point, self.run.config))
        row = in_format(planned_row(self.run.config, planned, repeat), self.run.format)
        made = measured_point(planned, tuple(circuits), row, calibration, self.methods)
        for circuit in circuits:
            self._compare_entry(made, circuit)
        return made

    def _shots(self, name: str, bits: int, entry: Mapping[str, Any]) -> BitArray | CircuitFailure:
        if failure := entry.get("failure"):
            self.uncounted += 1
            return CircuitFailure(failure.get("message", ""), failure.get("code", ""))
        path = counts_path(name)
        self.expected.add(path)
        try:
            shots = read_shots(self.run.folder, name)
        except DamagedFile as error:
            self._note("file", path, error.problem, "the shots of a circuit")
            return CircuitFailure(error.problem)
        if shots.num_bits != bits:
            self._note("bits of a shot", path, str(shots.num_bits), str(bits))
            return CircuitFailure("the shots are those of another circuit")
        if shots.num_shots != self.run.config.shots:
            self._note("shots", path, str(shots.num_shots), str(self.run.config.shots))
        self.counted += 1
        self.shots += shots.num_shots
        return shots

    def _compare_entry(self, made: CollectedPoint, circuit: CollectedCircuit) -> None:
        if entry := self.run.index.get(circuit.name):
            # Counts that are lost have been told already.
            lost = isinstance(circuit.shots, CircuitFailure) and "failure" not in entry
            unasked = ["shots", "failure"] if lost else []
            wanted = index_entry(made, circuit)
            certificate = wanted["certificate"]
            stored = (entry.get("certificate") or {}).get("checks") or {}
            certificate["checks"] = checks_in_format(certificate["checks"], stored, self.run.format)
            self.found += mapping_differences(circuit.name, INDEX, entry, wanted, unasked)

    def _calibrations(self, points: Sequence[Point]) -> dict[int, ReadoutCalibration]:
        """The calibrations of the readout; their circuits follow from all others."""
        compiled = [
            circuit
            for point in points
            for setting in point.settings()
            if (circuit := self._silently(program_stem(point, setting.label))) is not None
        ]
        if not compiled:
            return {}
        found = []
        identities = {
            one.name: one.identity
            for repeat in range(self.run.config.repeats)
            for one in circuit_records(self.run.config, self.run.fingerprint, repeat, 0)
        }
        for stem, wanted in zip(LABELS, calibration_circuits(compiled), strict=True):
            circuit = self._circuit("compiled", stem)
            if circuit is None:
                continue
            if not _equal(circuit, wanted):
                path = circuit_path("compiled", stem, "qpy")
                self._note("calibration circuit", path, "another circuit", "for the others' qubits")
            for repeat in range(self.run.config.repeats):
                name = circuit_name(stem, repeat)
                shots = self._calibrating(name)
                identity = identities[name]
                self.found += self.origins.compare(name, stem, circuit, identity, shots)
                found.append(CalibrationCircuit(name, stem, circuit, shots))
        return calibrations_of(found)

    def _calibrating(self, name: str) -> BitArray | None:
        path = counts_path(name)
        if not (self.run.folder / path).is_file():
            return None  # It may have failed; if not, its hash is listed.
        self.expected.add(path)
        try:
            shots = read_shots(self.run.folder, name)
        except DamagedFile as error:
            self._note("file", path, error.problem, "the shots of a calibration")
            return None
        self.counted += 1
        self.shots += shots.num_shots
        return shots

    def _silently(self, stem: str) -> QuantumCircuit | None:
        """A compiled circuit that is looked at, and complained of, later."""
        try:
            return read_circuit(self.run.folder, "compiled", stem)
        except DamagedFile:
            return None

    # Results and files

    def _stored_rows(self, number: int) -> dict[int, Mapping[str, Any]]:
        """Place → row of ``results.json``."""
        try:
            rows = json.loads((self.run.folder / RESULTS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._note("file", RESULTS, MISSING, "a file")
            return {}
        except (OSError, ValueError) as error:
            self._note("file", RESULTS, f"cannot be read: {error}", "rows")
            return {}
        if not isinstance(rows, list) or len(rows) != number:
            found = str(len(rows)) if isinstance(rows, list) else "no list"
            self._note("number of rows", RESULTS, found, str(number))
            return {}
        return {k: row for k, row in enumerate(rows) if isinstance(row, dict)}

    def _agreed(
        self, name: str, row: ResultRow | None, stored: Mapping[str, Any] | None
    ) -> ResultRow | None:
        """The row as it should be, in the very digits that stand there where they are right."""
        if row is None or stored is None:
            return row or _row(stored)
        # Rows of an older version lack predictions that came later.
        later = [name for name in row.of_roles("prediction") if name not in stored]
        wanted = row.as_dict() | dict.fromkeys(later)
        # Without an index the folder does not say which jobs the counts came from.
        unasked = () if self._has_index else row.of_roles("bookkeeping").keys()
        tolerance = tolerances(row.columns)
        self.found += mapping_differences(name, RESULTS, stored, wanted, unasked, tolerance)
        right = {
            key: stored[key]
            for key in wanted
            if key in stored and (key in unasked or agree(key, stored[key], wanted[key], tolerance))
        }
        return _row({**wanted, **right}) or row

    def _look_for_strangers(self) -> None:
        for name in hashed_files(self.run.folder, with_provenance=False):
            if name not in self.expected:
                self._note("file", name, "is there", "belongs to no circuit that has counts")
        for name in self.run.index:
            if name not in self.circuits:
                self._note(name, INDEX, "is there", "no circuit of the configuration")

    def _compare_tally(self) -> None:
        tally = self.run.provenance.get("circuits")
        if isinstance(tally, dict) and tally.get("counted", 0) != self.counted:
            stored = str(tally.get("counted", 0))
            self._note("circuits that have counts", PROVENANCE, stored, str(self.counted))

    @cached_property
    def _has_index(self) -> bool:
        return (self.run.folder / INDEX).is_file()

    @cached_property
    def _same_qiskit(self) -> bool:
        made_with = self.run.provenance.get("packages", {}).get("qiskit")
        return bool(maker()["packages"]["qiskit"] == made_with)

    def _note(self, what: str, file: str, stored: str, recomputed: str) -> None:
        self.found.append(Difference(what, file, stored, recomputed))


def _row(document: Mapping[str, Any] | None) -> ResultRow | None:
    try:
        return None if document is None else row_from_dict(document)
    except ValueError:
        return None


def _told(error: Exception) -> str:
    return printable(f"cannot be followed: {type(error).__name__}: {error}")


def _equal(first: QuantumCircuit, other: QuantumCircuit) -> bool:
    """Whether two circuits are the same, stages included."""
    one, two = with_elementary_gates(first), with_elementary_gates(other)
    return bool(one == two) and _stages(one) == _stages(two)


def _stages(circuit: QuantumCircuit) -> list[str | None]:
    return [one.label for one in circuit.data if one.name == "barrier"]

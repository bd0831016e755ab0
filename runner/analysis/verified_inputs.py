"""Whether the inputs of a run folder agree: hashes, configuration and device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from runner.analysis.differences import Difference, mapping_differences
from runner.config.loading import given_config
from runner.errors import ConfigError, printable
from runner.planning.past import calibration_date
from runner.planning.points import PlannedPoint, pinned_to
from runner.run_folder.archive import DEVICE, MISSING, PROVENANCE, ArchivedRun, past_dates
from runner.run_folder.checksums import CHECKSUMS, hashed_files, read_checksums, sha256_of
from runner.run_folder.files import lists_provenance, past_path

CONFIG = "config.yaml"
RESOLVED = "resolved.json"


def input_differences(run: ArchivedRun, remarks: list[str]) -> Iterator[Difference]:
    """Differences between the inputs of a run and their hashes, and among each other.

    Args:
        run: the run.
        remarks: takes what could not be compared.
    """
    yield from _checksum_differences(run, remarks)
    yield from _stated_hashes(run)
    yield from _start_difference(run)
    yield from _config_differences(run)
    if run.snapshot is not None:
        stated = run.provenance["device"]
        known = {"name": run.snapshot.name, "calibrated_at": run.snapshot.calibrated_at}
        yield from mapping_differences("device", PROVENANCE, stated, known, unasked=["sha256"])
    for date, past in zip(past_dates(run.folder, run.provenance), run.past, strict=True):
        if (found := str(calibration_date(past))) != date:
            yield Difference("date of the calibration", past_path(date), found, date)


def past_paths(run: ArchivedRun) -> set[str]:
    """Paths of the past calibrations within the run folder."""
    return {past_path(date) for date in past_dates(run.folder, run.provenance)}


def left_out_differences(run: ArchivedRun, planned: PlannedPoint) -> Iterator[Difference]:
    """Whether the interval of a point spans as many past calibrations as the provenance says."""
    if not run.past:
        return
    label, found = planned.point.label, planned.compiled.left_out or 0
    stated = run.provenance["past_calibrations"]["left_out"].get(label, 0)
    if stated != found:
        what = f"{label}: past calibrations left out"
        yield Difference(what, PROVENANCE, str(stated), str(found))


def _checksum_differences(run: ArchivedRun, remarks: list[str]) -> Iterator[Difference]:
    listed_too = lists_provenance(run.provenance)
    stated = run.provenance.get("checksums_sha256")
    if stated is None and not listed_too:
        remarks.append(
            f"this run was written before there were hashes of circuits and counts ({CHECKSUMS}): "
            "a change of a shot that changes no result is not seen"
        )
        return
    if not (run.folder / CHECKSUMS).is_file():
        yield Difference("file", CHECKSUMS, MISSING, "a file")
        return
    if not listed_too:
        yield from _hash_difference(run.folder, CHECKSUMS, str(stated))
    try:
        listed = read_checksums(run.folder)
    except (OSError, ValueError) as error:
        yield Difference("the list", CHECKSUMS, f"cannot be read: {error}", "hashes and names")
        return
    for name, digest in listed.items():
        yield from _hash_difference(run.folder, name, digest)
    for name in hashed_files(run.folder, with_provenance=listed_too):
        if name not in listed:
            yield Difference("file", name, "is there", f"not in {CHECKSUMS}")


def _start_difference(run: ArchivedRun) -> Iterator[Difference]:
    """The id of a run begins with the time of its start."""
    stated = run.provenance.get("started_at")
    begun = _BEGUN.match(run.run_id)
    if begun is None or stated is None:
        return
    try:
        written = f"{datetime.fromisoformat(str(stated)).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    except ValueError:
        written = str(stated)
    if written != begun[0]:
        yield Difference("started_at", PROVENANCE, str(stated), f"{begun[0]}, by the run's id")


_BEGUN = re.compile(r"\d{8}T\d{6}Z")


def _stated_hashes(run: ArchivedRun) -> Iterator[Difference]:
    """The hashes that every version has written."""
    stated = {CONFIG: run.provenance.get("config_sha256")}
    if run.snapshot is not None:
        stated[DEVICE] = run.provenance["device"].get("sha256")
    for one in (run.provenance.get("past_calibrations") or {}).get("calibrations", ()):
        stated[past_path(one["date"])] = one.get("sha256")
    for name, digest in stated.items():
        if (run.folder / name).is_file() and digest != sha256_of(run.folder / name):
            where = f"sha256 by {PROVENANCE}"
            yield Difference(where, name, str(digest), sha256_of(run.folder / name))


def _hash_difference(folder: Path, name: str, stated: str) -> Iterator[Difference]:
    if not (folder / name).is_file():
        yield Difference("file", name, MISSING, f"sha256 {stated}")
    elif (found := sha256_of(folder / name)) != stated:
        yield Difference("sha256", name, stated, found)


def _config_differences(run: ArchivedRun) -> Iterator[Difference]:
    """What the configuration as given, with its overrides, resolves to."""
    file = run.folder / CONFIG
    if not file.is_file():
        yield Difference("file", CONFIG, MISSING, "a file")
        return
    try:
        given = given_config(str(file), run.provenance.get("overrides", ()))
    except ConfigError as error:
        problem = printable("; ".join(p.message for p in error.problems))
        yield Difference("the configuration", CONFIG, problem, f"what {RESOLVED} says")
        return
    record = run.config.backend.record
    chosen = run.config.backend.given(record)
    if record.pins and run.snapshot and chosen:
        # The provider chose them, and the run was pinned to its choice.
        pins = {option: getattr(chosen, option) for option in record.pins}
        given = pinned_to(given, run.snapshot.name, pins)
    if run.config.experiment.choices() and not given.experiment.choices():
        # What auto came to was written into the run; it is compared with its circuits.
        experiment = given.experiment.with_decryption(chosen=run.config.experiment.choices())
        given = given.model_copy(update={"experiment": experiment})
    yield from mapping_differences(
        "what config.yaml resolves to",
        RESOLVED,
        # Through the model, since keys that came later have their defaults.
        run.config.model_dump(mode="json"),
        given.model_dump(mode="json"),
    )

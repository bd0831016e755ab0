"""What a configuration asks for that is well-formed but cannot be run."""

from __future__ import annotations

from collections.abc import Sequence

from backends.devices.catalog import IDEAL, load_device
from backends.errors import BackendError
from backends.providers.braket.options import BUCKET_PREFIX, BraketOptions
from backends.providers.ibm.options import IbmConfig
from experiments.point import Point
from runner.config.messages import LONGEST_VALUE
from runner.config.run_config import BackendConfig, RunConfig
from runner.config.suppression import decoupling_problems, ibm_problems, suppression_problems
from runner.config.sweep import sweep_positions
from runner.errors import printable
from runner.kinds.contract.section import ExperimentSection
from runner.kinds.contract.strict import LARGEST_N, Problems


def section_problems(
    experiment: ExperimentSection | None, backend: BackendConfig | None, seed: int
) -> Problems:
    """What is well-formed but cannot be run, each with its path."""
    points: Sequence[Point] = ()
    if experiment is not None:
        wrong = list(experiment.all_problems())
        yield from ((("experiment", *path), message) for path, message in wrong)
        if not wrong:
            try:
                points = experiment.points(seed)
            except ValueError as error:
                yield ("experiment",), str(error)
    if backend is None:
        return
    yield from _provider_problems(backend)
    if backend.provider == "ibm":
        yield from ibm_problems(backend.device, backend.ibm or IbmConfig())
    elif backend.provider == "braket":
        yield from _braket_problems(backend, experiment)
    elif backend.device != IDEAL:
        yield from _device_problems(backend.device, experiment, points)
    if experiment is not None and (backend.device == IDEAL or backend.provider == "braket"):
        for index, n in enumerate(experiment.signals):
            if n > LARGEST_N:
                message = f"n = {n} is out of reach; the largest n without a device is {LARGEST_N}"
                yield ("experiment", "n", index), message


_SECTIONS = {
    "rehearsal": "'backend.rehearsal' describes a simulated cloud",
    "ibm": "'backend.ibm' says how jobs are sent to IBM Quantum",
    "braket": "'backend.braket' says how Amazon Braket is reached",
    "braket_local": "'backend.braket_local' chooses a simulator of the Braket SDK",
}


def _provider_problems(backend: BackendConfig) -> Problems:
    """Sections of providers that are not used."""
    for section, purpose in _SECTIONS.items():
        provider = section.replace("_", "-")
        if getattr(backend, section) is not None and backend.provider != provider:
            yield (
                ("backend", section),
                f"{purpose}, but the provider is '{backend.provider}'; leave it out, or set "
                f"provider: {provider}",
            )


def combination_problems(config: RunConfig) -> Problems:
    """What each section allows, but not together with the others."""
    backend, dynamic = config.backend, config.experiment.conditional_gates
    yield from suppression_problems(
        backend.provider, config.suppression, config.shots, dynamic=dynamic
    )
    yield from _budget_problems(config)
    yield from _chosen_problems(config)
    yield from decoupling_problems(
        backend.provider,
        backend.device,
        config.compile.decoupling,
        config.suppression,
        dynamic=dynamic,
    )


def _budget_problems(config: RunConfig) -> Problems:
    """Budgets that nobody could keep."""
    options = config.backend.braket
    if options is not None and options.without_prices and config.budget.usd is not None:
        yield (
            ("budget", "usd"),
            "'budget.usd' cannot be kept while 'backend.braket.without_prices' is true: remove one",
        )


def _chosen_problems(config: RunConfig) -> Problems:
    """What a file says that ``auto`` chose, but cannot have chosen."""
    decryption = config.experiment.decryption
    if decryption is not None and decryption.chosen is not None:
        try:
            sweep_positions(config)
        except ValueError as error:
            yield ("experiment", "decrypt", "chosen"), str(error)


def _braket_problems(backend: BackendConfig, experiment: ExperimentSection | None) -> Problems:
    """What is wrong whatever the device turns out to be; nothing is asked here."""
    options = backend.braket or BraketOptions()
    if backend.device == IDEAL or backend.device.startswith("fake_"):
        yield (
            ("backend", "device"),
            f"'{backend.device}' is no device of Amazon Braket; give an ARN or a name such as "
            "iqm/garnet (see 'enclone devices --braket')",
        )
    if options.s3 is not None and not options.s3.removeprefix("s3://").startswith(BUCKET_PREFIX):
        yield (
            ("backend", "braket", "s3"),
            f"Braket writes results only into buckets whose name begins with '{BUCKET_PREFIX}', "
            f"but this is '{printable(options.s3, LONGEST_VALUE)}'; leave it out for the "
            "account's default bucket",
        )
    if experiment and experiment.conditional_gates and not options.conditional_gates:
        yield (
            ("experiment", "decrypt", "strategy"),
            "'feedforward' needs gates conditioned on outcomes, which Amazon Braket offers on "
            "IQM's processors only, as an experiment: set 'backend.braket.conditional_gates: "
            "true' there; 'frame' gives the same clone up to a known Pauli on every device",
        )


def _device_problems(
    device: str, experiment: ExperimentSection | None, points: Sequence[Point]
) -> Problems:
    try:
        snapshot = load_device(device)
        snapshot.to_target()
    except BackendError as error:
        yield ("backend", "device"), str(error)
        return
    if experiment is None:
        return
    available = len(snapshot.largest_region)
    sizes = experiment.sizes()
    for index, value in enumerate(sizes.values):
        needed = sizes.needed(value, points)
        if needed > available:
            largest = sizes.largest_within(available)
            limit = "" if largest is None else f"; the largest {sizes.key} there is {largest}"
            yield (
                ("experiment", sizes.key, index),
                f"{sizes.key} = {value} needs {needed} connected qubits, but device '{device}' has "
                f"{snapshot.what_is_connected}{limit}",
            )
            break
    if experiment.conditional_gates and not snapshot.dynamic_circuits:
        yield (
            ("experiment", "decrypt", "strategy"),
            f"device '{device}' offers no conditional gates, which 'feedforward' needs; "
            "'frame' gives the same clone up to a known Pauli",
        )

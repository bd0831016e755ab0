"""What the protocol compiler exports, checked without anything of this project's own code.

The exported text is parsed and simulated from scratch: dense for n up to 4, by tableaus above.
"""

import numpy as np
import pytest
import stim
from exported import Program, parity_mean, reduced
from marks import PROTOCOL_COMPILER
from qiskit import qasm3

from backends.compiling.protocol.compiler import compile_protocol
from backends.devices.catalog import load_device
from experiments.kinds.chsh import ChshPoint
from experiments.kinds.entanglement import EntanglementPoint
from experiments.protocol import Cloning

pytestmark = PROTOCOL_COMPILER

DEVICE = load_device("fake_kingston")
MOVES = 6_000
MOVES_FOR_TREES = 60_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def exported(n, strategy, clone=1):
    """(setting, program) of each setting of Experiment 1."""
    settings = EntanglementPoint(Cloning(n, clone, strategy), "parity").settings()
    moves = MOVES_FOR_TREES if strategy == "unitary" else MOVES
    circuits = compile_protocol([s.circuit for s in settings], DEVICE, moves, n, workers=1)
    return [(s, Program(qasm3.dumps(c))) for s, c in zip(settings, circuits, strict=True)]


def check_roles(after, before, n):
    """The clone may come back on the site of a key qubit, which is on that of the clone then."""
    assert sorted(after) == sorted(before)
    moved = [k for k in range(2 * n + 2) if after[k] != before[k]]
    assert not moved or (len(moved) == 2 and 1 <= moved[0] <= n + 1 < moved[1])


def check_stages(program, n, strategy):
    """Where encryption ends: pairs first, nothing read before, the key left alone."""
    whole = program.stages(2 * n + 2)
    assert len(whole) == (1 if strategy == "witness" else 2)
    end = whole[0]
    first_read = next(k for k, o in enumerate(program.operations) if o[0] == "measure")
    assert first_read > whole[-1]
    sites = program.operations[end][1]
    if strategy != "witness":
        check_roles(program.operations[whole[1]][1], sites, n)
    data, key = sites[1 : n + 2], sites[n + 2 :]
    pairs = [k for k in program.stages(2) if k < end]
    assert len(pairs) == n + 1
    for position in pairs:
        first, second = program.operations[position][1]
        assert first in data
        assert second in (*key, sites[0])
        # Neither N_i nor R meets another qubit until encryption is over.
        assert second not in program.entangled_between(position, end)
    return end, sites


@pytest.mark.parametrize("strategy", ["frame", "unitary", "witness"])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_small_circuits_are_the_protocol_densely(n, strategy):
    for index, (setting, program) in enumerate(exported(n, strategy)):
        end, sites = check_stages(program, n, strategy)
        if index == 0:
            state = program.dense(end)
            for qubit in sites[1:]:
                # Whoever holds one qubit holds nothing of the input.
                assert np.allclose(reduced(state, [sites[0], qubit]), np.eye(4) / 4, atol=1e-9)
        state = program.dense(len(program.operations))
        qubit_of = program.read()
        for check in setting.checks:
            mean = parity_mean(state, [qubit_of[b] for b in check.bits])
            assert mean == pytest.approx(1 - 2 * check.parity, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "strategy"),
    [(5, "frame"), (6, "unitary"), (7, "unitary"), (10, "frame"), (9, "unitary")],
)
def test_large_circuits_are_the_protocol_by_tableaus(n, strategy):
    for setting, program in exported(n, strategy):
        end, _ = check_stages(program, n, strategy)
        assert program.is_hidden(end)
        last = program.tableau(len(program.operations))
        qubit_of = program.read()
        for check in setting.checks:
            string = stim.PauliString(program.num_qubits)
            for bit in check.bits:
                string[qubit_of[bit]] = "Z"
            assert last.peek_observable_expectation(string) == 1 - 2 * check.parity


def test_both_simulators_agree_on_turned_readouts():
    settings = ChshPoint(Cloning(2, 1, "frame"), "2-1").settings()
    circuits = compile_protocol([s.circuit for s in settings], DEVICE, MOVES, 2, workers=1)
    for setting, circuit in zip(settings, circuits, strict=True):
        program = Program(qasm3.dumps(circuit))
        (check,) = setting.checks
        dense, method = program.mean(check.bits)
        assert method == "dense"
        assert program.mean_by_tableau(check.bits) == pytest.approx(dense, abs=1e-9)
        wanted = 2 * setting.ideal_success() - 1
        assert (-1) ** check.parity * dense == pytest.approx(wanted, abs=1e-9)


def test_a_missing_encryption_is_noticed():
    ((_, program), *_) = exported(3, "frame")
    end = program.stages(8)[0]
    assert program.is_hidden(end)
    data = program.operations[end][1][1:5]
    program.operations = [
        o for o in program.operations if not (o[0] in ("cz", "cx") and set(o[1]) <= set(data))
    ]
    assert not program.is_hidden(program.stages(8)[0])

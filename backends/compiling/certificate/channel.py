"""Whether a compiled circuit is the channel that the logical one asks for, stage by stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from backends.compiling.certificate.following import Follower, Meeting, Stage, record_site
from backends.compiling.certificate.protocol import (
    DECRYPTION,
    Asked,
    LogicalProtocol,
    certain,
    is_preparation,
    mask_of,
    qubits_of,
)
from backends.compiling.certificate.pullback import IDENTITY, Pauli
from backends.compiling.certificate.stages import Part
from experiments.stabilizer.arbitrary_input import INPUT_STAGE
from experiments.stabilizer.clifford import Step

Checks = Iterator[tuple[str, bool]]

_WAIT_TOLERANCE = 0.999
"""A device counts time in whole ticks."""


def channel_checks(
    protocol: LogicalProtocol,
    found: Sequence[Step],
    parts: Mapping[str, Sequence[Part]],
) -> Checks:
    """Follow the compiled circuit through all stages, and compare each with the logical one.

    Args:
        protocol: the logical circuit.
        found: the compiled steps, all of them Clifford.
        parts: the compiled barriers of each stage; whole ones have one part.

    Yields:
        Name of each check, and whether it holds.
    """
    ends = [(label, parts[label][0]) for label, _ in protocol.whole]
    start, first = 0, ends[0][1]
    follower = Follower(protocol.numbering)
    yield "state after preparation", _prepare(protocol, follower, found[: first.end], parts)
    untouched = meet = lost = read = True
    early = True
    for index, asked in enumerate(protocol.stages):
        end = ends[index][1].end if index < len(ends) else len(found)
        place = ends[index][1].place if index < len(ends) else {}
        if index:
            follower = follower.next_stage({q: ends[index - 1][1].place[q] for q in protocol.live})
            follower.follow(found[start:end])
            follower.settle()
        stage = follower.stage
        if place:
            yield f"state after {asked.label}", _same_state(protocol, index, follower, place)
        strangers = list(_strangers(stage, asked.together))
        if index == 0:
            early = not (stage.read or stage.conditions)
            noise = mask_of(protocol.noise)
            untouched = not any(mask & noise for mask in strangers) and all(
                follower.pullback.holds_as_is(place[q], q) for q in protocol.noise & protocol.live
            )
        meet &= not strangers
        lost &= _same_losses(asked.stage, stage)
        read &= _same_readouts(asked, stage)
        start = end
    yield "no early measurement", early
    yield "losses and waits", lost
    yield "noise qubits untouched", untouched
    yield "only qubits of one key meet", meet
    yield "observable of each readout", read


def _prepare(
    protocol: LogicalProtocol,
    follower: Follower,
    operations: Sequence[Step],
    parts: Mapping[str, Sequence[Part]],
) -> bool:
    """Follow preparation and encryption; whether each part of preparation has its state."""
    closing = {
        part.end: (label, part)
        for label, closed in parts.items()
        if is_preparation(label)
        for part in closed
    }
    same = True
    opened: set[int] = set()
    for position, step in enumerate(operations):
        if position not in closing:
            follower.follow((step,))
            continue
        label, part = closing[position]
        place = {q: site for q, site in part.place.items() if q in protocol.live}
        follower.interrupt(place.values())
        known = {q: place[q] for q in place.keys() & opened}
        same &= all(follower.pullback.holds_as_is(site, q) for q, site in known.items())
        fresh = {q: place[q] for q in place.keys() - opened}
        if label != INPUT_STAGE:
            # The state of an input is compared by itself.
            expected = protocol.prepared(label, part.place.keys() - opened)
            same &= expected is not None and all(
                follower.pullback.image({part.place[q]: "IXYZ"[g[q]] for q in g.pauli_indices()})
                == IDENTITY._replace(phase=0 if g.sign.real > 0 else 2)
                for g in expected
            )
        follower.open(fresh)
        opened |= fresh.keys()
    follower.settle()
    return same and opened == protocol.live


def _same_state(
    protocol: LogicalProtocol, index: int, follower: Follower, place: Mapping[int, int]
) -> bool:
    """Whether all that is needed later came out of a stage as it should.

    X and Z of each needed qubit have to show what they are asked to show. Two things are for the
    compiler to choose. Where the key is read, which outcomes show the input: it is enough that the
    same products of operators of the clone, operators of the key and outcomes show something
    certain of the input, and the same. And where inputs are entangled with each other, a Pauli that
    leaves their state as it is.
    """
    asked = protocol.stages[index]
    single = [(q, letter) for q in sorted(asked.needed) for letter in "XZ"]
    decrypts = asked.label.endswith(DECRYPTION)
    outcomes = sorted(asked.stage.read) if decrypts else []
    single += [(record_site(bit), "Z") for bit in outcomes]
    sites = {**place, **{record_site(bit): record_site(bit) for bit in outcomes}}

    def images(products: Iterable[int]) -> tuple[list[Pauli], list[Pauli]]:
        strings = [_string(mask, single) for mask in products]
        return (
            [follower.pullback.image({sites[q]: p for q, p in one.items()}) for one in strings],
            [asked.follower.pullback.image(one) for one in strings],
        )

    every = [1 << k for k in range(len(single))]
    mine, wanted = images(every)
    if mine == wanted:
        return True
    active = {q for mask in asked.together for q in qubits_of(mask)}
    idle = [1 << k for k, (q, _) in enumerate(single) if q >= 0 and q not in active]
    chosen = every
    if decrypts and (outcomes or asked.needed & protocol.noise):
        prior = protocol.before(index)
        chosen = certain(wanted, prior, protocol.numbering)
        if len(certain(mine, prior, protocol.numbering)) != len(chosen):
            return False
        compiled, logical = images([*chosen, *idle])
        if compiled == logical:
            return True
    if not protocol.has_entangled_inputs:
        return False
    fixed = certain(wanted, protocol.before(index, any_input=False), protocol.numbering)
    compiled, logical = images([*fixed, *idle])
    return compiled == logical and all(
        one in (other, other.negative) for one, other in zip(*images(chosen), strict=True)
    )


def _string(mask: int, single: Sequence[tuple[int, str]]) -> dict[int, str]:
    """The Pauli string that is the product of some operators on single qubits, up to a phase."""
    found: dict[int, str] = {}
    for k in qubits_of(mask):
        qubit, letter = single[k]
        found[qubit] = "Y" if qubit in found else letter
    return found


def _strangers(stage: Stage, together: Sequence[int]) -> Iterator[int]:
    """The symbols of meetings that the logical stage lacks; exchanges of places are none."""
    for mask in stage.conditions:
        if not any(mask & ~allowed == 0 for allowed in together):
            yield mask
    for one in stage.meetings:
        if not _allowed(one, together):
            yield one.symbols


def _allowed(one: Meeting, together: Sequence[int]) -> bool:
    alone = one.symbols.bit_count() == 1
    return alone or any(one.symbols & ~allowed == 0 for allowed in together) or one.relocates


def _same_losses(asked: Stage, found: Stage) -> bool:
    """Whether the same qubits are reset, and each waits as long as it should, or longer."""
    return (
        found.reset == asked.reset
        and found.lost == asked.lost
        and all(found.waits[q] >= seconds * _WAIT_TOLERANCE for q, seconds in asked.waits.items())
    )


def _same_readouts(asked: Asked, found: Stage) -> bool:
    """Whether the same bits are read in a stage, and each shows what it should.

    What bits show that are read during a decryption is for the compiler to choose, as long as it is
    of the key and of the clone: together with the state afterwards they are compared there.
    """
    if asked.stage.read.keys() != found.read.keys():
        return False
    if asked.label.endswith(DECRYPTION):
        return all(
            pauli.support and any(pauli.support & ~mask == 0 for mask in asked.together)
            for pauli in found.read.values()
        )
    return asked.stage.read == found.read

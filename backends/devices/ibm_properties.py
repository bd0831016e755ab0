"""The properties document of an IBM backend, taken apart into what it states."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from backends.devices.collective import read_interactions, read_layers
from backends.devices.offers import Offers
from backends.devices.stated import (
    StatedCoupler,
    StatedDevice,
    StatedQubit,
    Time,
    client_unit,
    number,
)
from backends.errors import UnusableDevice

PULSES = ("sx", "x", "r", "prx", "u", "u3")
"""Native pulses by which a qubit is judged, in order of preference."""

NAMED_ENTANGLERS = ("cz", "ecr", "cx", "iswap")
"""Two-qubit Clifford gates whose name alone identifies them, in order of preference."""

_NEEDED = (*PULSES, "rz", "measure")
"""Instructions on one qubit without which it is not used."""

_NO_DATE = "1970-01-01T00:00:00+00:00"

_Gates = dict[tuple[str, tuple[int, ...]], dict[str, Time]]


def first_entangler(device: str, names: Iterable[str]) -> str:
    """The preferred two-qubit gate among the names of instructions.

    Raises:
        UnusableDevice: if there is none.
    """
    known = set(names)
    for entangler in NAMED_ENTANGLERS:
        if entangler in known:
            return entangler
    raise UnusableDevice(
        f"device '{device}' has no Clifford two-qubit gate: looked for "
        f"{', '.join(NAMED_ENTANGLERS)}, found {', '.join(sorted(known)) or 'no gates'}"
    )


def stated_by_ibm(document: Mapping[str, Any], offers: Offers | None = None) -> StatedDevice:
    """What the properties document of an IBM backend states.

    Args:
        document: the parsed JSON, as the service and the packaged fake backends give it.
        offers: what else the device says that it can run.

    Raises:
        ValueError: if the document is none.
        UnusableDevice: if no Clifford two-qubit gate is among its gates.
    """
    name, listed, gates_listed = (document.get(k) for k in ("backend_name", "qubits", "gates"))
    if not isinstance(name, str):
        raise ValueError("its 'backend_name' is no text")  # noqa: TRY004
    for key, value in (("qubits", listed), ("gates", gates_listed)):
        if not isinstance(value, list) or not value:
            raise ValueError(f"it has no list of '{key}'")
    offers = offers or Offers()
    gates, unreadable = _gates(gates_listed or (), len(listed or ()))
    entangler = first_entangler(name, {gate for gate, _ in gates})
    qubits = []
    for index, parameters in enumerate(listed or ()):
        values = _values(parameters)
        pulse = next(((p, gates[p, (index,)]) for p in PULSES if (p, (index,)) in gates), None)
        of_pulse = {} if pulse is None else pulse[1]
        qubits.append(
            StatedQubit(
                t1=values.get("T1"),
                t2=values.get("T2"),
                gate_error=_plain(of_pulse.get("gate_error")),
                gate_time=of_pulse.get("gate_length") if pulse else Time(0.0),
                readout_error=_plain(values.get("readout_error")),
                readout_time=values.get("readout_length"),
                readout_asymmetry=_asymmetry(values),
                out_of_order=_not_operational(values) or _why_not(index, gates, offers),
            )
        )
    dead = {index for index, qubit in enumerate(qubits) if qubit.out_of_order}
    couplers = [
        StatedCoupler(
            (pair[0], pair[1]),
            _plain(values.get("gate_error")),
            values.get("gate_length"),
            # A target leaves out every gate on a qubit that is out of order.
            _not_operational(values) or ("" if dead & set(pair) else offers.why_not(gate, pair)),
        )
        for (gate, pair), values in gates.items()
        if gate == entangler
    ]
    return StatedDevice(
        name=name,
        date=document.get("last_update_date"),
        entangler=entangler,
        qubits=qubits,
        couplers=couplers,
        dynamic_circuits=offers.dynamic_circuits,
        lacks=offers.lacks,
        unreadable=unreadable,
        layers=read_layers(document),
        interactions=read_interactions(document, {tuple(sorted(c.qubits)) for c in couplers}),
    )


def readable_properties(document: Mapping[str, Any], configured: Collection[str]) -> dict[str, Any]:
    """The same document with only those values that IBM's client can read.

    The client gives a whole device up for one value that it does not understand, and for a qubit
    or gate out of order whose instruction the configuration lists without its qubits.

    Args:
        document: the parsed JSON, as the service gives it.
        configured: instructions of which the configuration lists the qubits.
    """
    listed = document.get("qubits")
    qubits = [_values(one) for one in listed] if isinstance(listed, list) else []
    dead = {index for index, values in enumerate(qubits) if _not_operational(values)}
    gates = []
    for (gate, on), values in _gates(document.get("gates") or (), len(qubits))[0].items():
        works = not _not_operational(values) and not dead & set(on)
        flag = 0 if gate in configured and not works else 1
        parameters = _readable({**values, "operational": Time(flag, "")})
        gates.append({"gate": gate, "qubits": list(on), "parameters": parameters})
    return {
        "backend_name": str(document.get("backend_name")),
        "backend_version": str(document.get("backend_version") or "0"),
        "last_update_date": _NO_DATE,
        # The client knows no qubit of which it has no value at all.
        "qubits": [_readable({**values, "operational": Time(1, "")}) for values in qubits],
        "gates": gates,
        "general": [],
    }


def _readable(values: Mapping[str, Time]) -> list[dict[str, Any]]:
    return [
        {"name": name, "value": time.value, "unit": unit, "date": _NO_DATE}
        for name, time in values.items()
        if number(time.value) is not None and (unit := client_unit(time.unit)) is not None
    ]


def _gates(listed: Iterable[Any], num_qubits: int) -> tuple[_Gates, list[str]]:
    """(Gate, qubits) → its values, and the entries that name no gate on qubits of the device."""
    found: _Gates = {}
    unreadable = []
    for place, entry in enumerate(listed):
        gate, on = (
            (entry.get("gate"), entry.get("qubits")) if isinstance(entry, Mapping) else (None, None)
        )
        if (
            not isinstance(gate, str)
            or not isinstance(on, list)
            or not all(type(q) is int and 0 <= q < num_qubits for q in on)
            or len(set(on)) != len(on)
            or (gate in NAMED_ENTANGLERS and len(on) != 2)
        ):
            unreadable.append(f"gates[{place}]")
            continue
        found[gate, tuple(on)] = _values(entry.get("parameters"))
    return found, unreadable


def _values(parameters: object) -> dict[str, Time]:
    """Name → value and unit; empty where there is no list of parameters."""
    if not isinstance(parameters, list):
        return {}
    return {
        str(p.get("name")): Time(p.get("value"), p.get("unit"))
        for p in parameters
        if isinstance(p, Mapping)
    }


def _plain(stated: Time | None) -> object:
    """A value that has no unit; None where there is none."""
    return None if stated is None else stated.value


def _asymmetry(values: Mapping[str, Time]) -> float | None:
    """Asymmetry of a readout; None where the calibration does not tell the outcomes apart."""
    one = number(_plain(values.get("prob_meas0_prep1")))
    zero = number(_plain(values.get("prob_meas1_prep0")))
    return None if one is None or zero is None else one - zero


def _not_operational(values: Mapping[str, Time]) -> str:
    stated = _plain(values.get("operational"))
    if stated is None or stated is True or number(stated) == 1:
        return ""
    return "not operational"


def _why_not(index: int, gates: _Gates, offers: Offers) -> str:
    """Why a qubit lacks a pulse, virtual rotation or readout; empty if it has all of them."""
    for name in _NEEDED:
        if (name, (index,)) in gates and (why := _not_operational(gates[name, (index,)])):
            return why
        if (why := offers.why_not(name, (index,))) and name in ("sx", "rz", "measure"):
            return why
    return ""

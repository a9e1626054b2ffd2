"""Simulated cards recorded while the product's flows run on them.

`python -m tests.traces.recording` writes the recorded ones of this folder anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from apdu.channel import Channel, Transport
from apdu.social_security.authentication import (
    Authenticator,
    BasicRead,
    PsamAuthenticator,
    read_basic,
)
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.file_address import FileData, parse_address
from apdu.social_security.needs import BASIC, DETAILED
from apdu.social_security.psam import Psam
from apdu.social_security.session import CardSession, open_session
from apdu.trace import Flow, Recorder, Trace
from simulators.cards import Algorithm, Card, Generation, Holder, Interface, face, operating_system
from simulators.cards.contents import Transaction
from simulators.cards.faults import wrong_cryptogram
from simulators.ceremony import CITY_KEYS, CardOrder, KeyAuthority
from simulators.channel import CardChannel
from world import Fault

CITY: Final = KeyAuthority()
KEYS: Final = CityKeys.from_toml(CITY_KEYS)
PIN: Final = "802741"
NEW_PIN: Final = "9137465"
WRONG_PIN: Final = "555555"
ORDER: Final = CardOrder(
    holder=Holder("519900199107231238", "司马阿依", "2", "11", "519900", "19910723"),
    generation=Generation.V3,
    algorithm=Algorithm.SM4,
    serial="5A3C77E1",
    card_number="K82650941",
    pin=PIN,
    transactions=(Transaction(7, "519900000001", "20260314150926", 123456, 20, 3),),
)

Kind = tuple[Generation, Algorithm, Interface]
KINDS: Final[tuple[Kind, ...]] = (
    (Generation.V1, Algorithm.DES3, Interface.CONTACT),
    (Generation.V2, Algorithm.DES3, Interface.CONTACT),
    (Generation.V2, Algorithm.SSF33, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACT),
    (Generation.V3, Algorithm.SM4, Interface.CONTACTLESS),
)
FILES: Final = {
    "holder": "SSSEEF06|08|09|4E|0A|0D|$",
    "insurance": "DF03EF05|61|60|$DF02EF05|42|43:2|5A|$DF01EF16|00:20|$",
    "rows": "DF04EF08|$DF02EF07|$",
    "all-keys": "DF04EF06|90|92|93|$DF07EF05|F0|F3|$SSSEEF08|00:10|$",
}


class Ticking:
    """A clock that advances a millisecond each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@dataclass(frozen=True)
class Recorded:
    """A trace beside what the flow really came to."""

    trace: Trace
    result: object
    fault: Fault | None

    @property
    def read(self) -> BasicRead:
        assert isinstance(self.result, BasicRead)
        return self.result


Act = Callable[[Channel, Authenticator], object]


def psam() -> PsamAuthenticator:
    """With all keys of the city's table."""
    return PsamAuthenticator(Psam(CardChannel(CITY.psam("519900000001"), Transport.T0)), KEYS)


def card_of(order: CardOrder, interface: Interface = Interface.CONTACT) -> Card:
    spec = CITY.card_spec(order)
    return face(operating_system(spec), spec.historical, interface)


def card_of_kind(kind: Kind) -> Channel:
    generation, algorithm, interface = kind
    order = replace(ORDER, generation=generation, algorithm=algorithm)
    return channel_of(card_of(order, interface), interface)


def channel_of(card: Card, interface: Interface = Interface.CONTACT) -> Channel:
    return CardChannel(card, Transport.T0 if interface is Interface.CONTACT else Transport.T1)


def recorded(channel: Channel, flow: Flow, act: Act) -> Recorded:
    """What comes of `act` on that card."""
    recorder = Recorder(channel, Ticking())
    keys = recorder.authenticator(psam())
    result: object = None
    ending: Fault | None = None
    try:
        result = act(recorder, keys)
    except Fault as fault:
        ending = fault
    return Recorded(recorder.trace(flow, "0", keys, ending), result, ending)


def record(channel: Channel, *, flow: str = "details") -> Recorded:
    """The basic read of the card behind the channel."""

    def act(card: Channel, keys: Authenticator) -> BasicRead:
        needs = DETAILED if flow == "details" else BASIC
        return read_basic(card, keys, clock=Ticking(), stage=lambda name: None, needs=needs)

    return recorded(channel, Flow(flow), act)


def record_files(channel: Channel, address: str, *, pin: str = "") -> Recorded:
    """Files by key, or by PIN where one is given."""

    def act(session: CardSession) -> tuple[FileData, ...]:
        return session.read(
            parse_address(address),
            how="pin" if pin else "key",
            ask_pin=lambda tries: bytearray((pin or PIN).encode()),
        )

    return record_session(channel, Flow("read", address, "pin" if pin else "key"), act)


def record_session(channel: Channel, flow: Flow, act: Callable[[CardSession], object]) -> Recorded:
    """Whatever is done behind the basic authentication."""

    def run(card: Channel, keys: Authenticator) -> object:
        with open_session(card, keys, keys=KEYS) as session:
            return act(session)

    return recorded(channel, flow, run)


PIN_FLOWS: Final[Mapping[str, Callable[[CardSession], object]]] = {
    "verify-pin": lambda session: session.verify_pin(bytearray(PIN.encode())),
    "change-pin": lambda session: session.change_pin(
        bytearray(PIN.encode()), bytearray(NEW_PIN.encode())
    ),
    "reload-pin": lambda session: session.reload_pin(bytearray(NEW_PIN.encode())),
    "unblock-pin": lambda session: session.unblock_pin(),
}


def forged() -> Channel:
    """A 3.0 card whose proof is wrong."""
    spec = CITY.card_spec(ORDER)
    inside = wrong_cryptogram(operating_system(spec))
    return channel_of(face(inside, spec.historical, Interface.CONTACT))


def all_of_the_folder() -> Mapping[str, Trace]:
    """The recorded traces of this folder by their names."""
    found = {}
    for kind in KINDS:
        generation, algorithm, interface = kind
        name = f"{generation.value}-{algorithm.name.lower()}-{interface.value}"
        found[f"details-{name}"] = record(card_of_kind(kind)).trace
        found[f"read-{name}"] = record_files(card_of_kind(kind), FILES["insurance"]).trace
    v2, v3 = KINDS[1], KINDS[3]
    found["basic-3.0-forged"] = record(forged(), flow="basic").trace
    found["read-3.0-all-keys"] = record_files(card_of_kind(v3), FILES["all-keys"]).trace
    found["read-2.0-rows-by-pin"] = record_files(card_of_kind(v2), FILES["rows"], pin=PIN).trace
    found["read-2.0-wrong-pin"] = record_files(card_of_kind(v2), FILES["rows"], pin=WRONG_PIN).trace
    for name, act in PIN_FLOWS.items():
        found[f"{name}-2.0"] = record_session(card_of_kind(v2), Flow(name), act).trace
        found[f"{name}-3.0"] = record_session(card_of_kind(v3), Flow(name), act).trace
    return found


if __name__ == "__main__":
    for name, trace in all_of_the_folder().items():
        (Path(__file__).parent / f"{name}.jsonl").write_bytes(bytes(trace))

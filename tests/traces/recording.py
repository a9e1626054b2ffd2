"""What the tests of traces share: simulated cards recorded while the product's flow reads them."""

from dataclasses import dataclass

from apdu.authentication import BasicRead, PsamAuthenticator, read_basic
from apdu.channel import Channel, Transport
from apdu.psam import Psam
from apdu.trace import Flow, Recorder, Trace
from simulators.cards import Algorithm, Card, Generation, Holder, Interface, face, operating_system
from simulators.ceremony import CardOrder, City
from simulators.direct import Direct
from world import Fault

CITY = City()
PIN = "802741"
ORDER = CardOrder(
    holder=Holder("519900199107231238", "司马阿依", "2", "11", "519900", "19910723"),
    generation=Generation.V3,
    algorithm=Algorithm.SM4,
    serial="5A3C77E1",
    card_number="K82650941",
    pin=PIN,
)


class Ticking:
    """A clock that advances a millisecond each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@dataclass(frozen=True)
class Recorded:
    """A trace beside what the flow really read."""

    trace: Trace
    read: BasicRead | None
    fault: Fault | None


def psam() -> PsamAuthenticator:
    card = CITY.psam("519900000001")
    return PsamAuthenticator(Psam(Direct(card, Transport.T0)))


def card_of(order: CardOrder, interface: Interface = Interface.CONTACT) -> Card:
    spec = CITY.card_spec(order)
    return face(operating_system(spec), spec.historical, interface)


def channel_of(card: Card, interface: Interface = Interface.CONTACT) -> Channel:
    return Direct(card, Transport.T0 if interface is Interface.CONTACT else Transport.T1)


def record(channel: Channel, *, flow: str = "details") -> Recorded:
    """Record the basic read of the card behind the channel."""
    recorder = Recorder(channel, Ticking())
    keys = recorder.authenticator(psam())
    read: BasicRead | None = None
    ending: Fault | None = None
    try:
        read = read_basic(
            recorder, keys, clock=Ticking(), stage=lambda name: None, details=flow == "details"
        )
    except Fault as fault:
        ending = fault
    return Recorded(recorder.trace(Flow(flow), "0", keys, ending), read, ending)

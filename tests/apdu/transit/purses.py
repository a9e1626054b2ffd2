"""Simulated purses and transit PSAMs as channels in this process, and a whole purchase on them."""

from dataclasses import dataclass

from apdu.channel import Transport
from apdu.transit.files import Layout
from apdu.transit.purse import Purse
from apdu.transit.transit_psam import TransitPsam
from apdu.transit.values import Authorisation, Debited, Initialised, Kind, PublicInfo
from simulators.cards import Interface
from simulators.cards.purse import PurseOs
from simulators.cards.transit_psam import TransitPsamOs, transit_psam
from simulators.channel import CardChannel
from simulators.transit import PurseOrder, Torn, TransitCity
from simulators.vpcd import TearAtApdu, TearAtInstruction

CITY = TransitCity()
MOMENT = "20250102030405"
Tear = TearAtApdu | TearAtInstruction
Record = tuple[Layout, bytes]


@dataclass
class Bench:
    """One card and one PSAM; `tap` powers the card anew."""

    inside: PurseOs
    psam_inside: TransitPsamOs
    psam: TransitPsam
    interface: Interface = Interface.CONTACTLESS
    sent: list[bytes] | None = None  # to the card, by the last tap

    def tap(self, tear: Tear | None = None) -> Purse:
        transport = Transport.T0 if self.interface is Interface.CONTACT else Transport.T1
        channel = Torn(CardChannel(CITY.face(self.inside, self.interface), transport), tear)
        self.sent = channel.sent
        return Purse(channel)

    def power_psam(self) -> TransitPsam:
        self.psam = TransitPsam(CardChannel(transit_psam(self.psam_inside), Transport.T0))
        return self.psam


@dataclass
class Paid:
    """All values of one purchase."""

    public: PublicInfo
    begun: Initialised
    authorisation: Authorisation
    debited: Debited


def bench(
    order: PurseOrder | None = None,
    *,
    interface: Interface = Interface.CONTACTLESS,
    psam: TransitPsamOs | None = None,
) -> Bench:
    inside = CITY.purse(order or PurseOrder())
    psam_inside = psam or CITY.psam()
    psam_channel = CardChannel(transit_psam(psam_inside), Transport.T0)
    return Bench(inside, psam_inside, TransitPsam(psam_channel), interface)


def pay(
    place: Bench,
    amount: int,
    kind: Kind = Kind.SIMPLE,
    records: tuple[Record, ...] = (),
    *,
    tear: Tear | None = None,
    moment: str = MOMENT,
) -> Paid:
    """Select, 8050, 8070, 80DC…, 8054, 8072: everything that a purchase needs."""
    purse = place.tap(tear)
    public = purse.select()
    begun = purse.initialise(kind, amount, place.psam.open())
    authorisation = place.psam.authorise(public, begun, moment)
    for layout, record in records:
        purse.update_record(layout, record)
    debited = purse.debit(authorisation)
    place.psam.verify(authorisation, debited.mac2)
    return Paid(public, begun, authorisation, debited)

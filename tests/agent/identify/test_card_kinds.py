"""Cards that want their commands otherwise, by the settings, in every flow that opens one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from agent.facade.call import CallAnswer
from agent.identify.card import CardIdentifier
from agent.identify.card_kinds import card_kinds, departures
from agent.identify.certificates import Authorities, Judge
from agent.identify.traces import recorded
from agent.tap.tap import TapReport
from apdu.channel import Transport
from apdu.replay import replay
from apdu.social_security.authentication import read_basic
from apdu.social_security.files import Generation
from apdu.social_security.quirks import CardKind, CardKinds
from apdu.trace import Flow, Trace, parse
from config.load import parse as parse_settings
from config.model import AgentSettings as Settings
from contracts.scenes.stand import Stand
from drivers.contract import Interface
from simulators.cards import Algorithm, Card, Holder, face, operating_system
from simulators.cards import Generation as Edition
from simulators.cards import Interface as Face
from simulators.ceremony import CardOrder, card_number
from simulators.world import SimWorld
from tests.agent.events import tap_of
from tests.agent.facade.counter import Counter
from tests.apdu.simulated import InProcess, bench
from tests.config.test_load import WHOLE
from trust.sm2 import sm2
from world.real import RealWorld

HOLDER = Holder("519900190001010014", "林青禾")
STUBBORN = CardKind(
    name="stubborn",
    internal_key_version=1,
    rewrites={"00A402": "00A400"},
    applications_by_fid=True,
    addressing=("select-tag",),
)
EDITIONS = [(Edition.V1, Algorithm.DES3), (Edition.V2, Algorithm.DES3), (Edition.V3, Algorithm.SM4)]
SELECT, READ = 0xA4, 0xB2
NOT_HERE, WRONG = b"\x6a\x82", b"\x6a\x86"


@dataclass
class Stubborn:
    """A genuine card that takes EFs by SELECT P1=00 alone, applications by their file ids, records
    by tag in the selected file, and 0088 with Lc 11."""

    inner: Card

    @property
    def atr(self) -> bytes:
        return self.inner.atr

    def power_on(self) -> None:
        self.inner.power_on()

    def power_off(self) -> None:
        self.inner.power_off()

    def transmit(self, command: bytes) -> bytes:
        ins, p1, p2 = command[1:4]
        if ins == SELECT and p1 == 0x02:
            return WRONG
        if ins == SELECT and p1 == 0x00 and command[5:6] == b"\xef":
            command = command[:2] + b"\x02" + command[3:]
        if ins == SELECT and p1 == 0x04 and command[5:9] == b"\xd1\x56\x00\x00":
            return NOT_HERE
        if ins == READ and p2 >> 3:
            return WRONG
        return self.inner.transmit(command)


def made(stand: Stand, edition: Edition, algorithm: Algorithm, interface: Interface) -> Card:
    order = CardOrder(
        holder=HOLDER,
        generation=edition,
        algorithm=algorithm,
        serial="0000AAAA",
        card_number=card_number("A0000001"),
        key_version_byte=True,
        certificates=edition is Edition.V3,
    )
    spec = stand.cast.city.card_spec(order)
    return Stubborn(face(operating_system(spec), spec.historical, Face(interface.value)))


class KindsStand(Stand):
    """A stand whose settings have these kinds."""

    def __init__(self, world: SimWorld, kinds: CardKinds) -> None:
        self.kinds = kinds
        super().__init__(world)

    def card_desk(self) -> CardIdentifier:
        return CardIdentifier(self.world, self.sams, self.references, cards=self.kinds)


def tap(kinds: Sequence[CardKind], edition: Edition, algorithm: Algorithm) -> TapReport:
    world = SimWorld(1)

    def main() -> TapReport:
        stand = KindsStand(world, CardKinds(kinds))
        reader = stand.door if edition is Edition.V3 else stand.slot
        card = made(stand, edition, algorithm, reader.interface)
        return stand.taps.handle(stand.entry, reader, reader.insert(card))

    return world.play(main)


@pytest.mark.parametrize(("edition", "algorithm"), EDITIONS)
def test_a_tap_speaks_to_a_card_as_its_kind_wants_it_and_records_which(
    edition: Edition, algorithm: Algorithm
) -> None:
    report = tap([STUBBORN], edition, algorithm)
    assert report.accepted, report.reason
    assert tap_of(report.record).card_kind == "stubborn"


def test_control_without_its_kind_such_a_card_is_unreadable() -> None:
    report = tap([], *EDITIONS[2])
    assert report.reason == "card-unreadable"


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ({"regions": ("5199",)}, True),
        ({"regions": ("519900",)}, False),  # known too late: its region cannot be read otherwise
        ({"atr": "3B8D8001*"}, True),
        ({"atr": "3B6D*"}, False),
    ],
)
def test_what_is_known_from_the_atr_counts_from_the_first_command(
    row: dict[str, object], fits: bool
) -> None:
    kind = CardKind(**{**{f: getattr(STUBBORN, f) for f in STUBBORN.__struct_fields__}, **row})
    assert tap([kind], *EDITIONS[2]).accepted is fits


@pytest.mark.parametrize("row", [{"regions": ("519900",)}, {"generations": ("3.0",)}], ids=str)
def test_a_kind_by_region_or_generation_counts_before_the_card_proves_itself(
    row: dict[str, tuple[str, ...]],
) -> None:
    reading = CardKind(name="reading", atr="*", addressing=("select-tag",),
                       rewrites={"00A402": "00A400"}, applications_by_fid=True)  # fmt: skip
    proving = CardKind(
        name="proving",
        internal_key_version=1,
        addressing=("select-tag",),
        rewrites={"00A402": "00A400"},
        **row,  # type: ignore[arg-type]
    )
    report = tap([proving, reading], *EDITIONS[2])
    assert report.accepted, report.reason
    assert tap_of(report.record).card_kind == "proving"


@pytest.mark.parametrize("kinds", [[STUBBORN], []], ids=["its kind", "control"])
@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("iReadCardBas", ["3"]),
        ("iReadCardBas_HSM_Step1", ["3"]),
        ("iReadCard", ["3", "2", "", "DF01EF06|23|$"]),
        ("iVerifyPIN", ["3"]),
    ],
)
def test_business_programs_get_such_a_card(
    function: str, parameters: list[str], kinds: list[CardKind]
) -> None:
    world = SimWorld(1)

    def main() -> CallAnswer:
        counter = Counter(world, cards=CardKinds(kinds))
        counter.pins.entries = ["123456"]
        card = made(counter.stand, *EDITIONS[2], counter.slot.interface)
        counter.slot.insert(card)
        counter.settle()
        info = f"|{card_number('A0000001')}|"
        return counter.call(function, *(one or info for one in parameters))

    answer = world.play(main)
    assert (answer.result == 0) is bool(kinds), answer.output


@pytest.mark.parametrize("kinds", [[STUBBORN], []], ids=["its kind", "control"])
def test_such_a_cards_certificates_are_found(kinds: list[CardKind]) -> None:
    """In the certificate application an EF is selected too."""
    inside = bench(*EDITIONS[2], certificates=True, key_version_byte=True)
    channel = InProcess(Stubborn(inside.channel.card), Transport.T0)
    judge = Judge(Authorities((), ()), sm2(), 1_700_000_000)
    quirks = CardKinds(kinds).named(kinds[0].name if kinds else "")
    found = judge.judge(channel, Generation.V3, quirks)  # type: ignore[arg-type]
    assert {one.result for one in found} == {"unknown-issuer" if kinds else "absent"}


def test_a_trace_is_played_again_as_it_was_recorded_and_keeps_no_pattern() -> None:
    kept: list[Trace] = []
    kinds = CardKinds([CardKind(name="other", atr="00*", le_zero=False), STUBBORN])
    inside = bench(*EDITIONS[2], key_version_byte=True)
    channel = InProcess(Stubborn(inside.channel.card), Transport.T0)
    flow = Flow("basic", cards=kinds.of_atr(channel.atr))
    assert [row.name for row in flow.cards] == ["stubborn"]
    world = RealWorld()
    with recorded(world, channel, inside.authenticator, flow, kept.append) as (card, keys):
        read_basic(card, keys, clock=world.monotonic, stage=lambda name: None, quirks=kinds)
    replayed = replay(parse(bytes(kept[0])))
    assert replayed.as_recorded
    assert replayed.read is not None
    assert replayed.read.kind == "stubborn"


def test_departures_are_told_as_they_are_set() -> None:
    text = (
        WHOLE
        + """
[[cards]]
name = "stubborn"
regions = ["5199"]
internal_key_version = 1
rewrites = { "00A402" = "00A400" }
"""
    )
    settings: Settings = parse_settings(text.encode(), "box.toml")
    assert departures(settings, "stubborn") == (
        'internal_key_version = 1, rewrites = {"00A402": "00A400"}'
    )
    assert departures(settings, "another") == ""
    (row,) = card_kinds(settings).rows
    assert (row.name, row.regions) == ("stubborn", ("5199",))

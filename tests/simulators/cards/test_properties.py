"""Whatever is sent: an answer of at least two bytes, never an exception, never a right for free."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from simulators.cards import Algorithm, Card, Generation, Interface
from simulators.cards.operating_system import SocialSecurityCardOs
from tests.simulators.cards.terminal import CITY, SSSE, Desk, desk, order

HOLDER_RECORD = bytes.fromhex("00B2083014")
INSTRUCTIONS = [0xA4, 0xB0, 0xB2, 0xC0, 0xD6, 0xDC, 0x84, 0x88, 0x82, 0x20, 0x5E, 0x1E, 0x16]
AIDS = [SSSE, "D15600000500", "D15600000503", "D15600000504"]

# Commands that look right: known classes, instructions and parameters, any data.
plausible = st.builds(
    lambda cla, ins, p1, p2, data, le: (
        bytes([cla, ins, p1, p2]) + (bytes([len(data)]) + data if data else b"") + le
    ),
    st.sampled_from([0x00, 0x80, 0x84, 0xBF]),
    st.sampled_from([*INSTRUCTIONS, 0xDE, 0xFA]),
    st.sampled_from([0x00, 0x01, 0x02, 0x04, 0x08, 0x86, 0x87]) | st.integers(0, 255),
    st.sampled_from([0x00, 0x04, 0x05, 0x06, 0x0A, 0x2C, 0x30, 0x34]) | st.integers(0, 255),
    st.binary(max_size=20),
    st.sampled_from([b"", b"\x00", b"\x08", b"\x10"]),
)
selection = st.sampled_from([bytes.fromhex(f"00A40400{len(a) // 2:02X}{a}") for a in AIDS])
commands = st.lists(plausible | selection | st.binary(max_size=300), max_size=25)
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def talk(card: Card, sequence: list[bytes]) -> None:
    for command in sequence:
        assert len(card.transmit(command)) >= 2


@pytest.mark.parametrize("interface", [Interface.CONTACT, Interface.CONTACTLESS])
@relaxed
@given(sequence=commands)
def test_any_bytes_get_an_answer_and_no_rights(interface: Interface, sequence: list[bytes]) -> None:
    card = desk(interface=interface)
    for command in sequence:
        assert len(card.card.transmit(command)) >= 2
        assert card.inside.rights == frozenset()
    opened = card.select() == "9000"
    read = card.card.transmit(HOLDER_RECORD)
    assert read.hex() == ("6982" if opened else "6985")


@relaxed
@given(sequence=commands)
def test_files_change_only_under_rights(sequence: list[bytes]) -> None:
    card = desk()
    before = contents(card.inside)
    talk(card.card, sequence)
    assert contents(card.inside) == before


@relaxed
@given(sequence=commands)
def test_psam_answers_anything(sequence: list[bytes]) -> None:
    psam = CITY.psam("519900000001")
    psam.power_on()
    talk(psam, sequence)


def test_control_a_right_that_is_won_is_seen() -> None:
    card = desk()
    card.select()
    assert card.authenticate("RKSSSE", 0x0A) == "9000"
    assert card.inside.rights
    assert card.card.transmit(HOLDER_RECORD)[-2:].hex() == "9000"


def contents(inside: SocialSecurityCardOs) -> list[str]:
    return [repr(file) for one in inside.applications for file in one.files]


class CardModel(RuleBasedStateMachine):
    """A model of rights and tries beside a real card."""

    @initialize(interface=st.sampled_from([Interface.CONTACT, Interface.CONTACTLESS]))
    def issue(self, interface: Interface) -> None:
        self.card: Desk = desk(Generation.V3, interface, pin="1234")
        self.selected = False
        self.rights: set[str] = set()
        self.tries = {"RKSSSE": 10, "UKSSSE": 10, "PIN": 6}

    @rule()
    def power(self) -> None:
        self.card.card.power_off()
        self.card.card.power_on()
        self.selected, self.rights = False, set()

    @rule()
    def select(self) -> None:
        assert self.card.select() == "9000"
        self.selected, self.rights = True, set()

    @precondition(lambda self: self.selected)
    @rule(key=st.sampled_from([("RKSSSE", 0x0A), ("UKSSSE", 0x04)]), right=st.booleans())
    def authenticate(self, key: tuple[str, int], right: bool) -> None:
        name, kid = key
        original, factor = self.card.challenge(), self.card.challenge()
        cryptogram = self.card.cryptogram(name, factor, original) if right else bytes(8)
        self._expect(name, right, self.card.present(kid, cryptogram, original), limit=10)

    @precondition(lambda self: self.selected)
    @rule(right=st.booleans())
    def verify(self, right: bool) -> None:
        self._expect("PIN", right, self.card.verify("1234" if right else "4321"), limit=6)

    @precondition(lambda self: self.selected)
    @rule()
    def replay_without_challenge(self) -> None:
        cryptogram = self.card.cryptogram("RKSSSE", bytes(8), bytes(8))
        expected = "6984" if self.tries["RKSSSE"] else "6983"
        assert self.card.present(0x0A, cryptogram, bytes(8)) == expected

    def _expect(self, name: str, right: bool, status: str, *, limit: int) -> None:
        if not self.tries[name]:
            assert status == "6983"
        elif right:
            assert status == "9000"
            self.tries[name] = limit
            self.rights.add(name)
        else:
            self.tries[name] -= 1
            self.rights.discard(name)
            assert status == f"63C{self.tries[name]:X}"

    @invariant()
    def what_is_open_is_what_was_won(self) -> None:
        assert self.card.inside.rights == self.rights
        expected = "6985"
        if self.selected:
            expected = "9000" if "RKSSSE" in self.rights else "6982"
        assert self.card.card.transmit(HOLDER_RECORD)[-2:].hex() == expected


TestCardModel = CardModel.TestCase
TestCardModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_issuing_is_deterministic() -> None:
    sequence = [bytes.fromhex(f"00A404000F{SSSE}"), *[bytes.fromhex("0084000008")] * 3]

    def answers() -> list[bytes]:
        card = CITY.card(order(algorithm=Algorithm.SM4), Interface.CONTACTLESS)
        card.power_on()
        return [card.transmit(command) for command in sequence]

    assert answers() == answers()

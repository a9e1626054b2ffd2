"""Each thing that can be wrong with a purse or a PSAM has a fault of its own, and pays nothing."""

from collections.abc import Callable
from functools import partial

import pytest

from apdu.channel import CardGone, Transport
from apdu.social_security.card import NotSocialSecurityCard, SocialSecurityCard
from apdu.social_security.psam import PsamMissing
from apdu.status import StatusFault
from apdu.transit.faults import (
    BalanceContradicted,
    BalanceTooSmall,
    DebitRefused,
    DebitUncertain,
    Mac1Refused,
    Mac2Refused,
    NotPurse,
    PsamSessionOver,
    PurseBlocked,
    PurseCounter,
    PurseKeyIndex,
    PurseLocked,
    PurseMalformed,
    PurseState,
    PurseStatus,
    PurseStopped,
    TransitPsamKeyVersion,
    TransitPsamLacksKey,
    TransitPsamMalformed,
    TransitPsamStatus,
    TransitPsamUnfit,
)
from apdu.transit.files import national
from apdu.transit.purse import T_UNION, Purse
from apdu.transit.selection import (
    PurseSelected,
    SocialSecuritySelected,
    select_application,
)
from apdu.transit.transit_psam import TransitPsam
from apdu.transit.values import Authorisation, Kind, PsamTerminal, PublicInfo
from simulators.cards import Algorithm, Generation, Interface, face, operating_system
from simulators.cards.foreign import foreign_card
from simulators.cards.transit_psam import CITY_UNION, TransitPsamOs, transit_psam
from simulators.ceremony import KeyAuthority
from simulators.channel import CardChannel
from simulators.transit import PurseOrder, TransitCity
from tests.apdu.scripted import Answering
from tests.apdu.transit.purses import CITY, MOMENT, Bench, bench, pay
from tests.simulators.cards.terminal import order as social_order
from world import Fault

TERMINAL = PsamTerminal(bytes.fromhex("012300033D11"), bytes(14), 1)
AUTHORISED = Authorisation(7, bytes(4), MOMENT)


@pytest.mark.parametrize(
    ("sw", "fault"),
    [(0x6283, PurseLocked), (0x6284, PurseLocked), (0x6A81, PurseLocked), (0x9303, PurseBlocked)],
)
def test_a_locked_purse_says_how(sw: int, fault: type[Fault]) -> None:
    place = bench()
    place.inside.faults.select_sw = sw
    with pytest.raises(fault):
        place.tap().select()


@pytest.mark.parametrize("state", [0x00, 0x02, 0x07])
def test_a_purse_that_is_not_enabled_is_refused(state: int) -> None:
    with pytest.raises(PurseStopped):
        bench(PurseOrder(state=state)).tap().select()


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        (PurseOrder(money=199), BalanceTooSmall),
        (PurseOrder(money=-1, overdraft=200), BalanceTooSmall),
        (PurseOrder(seq=0xFFFF), PurseCounter),
        (PurseOrder(key_index=2), PurseKeyIndex),
        (PurseOrder(key_version=3), TransitPsamKeyVersion),
        (PurseOrder(algorithm=Algorithm.SM4), TransitPsamLacksKey),
    ],
)
def test_what_cannot_be_paid_is_refused_before_the_debit(
    order: PurseOrder, fault: type[Fault]
) -> None:
    place = bench(order)
    with pytest.raises(fault):
        pay(place, 200)
    assert place.inside.money == order.money
    assert place.sent is not None
    assert all(command[1] != 0x54 for command in place.sent)


def test_a_card_that_lies_about_its_balance_is_found_out() -> None:
    place = bench(PurseOrder(money=1000))
    place.inside.faults.lies = 5000
    purse = place.tap()
    purse.select()
    with pytest.raises(BalanceContradicted):
        purse.initialise(Kind.SIMPLE, 200, TERMINAL, expected=purse.balance())


def test_a_card_that_owes_is_no_liar() -> None:
    place = bench(PurseOrder(money=-300, overdraft=1000))
    purse = place.tap()
    purse.select()
    purse.initialise(Kind.SIMPLE, 200, TERMINAL, expected=purse.balance())


def test_a_psam_with_other_roots_is_not_believed_and_nothing_is_paid() -> None:
    place = bench(psam=TransitCity(b"forger").psam())
    before = place.inside.state.money, place.inside.state.seq
    with pytest.raises(Mac1Refused):
        pay(place, 200)
    assert (place.inside.state.money, place.inside.state.seq) == before


@pytest.mark.parametrize("refusal", [0x63CF, 0x9302])
def test_a_wrong_mac2_is_found_out_by_the_psam(refusal: int) -> None:
    place = bench(psam=CITY.psam(mac2_refusal=refusal))
    place.inside.faults.wrong_mac2 = True
    with pytest.raises(Mac2Refused):
        pay(place, 200)


def test_a_wrong_tac_is_found_out_by_the_back_office_only() -> None:
    order = PurseOrder()
    place = bench(order)
    place.inside.faults.wrong_tac = True
    paid = pay(place, 200)
    assert paid.debited.tac != CITY.tac(
        order,
        amount=200,
        kind=6,
        terminal=paid.begun.terminal.number,
        sequence=paid.authorisation.sequence,
        moment=MOMENT,
    )


def test_a_debit_without_its_beginning_is_refused() -> None:
    purse = bench().tap()
    purse.select()
    with pytest.raises(DebitRefused):
        purse.debit(AUTHORISED)


def test_reading_between_beginning_and_debit_ends_what_was_begun() -> None:
    place = bench()
    purse = place.tap()
    public = purse.select()
    begun = purse.initialise(Kind.SIMPLE, 200, place.psam.open())
    authorised = place.psam.authorise(public, begun, MOMENT)
    purse.balance()
    with pytest.raises(DebitRefused):
        purse.debit(authorised)


def test_a_record_outside_a_composite_purchase_is_refused() -> None:
    purse = bench().tap()
    purse.select()
    purse.initialise(Kind.SIMPLE, 200, TERMINAL)
    with pytest.raises(PurseState):
        purse.update_record(national().trip, bytes(48))


@pytest.mark.parametrize(
    "answer",
    ["9000", "01020304050607 9000", "010203040506070809 9000", "6581", "6F00", "6C08", "63C0"],
)
def test_any_answer_but_a_clear_no_leaves_a_debit_open_and_is_not_repeated(answer: str) -> None:
    channel = Answering(lambda command: bytes.fromhex(answer))
    with pytest.raises(DebitUncertain):
        Purse(channel).debit(AUTHORISED)
    assert len(channel.sent) == 1


@pytest.mark.parametrize("sw", ["9302", "9401", "6985", "6901", "9403", "6A80"])
def test_a_clear_no_is_not_uncertain(sw: str) -> None:
    """The control: the test above is not passed by a session that calls everything uncertain."""
    channel = Answering(lambda command: bytes.fromhex(sw))
    with pytest.raises(DebitRefused):
        Purse(channel).debit(AUTHORISED)


MALFORMED: list[tuple[str, Callable[[Purse], object]]] = [
    ("9000", lambda purse: purse.initialise(Kind.SIMPLE, 1, TERMINAL)),
    ("00" * 14 + "9000", lambda purse: purse.initialise(Kind.SIMPLE, 1, TERMINAL)),
    ("000000 9000", lambda purse: purse.balance()),
    ("00" * 7 + "9000", lambda purse: purse.proof(Kind.SIMPLE, 1)),
    ("00" * 22 + "9000", lambda purse: purse.log(1)),
    ("00" * 47 + "9000", lambda purse: purse.trip(1)),
    ("00" * 59 + "9000", lambda purse: purse.management()),
    ("6F05 84FF A0 9000", lambda purse: purse.select()),
    ("01 9000", lambda purse: purse.select()),
]


@pytest.mark.parametrize(("answer", "ask"), MALFORMED)
def test_what_has_another_form_is_named(answer: str, ask: Callable[[Purse], object]) -> None:
    with pytest.raises(PurseMalformed):
        ask(Purse(Answering(lambda command: bytes.fromhex(answer))))


def _public(number: str) -> bytes:
    """The answer to SELECT of a card whose file 0015 has these ten bytes for its number."""
    public = f"01015199FFFFFFFF 0201 {number} 20200101 20991231 0000".replace(" ", "")
    inside = f"8408{T_UNION.hex()}A521" + f"9F0C1E{public}"
    return bytes.fromhex(f"6F{len(inside) // 2:02X}{inside}9000")


@pytest.mark.parametrize("fill", "0F9")
def test_what_fills_a_card_number_up_decides_nothing(fill: str) -> None:
    number = "3105199000000000001"
    public = Purse(Answering(partial(_always, _public(fill + number)))).select()
    assert (public.card_number, public.serial.hex()) == (number, number[3:])


@pytest.mark.parametrize("number", ["03F05199000000000001", "0310519900000000000F", "F" * 20])
def test_a_card_number_that_is_no_digits_is_nobodys(number: str) -> None:
    with pytest.raises(PurseMalformed) as caught:
        Purse(Answering(partial(_always, _public(number)))).select()
    assert caught.value.facts == {"what": "0015", "length": 30}


@pytest.mark.parametrize("country", ["00000156", "FFFFFFFF", "0156FFFF", "00000000", "43484E20"])
@pytest.mark.parametrize("province", ["5100", "FFFF"])
def test_only_city_interoperability_and_type_of_a_card_decide(country: str, province: str) -> None:
    answer = bytes.fromhex(f"{country}{province}5199000103".ljust(120, "0") + "9000")
    told = Purse(Answering(partial(_always, answer))).management()
    assert (told.city, told.interoperable, told.card_type) == ("5199", True, 3)
    assert (told.country, told.province) == (country, province)


MISSING = ["6A83", "6A82", "6A88", "6A86", "6B00"]


@pytest.mark.parametrize("answer", [*MISSING, "00" * 60 + "9000", "FF" * 60 + "9000"])
def test_a_card_without_the_file_that_prices_it_is_malformed_as_one_with_an_empty_one(
    answer: str,
) -> None:
    with pytest.raises(PurseMalformed) as caught:
        Purse(Answering(lambda command: bytes.fromhex(answer))).management()
    assert caught.value.facts == {"what": "0017", "length": 0}


@pytest.mark.parametrize("size", [23, 48])
def test_a_row_that_is_missing_is_none_as_one_that_was_never_written(size: int) -> None:
    for answer in [*MISSING, "9000", "00" * size + "9000", "FF" * size + "9000"]:
        purse = Purse(Answering(partial(_always, bytes.fromhex(answer))))
        assert (purse.log(1) if size == 23 else purse.trip(1)) is None


@pytest.mark.parametrize("time", ["FF" * 7, "99" * 7, "2026EE21220000"])
def test_a_row_is_told_whatever_its_time_is(time: str) -> None:
    """A load elsewhere wrote it: whoever looks for a row of his own compares, and goes on."""
    row = national().log.encode({"type": 2, "amount": 5}, bytes(16) + bytes.fromhex(time))
    purse = Purse(Answering(partial(_always, row + b"\x90\0")))
    told = purse.log(1)
    assert told is not None
    assert (told.type, told.amount, told.moment) == (2, 5, time)
    assert purse.find_in_log(bytes(6), 5, MOMENT) is None
    trip = national().trip.encode({"type": 3}, bytes(25) + bytes.fromhex(time) + bytes(16))
    read = Purse(Answering(partial(_always, trip + b"\x90\0"))).trip(1)
    assert read is not None
    assert (read["type"], read["moment"]) == (3, time)


def _always(answer: bytes, command: bytes) -> bytes:
    return answer


def test_a_record_of_the_city_that_was_never_written_is_zeros() -> None:
    layout = national().trip
    blank = b"\xff" * layout.size + b"\x90\0"
    assert Purse(Answering(lambda command: blank)).read_record(layout) == bytes(layout.size)


def test_other_refusals_carry_their_status_word() -> None:
    purse = Purse(Answering(lambda command: bytes.fromhex("6F01")))
    with pytest.raises(PurseStatus) as caught:
        purse.balance()
    assert caught.value.sw == 0x6F01


# -- which application answers


def test_a_purse_answers_first_and_a_card_without_one_as_social_security() -> None:
    plain = CardChannel(CITY.face(CITY.purse(PurseOrder())), Transport.T1)
    assert isinstance(select_application(plain), PurseSelected)
    spec = KeyAuthority().card_spec(social_order())
    social = face(operating_system(spec), spec.historical, Interface.CONTACT)
    chosen = select_application(CardChannel(social, Transport.T0))
    assert isinstance(chosen, SocialSecuritySelected)
    assert chosen.application == "social-security"


def test_one_card_with_both_answers_as_a_purse_and_still_is_a_social_security_card() -> None:
    inside, card = CITY.one_card(PurseOrder(), social_order(Generation.V3), KeyAuthority())
    channel = CardChannel(card, Transport.T1)
    chosen = select_application(channel)
    assert isinstance(chosen, PurseSelected)
    social = SocialSecurityCard(channel)
    social.select()
    assert social.read_version() == "3.00"
    with pytest.raises(StatusFault):
        chosen.purse.balance()
    chosen.purse.select()
    assert chosen.purse.balance() == inside.purse.money


def test_neither_is_named() -> None:
    channel = CardChannel(foreign_card(Interface.CONTACTLESS), Transport.T1)
    with pytest.raises(NotSocialSecurityCard):
        select_application(channel)
    with pytest.raises(NotPurse):
        Purse(channel).select()


def test_a_locked_purse_is_the_answer_and_not_a_reason_to_go_on() -> None:
    inside, card = CITY.one_card(PurseOrder(), social_order(Generation.V3), KeyAuthority())
    inside.purse.faults.select_sw = 0x6A81
    with pytest.raises(PurseLocked):
        select_application(CardChannel(card, Transport.T1))


# -- the PSAM


def begun(place: Bench, amount: int = 100) -> tuple[PublicInfo, Authorisation, bytes]:
    """A purchase up to the card's MAC2, which nobody has shown to the PSAM."""
    purse = place.tap()
    public = purse.select()
    start = purse.initialise(Kind.SIMPLE, amount, place.psam.open())
    authorised = place.psam.authorise(public, start, MOMENT)
    return public, authorised, purse.debit(authorised).mac2


def test_the_psam_tells_who_it_is_and_is_asked_once() -> None:
    channel = CardChannel(transit_psam(CITY.psam("012300033D11")), Transport.T0)
    sent: list[bytes] = []
    inner = channel.transmit

    def transmit(command: bytes) -> bytes:
        sent.append(command)
        return inner(command)

    channel.transmit = transmit  # type: ignore[method-assign]
    psam = TransitPsam(channel)
    terminal = psam.open()
    assert (terminal.number.hex(), terminal.key_index) == ("012300033d11", 1)
    assert len(terminal.serial) == 14
    asked = len(sent)
    assert psam.open() == terminal
    assert (len(sent), psam.application) == (asked, "T-Union")


def test_a_city_union_psam_is_found_too() -> None:
    place = bench(psam=CITY.psam(application=CITY_UNION))
    pay(place, 100)
    assert place.psam.application == "City-Union"


def test_only_the_last_session_can_be_verified() -> None:
    place = bench()
    _, first, first_mac2 = begun(place)
    _, second, second_mac2 = begun(place)
    assert not place.psam.can_verify(first)
    with pytest.raises(PsamSessionOver):
        place.psam.verify(first, first_mac2)
    assert place.psam.can_verify(second)
    place.psam.verify(second, second_mac2)
    with pytest.raises(PsamSessionOver):
        place.psam.verify(second, second_mac2)


def test_an_8070_that_is_refused_ends_the_session_before_it_all_the_same() -> None:
    place = bench()
    _, first, mac2 = begun(place)
    other = bench(PurseOrder(key_version=9))
    purse = other.tap()
    public = purse.select()
    with pytest.raises(TransitPsamKeyVersion):
        place.psam.authorise(public, purse.initialise(Kind.SIMPLE, 1, place.psam.open()), MOMENT)
    with pytest.raises(PsamSessionOver):
        place.psam.verify(first, mac2)


def test_a_psam_that_lost_its_power_verifies_nothing_of_before() -> None:
    place = bench()
    _, authorised, mac2 = begun(place)
    old = place.psam
    with pytest.raises(PsamSessionOver):
        place.power_psam().verify(authorised, mac2)
    with pytest.raises(PsamSessionOver):  # the old handle asks, and the PSAM knows no session
        old.verify(authorised, mac2)


def test_its_numbers_go_on_after_a_power_cut() -> None:
    place = bench()
    _, first, _ = begun(place)
    place.power_psam()
    _, second, _ = begun(place)
    assert second.sequence == first.sequence + 1


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        (CITY.psam(issuers=("0101339900000000",)), TransitPsamLacksKey),
        (CITY.psam(versions=(2, 3)), TransitPsamKeyVersion),
        (CITY.psam(application=0x9999), TransitPsamUnfit),
    ],
)
def test_a_psam_that_cannot_serve_a_card_says_why(
    inside: TransitPsamOs, fault: type[Fault]
) -> None:
    with pytest.raises(fault):
        pay(bench(psam=inside), 100)


def scripted_psam(answers: dict[int, bytes | Fault]) -> TransitPsam:
    """Says yes and gives what was asked for, but for some INS."""

    def answer(command: bytes) -> bytes:
        special = answers.get(command[1])
        if isinstance(special, Fault):
            raise special
        if special is not None:
            return special
        return bytes(command[4]) + b"\x90\x00" if command[1] == 0xB0 else b"\x90\x00"

    return TransitPsam(Answering(answer, Transport.T0))


def test_a_psam_that_goes_is_missing_and_not_a_card_that_went() -> None:
    with pytest.raises(PsamMissing):
        scripted_psam({0xB0: CardGone()}).open()


def test_a_psam_that_answers_in_another_form_is_named() -> None:
    with pytest.raises(TransitPsamMalformed):
        scripted_psam({0xB0: bytes(3) + b"\x90\x00"}).open()
    with pytest.raises(TransitPsamStatus):
        scripted_psam({0xB0: bytes.fromhex("6A82")}).open()
    purse = bench().tap()
    public = purse.select()
    start = purse.initialise(Kind.SIMPLE, 1, TERMINAL)
    psam = scripted_psam({0x70: bytes(7) + b"\x90\x00"})
    with pytest.raises(TransitPsamMalformed):
        psam.authorise(public, start, MOMENT)

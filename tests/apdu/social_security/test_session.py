"""Files of a powered card: each condition with and without its right, on simulated cards of every
generation, read and written back."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.channel import CardGone
from apdu.command import Command
from apdu.social_security.authentication import AuthenticationFailed
from apdu.social_security.card_files import CardFiles
from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY
from apdu.social_security.data_items import items_of
from apdu.social_security.file_address import (
    CardInfo,
    format_data,
    parse_address,
    parse_card_info,
    parse_data,
)
from apdu.social_security.files import APPLICATIONS, PIN, SSSE_FILES, Access, Structure
from apdu.social_security.files import Generation as Edition
from apdu.social_security.key_authentication import FileUnknown, How, PinNeeded, file_of
from apdu.social_security.keys import KeyUnknown
from apdu.social_security.pin import PinNotSet
from apdu.social_security.psam import PsamLacksKey
from apdu.social_security.quirks import Addressing, Quirks
from apdu.social_security.records import RecordFault
from apdu.social_security.session import CardSession, OtherCard, open_session
from apdu.social_security.values import ValueFault
from apdu.status import SecurityStatusNotSatisfied
from simulators.cards import Algorithm, Generation, Interface
from simulators.cards.contents import Transaction
from tests.apdu.simulated import CARDS, Bench, bench, psam_authenticator
from tests.simulators.cards.terminal import CITY, SERIAL

Place = tuple[str, int, Access]
CARD = parse_card_info(f"{CITY.card_id(SERIAL)}|X00000019|")


def places(edition: Edition) -> Iterator[Place]:
    """Every file of the tables with what opens it."""
    yield from (("SSSE", file.fid, file.read) for file in SSSE_FILES[edition])
    for application in APPLICATIONS:
        yield from ((application.name, file.fid, file.read) for file in application.files)


SHUT = [place for place in places(Edition.V3) if frozenset() not in place[2]]
FREE = [place for place in places(Edition.V3) if frozenset() in place[2]]


def named(place: Place) -> str:
    return f"{place[0]}EF{place[1] & 0xFF:02X}"


def whole(place: Place) -> str:
    """An address with the first item of the file, if it is one of records."""
    file = file_of(place[0], place[1], Edition.V3)
    if file.structure is not Structure.VARIABLE:
        return f"{named(place)}|$"
    first = {"SSSEEF05": "01", "SSSEEF06": "08"}.get(named(place))
    return f"{named(place)}|{first or f'{items_of(place[0], place[1], Edition.V3)[0].tag:02X}'}|$"


def enter_pin(tries: int) -> bytearray:
    return bytearray(b"123456")


def nobody(tries: int) -> bytearray:
    raise AssertionError("this file does not need the PIN")


def unopened(session: CardSession, place: Place) -> None:
    """Read without winning anything."""
    session.enter(place[0])
    (address,) = parse_address(whole(place))
    CardFiles(session.card, session.generation).read(
        address, file_of(place[0], place[1], session.generation)
    )


@pytest.mark.parametrize("place", SHUT, ids=named)
def test_a_file_stays_shut_without_its_right(place: Place) -> None:
    with bench().session() as session, pytest.raises(SecurityStatusNotSatisfied):
        unopened(session, place)


@pytest.mark.parametrize("place", SHUT, ids=named)
@pytest.mark.parametrize("how", ["pin", "key"])
def test_a_file_opens_with_each_right_that_its_condition_names(place: Place, how: How) -> None:
    card = bench()
    with card.session() as session:
        (data,) = session.read(parse_address(whole(place)), how=how, ask_pin=enter_pin)
    assert data.values or place[1] == 0xEF08
    wanted = [rights for rights in place[2] if (PIN in rights) is (how == "pin")] or place[2]
    assert card.inside.rights - {"RKSSSE"} == wanted[0] - {"RKSSSE"}


@pytest.mark.parametrize("place", FREE, ids=named)
def test_a_free_file_needs_nothing(place: Place) -> None:
    with bench().session() as session:
        assert session.needs_for_reading(parse_address(whole(place))[0]).nothing
        session.read(parse_address(whole(place)), ask_pin=nobody)


@pytest.mark.parametrize("right", ["pin", "key"])
def test_half_of_pin_and_key_does_not_open(right: str) -> None:
    with bench().session() as session:
        session.enter("DF04")
        if right == "pin":
            session.verify_pin(enter_pin(6))
        else:
            session.read(parse_address("DF04EF05|81|$"), how="key")
        with pytest.raises(SecurityStatusNotSatisfied):
            unopened(session, ("DF04", 0xEF06, ()))


def test_rights_are_lost_with_the_application_and_won_anew() -> None:
    card = bench()
    with card.session() as session:
        session.read(parse_address("DF01EF05|20|$DF02EF05|42|$DF01EF06|23|$"), how="key")
    assert card.channel.count(0x82) == 3


def test_one_entry_of_the_pin_serves_all_applications_of_one_read() -> None:
    asked: list[int] = []
    entered = bytearray(b"123456")

    def ask(tries: int) -> bytearray:
        asked.append(tries)
        return entered

    card = bench()
    with card.session() as session:
        session.read(parse_address("DF01EF05|20|$DF02EF05|42|$"), how="pin", ask_pin=ask)
    assert asked == [6]
    assert card.channel.count(0x20) == 4  # the tries, then the PIN, in each application
    assert entered == b""


def test_a_key_is_shown_before_the_pin_is_asked_for() -> None:
    card = bench()
    with card.session() as session:
        session.read(parse_address("DF04EF06|90|$"), ask_pin=enter_pin)
    instructions = [command[1] for command in card.channel.sent]
    assert instructions.index(0x82) < instructions.index(0x20)


def test_without_anybody_to_ask_the_pin_is_told_to_be_missing() -> None:
    with bench().session() as session, pytest.raises(PinNeeded):
        session.read(parse_address("DF04EF08|$"))


def test_a_card_without_pin_says_so() -> None:
    with bench(pin=None).session() as session, pytest.raises(PinNotSet):
        session.read(parse_address("DF04EF08|$"), ask_pin=nobody)


# -- what is read


@pytest.mark.parametrize(("generation", "algorithm", "interface"), CARDS)
def test_all_structures_are_read_on_every_generation(
    generation: Generation, algorithm: Algorithm, interface: Interface
) -> None:
    transactions = [
        Transaction(number, "519900000001", f"2020010{number}120000", 100, 20, 3)
        for number in (1, 2, 3)
    ]
    photo = bytes(range(256)) * 16
    card = bench(generation, algorithm, interface, transactions=transactions)
    card.inside.application("SSSE").files[3].update_binary(0, photo)
    with card.session() as session:
        text = format_data(
            session.read(
                parse_address("SSSEEF06|08|09|$DF01EF15|2A|40:3|$DF04EF08|$SSSEEF08|$"),
                how="pin",
                ask_pin=enter_pin,
            )
        )
    rows = [f"{n:04X}^2^519900000001^2020010{n}120000^100^20^3" for n in (3, 2, 1)]
    assert text == (
        "SSSEEF06|519900190001010011|测试甲|$DF01EF15|19|357^190001^359|$"
        f"DF04EF08|{'|'.join(rows)}|$SSSEEF08|{photo.hex().upper()}|$"
    )


TRANSACTIONS = parse_address("DF04EF08|$")


@given(st.binary(min_size=28, max_size=28))
def test_any_transaction_that_was_written_has_seven_parts(row: bytes) -> None:
    card = bench()
    card.inside.application("DF04").files[-1].append(row)  # type: ignore[attr-defined]
    with card.session() as session:
        (data,) = session.read(TRANSACTIONS, ask_pin=enter_pin)
        assert [value.count("^") for value in data.values] == [6] * any(row.strip(b"\0\xff"))


@pytest.mark.parametrize("never_written", [bytes(28), b"\xff" * 28])
def test_a_row_that_was_never_written_ends_the_rows(never_written: bytes) -> None:
    card = bench()
    rows = card.inside.application("DF04").files[-1]
    rows.append(never_written)  # type: ignore[attr-defined]
    rows.append(b"\1" * 28)  # type: ignore[attr-defined]
    with card.session() as session:
        (data,) = session.read(TRANSACTIONS, ask_pin=enter_pin)
        assert len(data.values) == 1


def test_a_part_that_would_read_as_two_is_shown_with_another_sign() -> None:
    made = Transaction(1, "519900000001", "20200101120000", 1, 2, 3, kind="^")
    with bench(transactions=[made]).session() as session:
        (data,) = session.read(TRANSACTIONS, ask_pin=enter_pin)
        assert data.values == ("0001^＾^519900000001^20200101120000^1^2^3",)
        assert session.card.illegible == {"DF04EF08"}


def test_a_row_of_another_length_is_empty_and_the_others_are_read() -> None:
    made = Transaction(1, "519900000001", "20200101120000", 1, 2, 3)
    card = bench(transactions=[made])
    card.inside.application("DF04").files[-1].append(b"\1" * 27)  # type: ignore[attr-defined]
    with card.session() as session:
        (data,) = session.read(TRANSACTIONS, ask_pin=enter_pin)
        assert [bool(value) for value in data.values] == [False, True]
        assert session.card.illegible == {"DF04EF08"}


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("DF04EF08|2|$", ("0001",)),
        ("DF04EF08|9|$", ("",)),
        ("DF04EF08|0|$", ("",)),
        ("DF04EF08||$", ("",)),
    ],
)
def test_single_rows_are_read_by_number(address: str, values: tuple[str, ...]) -> None:
    made = [Transaction(number, "519900000001", "20200101120000", 1, 2, 3) for number in (1, 2)]
    with bench(transactions=made).session() as session:
        (data,) = session.read(parse_address(address), ask_pin=enter_pin)
    assert tuple(value[:4] for value in data.values) == values


def test_parts_of_a_transparent_file_are_read_by_offset_and_length() -> None:
    card = bench()
    card.inside.application("DF01").files[-1].update_binary(0x20, b"\xbe\xef")
    with card.session() as session:
        (data,) = session.read(parse_address("DF01EF1A|20:2|1F:3|01|$"))
    assert data.values[:2] == ("BEEF", "00BEEF")
    assert len(data.values[2]) == 2 * 0x128


def test_an_empty_item_stays_empty_and_nothing_is_sent_for_it() -> None:
    card = bench()
    with card.session() as session:
        before = card.channel.count(0xB2)
        (data,) = session.read(parse_address("SSSEEF05||07|$"))
    assert data.values == ("", "X00000019")
    assert card.channel.count(0xB2) == before + 1


def test_a_record_that_no_table_has_is_shown_as_hex() -> None:
    card = bench()
    file = card.inside.application("DF01").files[0]
    file.records.append(bytes.fromhex("EE03010203"))  # type: ignore[attr-defined]
    with card.session() as session:
        (data,) = session.read(parse_address("DF01EF05|EE|EF|$"), how="key")
        assert data.values == ("010203", "")
        with pytest.raises(ValueFault) as caught:
            session.write(parse_data("DF01EF05|01|02|$", parse_address("DF01EF05|EE|EF|$")))
    assert caught.value.facts["reason"] == "unknown-item"


@pytest.mark.parametrize("address", ["DF01EF15|40:4|$", "DF01EF05|EE:2|$", "DF01EF05|140|$"])
def test_a_record_that_cannot_be_is_refused(address: str) -> None:
    with bench().session() as session, pytest.raises(ValueFault):
        session.read(parse_address(address), how="key")


@pytest.mark.parametrize("address", ["DF01EF1A|120:9|$", "SSSEEF08|1000:1|$"])
def test_a_range_beyond_the_file_is_refused(address: str) -> None:
    with bench().session() as session, pytest.raises(ValueFault):
        session.read(parse_address(address), how="key")


@pytest.mark.parametrize("address", ["DF05EF05|01|$", "DF01EF0B|01|$", "SSSEEF09|01|$"])
def test_a_file_that_no_such_card_has_is_named_before_anything_is_sent(address: str) -> None:
    card = bench()
    with card.session() as session:
        sent = len(card.channel.sent)
        with pytest.raises(FileUnknown):
            session.read(parse_address("SSSEEF05|01|$" + address))
        assert len(card.channel.sent) == sent


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("200441414141", "AAAA"),  # longer than the table has it
        ("2003B2E2CA", "测"),  # cut in a character
        ("2002410A", "A"),
        ("20034100B2", "A"),  # a half behind the NUL
        ("2002247C", "＄｜"),
        ("20", ""),
    ],
)
def test_a_record_that_is_odd_leaves_the_others_as_they_are(raw: str, shown: str) -> None:
    card = bench()
    good = card.inside.application("DF01").files[0].records  # type: ignore[attr-defined]
    good[0] = bytes.fromhex(raw)
    with card.session() as session:
        (data,) = session.read(parse_address("DF01EF05|20|21|$"), how="key")
        assert data.values == (shown, "121")
        assert session.card.illegible == {"DF01EF05-20"}


def test_a_number_that_says_whose_the_data_are_is_no_text_that_is_shown() -> None:
    card = bench()
    holder = card.inside.application("SSSE").files[1].records  # type: ignore[attr-defined]
    holder[0] = b"\x08\x12" + b"51990019000101001\x81"
    with card.session() as session, pytest.raises(RecordFault):
        session.read(parse_address("SSSEEF06|08|$"), how="key")


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("DF01EF05|20|21|$", ("", "")),
        ("SSSEEF08|$", ("",)),
        ("DF04EF08|$", ()),
        ("DF04EF08|1|2|$", ("", "")),
    ],
)
@pytest.mark.parametrize(
    "addressing", [Addressing.SFI_AND_TAG, Addressing.SELECT_AND_TAG, Addressing.SFI_AND_NUMBER]
)
def test_a_file_that_is_not_there_is_read_like_an_empty_one(
    address: str, values: tuple[str, ...], addressing: Addressing
) -> None:
    card = bench()
    application = card.inside.application(address[:4])
    application.files = [file for file in application.files if f"{file.fid:04X}" != address[4:8]]
    quirks = Quirks(addressing=(addressing,))
    session = open_session(card.channel, card.authenticator, keys=card.keys, quirks=quirks)
    with session:
        found, other = session.read(
            parse_address(address + "SSSEEF06|09|$"), how="key", ask_pin=enter_pin
        )
        assert (found.values, other.values) == (values, ("测试甲",))


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(addressing=(Addressing.SELECT_AND_TAG,)),
        Quirks(addressing=(Addressing.SFI_AND_NUMBER,)),
        Quirks(applications_by_fid=True),
    ],
)
def test_a_card_that_wants_it_otherwise_is_asked_so(quirks: Quirks) -> None:
    card = bench()
    session = open_session(card.channel, card.authenticator, keys=card.keys, quirks=quirks)
    address = "DF01EF06|23|28|$DF01EF15|40:2|$SSSEEF06|09|$"
    (first, second, third) = session.read(parse_address(address), how="key")
    assert first.values == ("123", "128")
    assert second.values == ("257^190001^259",)
    assert third.values == ("测试甲",)


def test_a_card_that_counts_its_records_is_never_asked_by_tag() -> None:
    card = bench()
    quirks = Quirks(addressing=(Addressing.SFI_AND_NUMBER,))
    session = open_session(card.channel, card.authenticator, keys=card.keys, quirks=quirks)
    files = parse_address("DF01EF06|23|2D|$SSSEEF06|4E|0D|$")
    session.write(parse_data("甲|1|$乙|20000101|$", files))
    assert [data.values for data in session.read(files, how="key")] == [
        ("甲", "1"),
        ("乙", "20000101"),
    ]
    assert all(c[3] & 7 == 4 for c in card.channel.sent if c[1] in (0xB2, 0xDC))


# -- writing


@pytest.mark.parametrize(("generation", "algorithm", "interface"), CARDS)
def test_what_is_written_is_read_back(
    generation: Generation, algorithm: Algorithm, interface: Interface
) -> None:
    text = (
        "SSSEEF05|20301231|$SSSEEF06|李四|51990|$DF01EF15|甲^123^乙丙|$"
        "DF01EF1A|BEEF|$DF03EF05|20200202|$DF04EF05|9|$SSSEEF07|" + "A5" * 0x300 + "|$"
    )
    address = (
        "SSSEEF05|06|$SSSEEF06|09|0C|$DF01EF15|40:3|$DF01EF1A|10:2|$DF03EF05|60|$DF04EF05|8F|$"
        "SSSEEF07|$"
    )
    files = parse_address(address)
    card = bench(generation, algorithm, interface)
    with card.session() as session:
        session.write(parse_data(text, files))
    with card.session() as session:
        assert format_data(session.read(files)) == text


def written(place: Place) -> bool:
    """DF07 is in no table of the city, and a card alone writes its transactions."""
    return place[0] != "DF07" and place[:2] != ("DF04", 0xEF08)


@pytest.mark.parametrize("place", [place for place in (*SHUT, *FREE) if written(place)], ids=named)
def test_writing_wants_an_update_key_and_nothing_else(place: Place) -> None:
    with bench().session() as session:
        need = session.needs_for_writing(parse_address(whole(place))[0])
    assert not need.pin
    assert [key.name[:2] for key in need.keys] == ["UK"]


@pytest.mark.parametrize("place", [place for place in SHUT if not written(place)], ids=named)
def test_a_file_without_an_update_key_is_named(place: Place) -> None:
    with bench().session() as session, pytest.raises(KeyUnknown) as caught:
        session.needs_for_writing(parse_address(whole(place))[0])
    assert caught.value.facts["what"] == "update-key"


def test_an_update_without_its_key_is_refused_by_the_card() -> None:
    card = bench()
    with card.session() as session:
        session.read(parse_address("SSSEEF06|09|$"))
        with pytest.raises(SecurityStatusNotSatisfied):
            session.card.do(Command(0x00, 0xDC, 0x09, 0x30, bytes.fromhex("091E") + bytes(30)))


def test_all_values_are_checked_before_the_first_key_is_shown() -> None:
    card = bench()
    files = parse_address("SSSEEF06|09|$DF01EF05|20|$")
    with card.session() as session, pytest.raises(ValueFault):
        session.write(parse_data("李四|$太长了太长了|$", files))
    assert card.channel.count(0x82) == card.channel.count(0xDC) == 0


@pytest.mark.parametrize(
    ("address", "value", "reason"),
    [
        ("SSSEEF06|0A|$", "12", "length"),
        ("SSSEEF06|0D|$", "1990x101", "characters"),
        ("SSSEEF06|09|$", "a\tb", "characters"),
        ("SSSEEF06|09|$", "\ud800", "characters"),
        ("SSSEEF05|01|$", "AB", "length"),
        ("SSSEEF05|01|$", "ABC", "length"),
        ("DF01EF15|40:1|$", "a^b", "parts"),
        ("DF01EF1A|0:2|$", "BEEF00", "length"),
        ("DF01EF1A|0:2|$", "BE1", "characters"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(address: str, value: str, reason: str) -> None:
    with bench().session() as session, pytest.raises(ValueFault) as caught:
        session.write(parse_data(f"{value}|$", parse_address(address)))
    assert caught.value.facts["reason"] == reason


def test_a_file_may_be_opened_before_its_data_are_known_and_its_key_is_shown_once() -> None:
    card = bench()
    files = parse_address("DF01EF05|20|$")
    with card.session() as session:
        session.open_for_writing(files[0])
        session.write(parse_data("12|$", files))
        assert session.read(files, how="key")[0].values == ("12",)
    shown = [command[3] for command in card.channel.sent if command[1] == 0x82]
    assert shown == [0x83, 0x90]  # UK1DF01, then RK1DF01


def test_an_empty_value_is_written_as_padding() -> None:
    files = parse_address("SSSEEF06|09|0D|$DF01EF15|40:1|$")
    with bench().session() as session:
        session.write(parse_data("||$|$", files))
        assert [data.values for data in session.read(files)] == [("", ""), ("^^",)]


def test_a_write_that_is_torn_leaves_each_record_old_or_new() -> None:
    card = bench()
    files = parse_address("SSSEEF06|09|0D|$")

    def leave(command: bytes) -> None:
        if command[1] == 0xDC and card.channel.count(0xDC) == 1:
            raise CardGone

    card.channel.before = leave
    with card.session() as session, pytest.raises(CardGone):
        session.write(parse_data("李四|20000101|$", files))
    card.channel.before = lambda command: None
    with card.session() as session:
        assert session.read(files)[0].values == ("李四", "19000101")


# -- which card


def test_the_card_that_the_caller_means_is_accepted() -> None:
    card = bench()
    session = open_session(card.channel, card.authenticator, expected=CARD)
    assert (session.card_id, session.card_number) == (CARD.card_id, CARD.card_number)


@pytest.mark.parametrize(
    ("expected", "field"),
    [
        (CardInfo("5" * 32, CARD.card_number), "card-id"),
        (CardInfo(CARD.card_id, "X00000027"), "card-number"),
        (CardInfo("", "X00000027"), "card-number"),
    ],
)
def test_another_card_is_refused_before_any_key_is_asked_for(
    expected: CardInfo, field: str
) -> None:
    card = bench()
    with pytest.raises(OtherCard) as caught:
        open_session(card.channel, card.authenticator, expected=expected)
    assert caught.value.facts == {"field": field}
    assert card.channel.count(0x84) == 0


@pytest.mark.parametrize(
    "expected",
    [
        CardInfo(CARD.card_id.lower(), CARD.card_number.lower()),
        CardInfo("", f" {CARD.card_number[:8]}-{CARD.card_number[8:]} "),
    ],
)
def test_the_card_that_is_meant_is_known_however_the_caller_spells_it(expected: CardInfo) -> None:
    card = bench()
    session = open_session(card.channel, card.authenticator, expected=expected)
    assert session.card_id == CARD.card_id


def forged() -> Bench:
    card = bench()
    card.inside.key("SSSE", "IRK").value = bytes(16)
    return card


def test_no_key_and_no_pin_goes_to_a_card_that_has_not_proved_itself() -> None:
    card = forged()
    with pytest.raises(AuthenticationFailed):
        card.session()
    assert card.channel.count(0x82) == card.channel.count(0x20) == 0


def test_only_a_caller_that_steps_goes_without_the_proof() -> None:
    """The control, and the exception that `open_session` documents."""
    card = forged()
    session = open_session(card.channel, card.authenticator, keys=card.keys, prove=False)
    session.read(parse_address("SSSEEF06|09|$"))
    assert card.channel.count(0x88) == 0


def test_a_key_that_the_psam_has_not_leads_to_the_hsm() -> None:
    card = bench()
    card.authenticator = psam_authenticator(PUBLIC_KEYS_ONLY)
    with card.session() as session, pytest.raises(PsamLacksKey) as caught:
        session.read(parse_address("DF01EF05|20|$"), how="key")
    assert caught.value.facts["key"] == "RK1DF01"
    assert caught.value.interface_error == -27272
    assert card.channel.count(0x82) == 0

"""Challenges, cryptograms, counters, blocks: how rights are won and how they are lost."""

import pytest

from simulators.cards import Algorithm, Generation, Interface
from simulators.cards.ciphers import SUITES, padded
from tests.simulators.cards.terminal import CITY, SERIAL, SSSE, Desk, desk, selected

ALGORITHMS = [
    (Generation.V1, Algorithm.DES3),
    (Generation.V1, Algorithm.SSF33),
    (Generation.V2, Algorithm.DES3),
    (Generation.V2, Algorithm.SSF33),
    (Generation.V3, Algorithm.SM4),
]
WRONG = bytes(8)


# -- GET CHALLENGE


@pytest.mark.parametrize("size", [4, 8, 16])
def test_challenge_sizes(size: int) -> None:
    card = selected()
    assert len(card.send(f"00840000{size:02X}")) == 2 * size + 4


@pytest.mark.parametrize("size", [0, 1, 7, 9, 32])
def test_other_challenge_sizes_are_refused(size: int) -> None:
    assert selected().status(f"00840000{size:02X}") == "6700"


def test_challenges_differ_and_a_seed_repeats_them() -> None:
    one, again = selected(), selected()
    first = [one.challenge() for _ in range(5)]
    assert len(set(first)) == 5
    assert first == [again.challenge() for _ in range(5)]


def test_the_last_challenge_is_the_factor() -> None:
    card = selected()
    first, second = card.challenge(), card.challenge()
    swapped = card.cryptogram("RKSSSE", first, second)
    assert card.present(0x0A, swapped, second)[:3] == "63C"
    assert card.authenticate("RKSSSE", 0x0A) == "9000"


@pytest.mark.parametrize(
    "between",
    ["00A4020002EF05", "00B2012812", "0020000000", "0084000005", "00FF0000"],
)
def test_a_command_between_challenge_and_0082_spoils_it(between: str) -> None:
    card = selected()
    original, factor = card.challenge(), card.challenge()
    cryptogram = card.cryptogram("RKSSSE", factor, original)
    card.send(between)
    assert card.present(0x0A, cryptogram, original) == "6984"
    assert card.inside.key("SSSE", "RKSSSE").tries.left == 10


def test_a_challenge_is_used_once() -> None:
    card = selected()
    original, factor = card.challenge(), card.challenge()
    cryptogram = card.cryptogram("RKSSSE", factor, original)
    assert card.present(0x0A, cryptogram, original) == "9000"
    assert card.present(0x0A, cryptogram, original) == "6984"


def test_a_challenge_belongs_to_its_application() -> None:
    card = selected()
    original, factor = card.challenge(), card.challenge()
    cryptogram = card.cryptogram("RKSSSE", factor, original)
    card.select()
    assert card.present(0x0A, cryptogram, original) == "6984"


def test_a_short_challenge_is_no_factor() -> None:
    card = selected()
    card.send("0084000004")
    assert card.present(0x0A, WRONG, WRONG) == "6984"


# -- INTERNAL AUTHENTICATE


@pytest.mark.parametrize(("generation", "algorithm"), ALGORITHMS)
def test_internal_authentication_proves_the_citys_key(
    generation: Generation, algorithm: Algorithm
) -> None:
    card = selected(generation, algorithm=algorithm)
    original, factor = card.challenge(), card.challenge()
    expected = card.cryptogram("IRK", factor, original).hex().upper()
    assert card.send(f"0088000010{factor.hex()}{original.hex()}") == expected + "9000"


def test_internal_authentication_with_key_version_wants_11() -> None:
    plain, variant = selected(), selected(key_version_byte=True)
    data = "01" * 16
    assert plain.status(f"0088000011{data}00") == "6700"
    assert variant.status(f"0088000010{data}") == "6700"
    assert variant.send(f"0088000011{data}00") == plain.send(f"0088000010{data}")


def test_internal_key_is_not_for_external_and_not_in_other_applications() -> None:
    card = selected()
    assert card.authenticate("IRK", 0x00) == "6A88"
    card.select("D15600000500")
    assert card.status("0088000010" + "00" * 16) == "6A88"


# -- EXTERNAL AUTHENTICATE


@pytest.mark.parametrize(("generation", "algorithm"), ALGORITHMS)
def test_external_authentication(generation: Generation, algorithm: Algorithm) -> None:
    card = selected(generation, algorithm=algorithm)
    assert card.authenticate("RKSSSE", 0x0A) == "9000"
    assert card.inside.rights == {"RKSSSE"}


def test_wrong_cryptograms_count_down_to_blocked() -> None:
    card = selected()
    for left in range(9, -1, -1):
        card.challenge()
        assert card.present(0x0A, WRONG, WRONG) == f"63C{left:X}"
    card.challenge()
    assert card.present(0x0A, WRONG, WRONG) == "6983"
    assert card.authenticate("RKSSSE", 0x0A) == "6983"
    card.card.power_on()
    card.select()
    assert card.authenticate("RKSSSE", 0x0A) == "6983"


def test_a_right_cryptogram_gives_the_tries_back() -> None:
    card = selected()
    card.challenge()
    card.present(0x0A, WRONG, WRONG)
    card.authenticate("RKSSSE", 0x0A)
    card.challenge()
    assert card.present(0x0A, WRONG, WRONG) == "63C9"


def test_a_wrong_cryptogram_takes_the_right_away() -> None:
    card = selected()
    card.authenticate("RKSSSE", 0x0A)
    card.challenge()
    card.present(0x0A, WRONG, WRONG)
    assert card.inside.rights == frozenset()


def test_each_key_counts_for_itself() -> None:
    card = selected()
    card.challenge()
    card.present(0x04, WRONG, WRONG)
    assert card.inside.key("SSSE", "UKSSSE").tries.left == 9
    assert card.inside.key("SSSE", "RKSSSE").tries.left == 10


@pytest.mark.parametrize("command", ["0082000A08" + "00" * 8, "0082000A11" + "00" * 17])
def test_external_lengths(command: str) -> None:
    assert selected().status(command) == "6700"


def test_external_with_an_unknown_key() -> None:
    card = selected()
    card.challenge()
    assert card.present(0x0B, WRONG, WRONG) == "6A88"


# -- rights are lost


@pytest.mark.parametrize("aid", [SSSE, "D15600000500"])
def test_selecting_an_application_forgets_rights(aid: str) -> None:
    card = selected()
    card.authenticate("RKSSSE", 0x0A)
    card.verify()
    card.select(aid)
    assert card.inside.rights == frozenset()


def test_power_forgets_rights_and_selection() -> None:
    card = selected()
    card.authenticate("RKSSSE", 0x0A)
    card.card.power_off()
    card.card.power_on()
    assert card.inside.rights == frozenset()
    assert card.status("00B2012812") == "6985"


def test_a_failed_select_keeps_where_one_was() -> None:
    card = selected()
    card.authenticate("RKSSSE", 0x0A)
    assert card.select("A000000333") == "6A82"
    assert card.status("00B2083014") == "9000"


def test_selecting_a_file_keeps_rights() -> None:
    card = selected()
    card.authenticate("RKSSSE", 0x0A)
    card.status("00A4020002EF06")
    assert card.status("00B2080014") == "9000"


# -- PIN


@pytest.mark.parametrize("query", ["0020000000", "00200000"])
def test_pin_query_tells_the_tries_and_costs_none(query: str) -> None:
    card = selected()
    assert card.status(query) == "63C6"
    assert card.status(query) == "63C6"
    assert selected(pin=None).status(query) == "9000"


def test_wrong_pins_count_down_to_blocked_and_stay_so() -> None:
    card = selected()
    for left in range(5, -1, -1):
        assert card.verify("654321") == f"63C{left}"
    assert card.verify() == "6983"
    card.card.power_on()
    card.select()
    assert card.verify() == "6983"
    assert card.status("0020000000") == "63C0"


def test_a_right_pin_gives_the_tries_back() -> None:
    card = selected()
    card.verify("000000")
    assert card.verify() == "9000"
    assert card.status("0020000000") == "63C6"


def test_a_wrong_pin_takes_the_right_away() -> None:
    card = selected()
    card.verify()
    card.verify("000000")
    assert card.inside.rights == frozenset()


def test_pin_padding_is_no_part_of_the_pin() -> None:
    card = selected(pin="12345")
    assert card.verify("12345") == "9000"
    assert card.status("0020000004" + "12345FFF") == "9000"


@pytest.mark.parametrize("command", ["002000000112", "0020000009" + "12" * 9])
def test_pin_lengths(command: str) -> None:
    card = selected()
    assert card.status(command) == "6700"
    assert card.inside.pin.tries.left == 6


def test_change_pin() -> None:
    card = selected()
    assert card.status("805E010007" + "123456FF654321") == "9000"
    assert card.verify() == "63C5"
    assert card.verify("654321") == "9000"


def test_change_pin_with_a_wrong_old_one_costs_a_try() -> None:
    card = selected()
    assert card.status("805E010007" + "000000FF654321") == "63C5"
    assert card.verify() == "9000"


@pytest.mark.parametrize("data", ["123456654321", "123456FF", "FF654321", "123456FFABCDEF"])
def test_a_malformed_change_costs_nothing(data: str) -> None:
    card = selected()
    assert card.status(f"805E0100{len(data) // 2:02X}{data}") == "6A80"
    assert card.inside.pin.tries.left == 6


# -- blocking


def block(card: Desk, header: str) -> str:
    suite = SUITES[card.algorithm]
    key = CITY.key(card.algorithm, "BK", level=0, historical=CITY.historical(SERIAL))
    process_key = suite.process_key(key, card.challenge())
    mac = suite.mac(process_key, padded(bytes.fromhex(header), suite.block))
    return card.status(header + mac.hex())


def test_application_is_blocked_for_good() -> None:
    card = selected()
    assert block(card, "841E000104") == "9000"
    assert card.status("00B2012812") == "6985"
    assert card.select() == "9303"
    card.card.power_on()
    assert card.select() == "9303"


def test_card_is_blocked_for_good() -> None:
    card = selected(Generation.V2)
    assert block(card, "8416000004") == "9000"
    card.card.power_on()
    assert card.select() == "6A81"
    assert card.select("D15600000500") == "6A81"


def test_a_wrong_mac_blocks_nothing_and_counts() -> None:
    card = selected()
    card.challenge()
    assert card.status("8416000004" + "00000000") == "6988"
    assert card.inside.key("SSSE", "BK").tries.left == 9
    assert card.status("8416000004" + "00000000") == "6984"
    assert card.select() == "9000"


def test_state_blocked_at_personalisation() -> None:
    card = desk(Generation.V3, Interface.CONTACTLESS)
    card.inside.application("SSSE").blocked = True
    assert card.select() == "9303"
    card.inside.blocked = True
    assert card.select() == "6A81"

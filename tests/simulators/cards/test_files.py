"""The tree, rule by rule: what is there, who may read it, who may write it."""

import pytest

from simulators.cards import CardData, Generation, Holder, Interface
from simulators.cards.files import CyclicFile
from simulators.cards.layout import Condition, applications, read_condition
from tests.simulators.cards.terminal import CITY, PIN, SERIAL, Desk, desk, selected

GENERATIONS = tuple(Generation)
# Condition of reading, as spec social-security-card.md states it: (application, file) → names.
PIN_OR_KEY = {
    **{("DF01", f): "RK1DF01" for f in ("EF05", "EF06", "EF07", "EF08", "EF09", "EF0A", "EF15")},
    **{("DF02", f): "RK1DF02" for f in ("EF05", "EF06", "EF07", "EF09", "EF15", "EF16")},
    ("DF03", "EF05"): "RK2DF03",
    **{("DF03", f): "RK1DF03" for f in ("EF06", "EF07", "EF15", "EF16", "EF17", "EF18", "EF19")},
    ("DF04", "EF05"): "RK1DF04",
}
KEY_ONLY = {
    ("SSSE", "EF07"): "RKSSSE",
    ("SSSE", "EF08"): "RKSSSE",
    ("DF07", "EF05"): "RK1DF07",
    ("DF07", "EF06"): "RK2DF07",
    ("DF07", "EF07"): "RK3DF07",
}
AID = {
    "SSSE": "7378312E73682EC9E7BBE1B1A3D5CF",
    "DF01": "D15600000500",
    "DF02": "D15600000501",
    "DF03": "D15600000502",
    "DF04": "D15600000503",
    "DF07": "D15600000504",
    "PKI": "504B492EC9E7BBE1B1A3D5CF",
    "CERT": "53532E434552542E41444631",
}


def read(card: Desk, fid: str) -> str:
    """Status of reading a file's first record or byte."""
    assert card.status(f"00A4020002{fid}") == "9000"
    status = card.status("00B2010400")
    if status[:2] == "6C":
        return card.status(f"00B20104{status[2:]}")
    return card.status("00B0000001") if status == "6981" else status


def kid(application: str, name: str) -> int:
    rows = {row.name: row for row in applications(Generation.V3)}
    return next(key.kid for key in rows[application].keys if key.name == name)


@pytest.mark.parametrize(("place", "key"), PIN_OR_KEY.items())
def test_pin_or_read_key_opens(place: tuple[str, str], key: str) -> None:
    application, fid = place
    card = desk()
    card.select(AID[application])
    assert read(card, fid) == "6982"
    assert card.verify() == "9000"
    assert read(card, fid) == "9000"
    card.select(AID[application])
    assert read(card, fid) == "6982"
    assert card.authenticate(key, kid(application, key)) == "9000"
    assert read(card, fid) == "9000"


@pytest.mark.parametrize(("place", "key"), KEY_ONLY.items())
def test_only_the_read_key_opens(place: tuple[str, str], key: str) -> None:
    application, fid = place
    card = desk()
    card.select(AID[application])
    card.verify()
    assert read(card, fid) == "6982"
    assert card.authenticate(key, kid(application, key)) == "9000"
    assert read(card, fid) == "9000"


@pytest.mark.parametrize("other", ["RK1DF07", "RK2DF07"])
def test_another_key_does_not_open(other: str) -> None:
    card = desk()
    card.select(AID["DF07"])
    card.authenticate(other, kid("DF07", other))
    assert read(card, "EF07") == "6982"


def test_df04_ef06_needs_pin_and_key() -> None:
    card = desk()
    card.select(AID["DF04"])
    card.verify()
    assert read(card, "EF06") == "6982"
    card.authenticate("RK1DF04", kid("DF04", "RK1DF04"))
    assert read(card, "EF06") == "9000"
    card.select(AID["DF04"])
    card.authenticate("RK1DF04", kid("DF04", "RK1DF04"))
    assert read(card, "EF06") == "6982"


def test_transactions_need_the_pin_and_the_newest_is_number_one() -> None:
    card = desk()
    log = card.inside.application("DF04").files[-1]
    assert isinstance(log, CyclicFile)
    for number in range(32):
        log.append(bytes([number]) * 5)
    card.select(AID["DF04"])
    assert card.status("00B2014405") == "6982"
    card.verify()
    assert card.send("00B2014405") == "1F" * 5 + "9000"
    assert card.send("00B21E4405") == "02" * 5 + "9000"
    assert card.status("00B21F4405") == "6A83"


@pytest.mark.parametrize("fid", ["EF16", "EF17", "EF18", "EF19", "EF1A"])
def test_public_files_of_df01_are_free_and_128_hex_long(fid: str) -> None:
    card = desk()
    card.select(AID["DF01"])
    card.status(f"00A4020002{fid}")
    assert card.status("00B0000080") == "9000"
    assert card.status("00B0012701") == "9000"
    assert card.status("00B0012800") == "6B00"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_issuer_data_is_free_on_all_generations(generation: Generation) -> None:
    card = selected(generation)
    assert card.status("00A4020002EF05") == "9000"
    assert card.send("00B2010012") == f"0110{CITY.card_id(SERIAL)}9000"
    for command in ("00B2020003", "00B2030006", "00B204000E", "00B2050006", "00B2060006"):
        assert card.status(command) == "9000"
    assert card.send("00B207000B").startswith("0709")


@pytest.mark.parametrize("generation", [Generation.V1, Generation.V2])
def test_holder_is_free_on_1_and_2(generation: Generation) -> None:
    card = selected(generation)
    card.status("00A4020002EF06")
    assert card.send("00B2080014") == "0812" + b"519900190001010011".hex() + "9000"


def test_holder_needs_rkssse_on_3() -> None:
    card = selected()
    card.status("00A4020002EF06")
    for tag in ("08", "09", "4E", "0A", "0B", "0C", "0D"):
        assert card.status(f"00B2{tag}0000") == "6982"
    assert card.authenticate("RKSSSE", 0x0A) == "9000"
    assert card.status("00B2080014") == "9000"


@pytest.mark.parametrize(
    ("generation", "tags"),
    [
        (Generation.V1, ["08", "09", "0A", "0B", "0C", "0D"]),
        (Generation.V2, ["08", "09", "4E", "0A", "0B", "0C", "0D"]),
        (Generation.V3, ["08", "09", "4E", "0A", "0B", "0C", "0D"]),
    ],
)
def test_record_numbers_of_the_generation(generation: Generation, tags: list[str]) -> None:
    card = selected(generation, Interface.CONTACT)
    card.authenticate("RKSSSE", 0x0A)
    for number, tag in enumerate(tags, 1):
        by_number = card.status(f"00B2{number:02X}3400")
        assert by_number[:2] == "6C"
        record = card.send(f"00B2{number:02X}34{by_number[2:]}")
        assert record[:2] == tag
        assert card.send(f"00B2{tag}30{by_number[2:]}") == record
    assert card.status(f"00B2{len(tags) + 1:02X}3400") == "6A83"


def test_1_0_has_no_name_extension() -> None:
    assert selected(Generation.V1).status("00B24E3016") == "6A83"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_certificates_exist_on_3_only(generation: Generation) -> None:
    card = desk(generation)
    expected = "9000" if generation is Generation.V3 else "6A82"
    assert card.select(AID["PKI"]) == expected
    assert card.select(AID["CERT"]) == expected
    if generation is Generation.V3:
        assert card.status("00B0920041") == "9000"


def test_conditions_name_keys_of_their_application_or_the_pin() -> None:
    for row in applications(Generation.V3):
        known = {key.name for key in row.keys} | {"PIN"}
        for file in row.files:
            for condition in (read_condition(file, Generation.V3), Condition.parse(file.write)):
                assert condition.names <= known, (row.name, file.fid)


# -- writing


def test_update_needs_the_update_key_and_a_right_record() -> None:
    card = selected()
    update = "00DC062806" + "0604" + "20301231"
    assert card.status(update) == "6982"
    card.verify()
    card.authenticate("RKSSSE", 0x0A)
    assert card.status(update) == "6982"
    card.authenticate("UKSSSE", 0x04)
    assert card.status("00DC063006" + "0604" + "20301231") == "6A83"  # EF06 has no tag 06
    assert card.status("00DC062806" + "0504" + "20301231") == "6A80"
    assert card.status("00DC062805" + "0603" + "203012") == "6A80"
    assert card.status(update) == "9000"
    assert card.send("00B2062806") == "0604203012319000"


def test_what_was_written_outlives_power() -> None:
    card = selected()
    card.authenticate("UKSSSE", 0x04)
    card.status("00D6870002BEEF")
    card.card.power_off()
    card.card.power_on()
    card.select()
    card.authenticate("RKSSSE", 0x0A)
    assert card.send("00B0870002") == "BEEF9000"


def test_update_binary_stays_inside_the_file() -> None:
    card = selected()
    assert card.status("00D6870002BEEF") == "6982"
    card.authenticate("UKSSSE", 0x04)
    assert card.status("00D602FF02BEEF") == "6700"
    assert card.status("00D6030001BE") == "6B00"
    assert card.status("00D602FE02BEEF") == "9000"


@pytest.mark.parametrize("place", [("CERT", "00D6920001FF"), ("DF04", "00DC014401FF")])
def test_what_is_never_written(place: tuple[str, str]) -> None:
    application, command = place
    card = desk()
    card.select(AID[application])
    card.verify()
    assert card.status(command) == "6982"


# -- encodings


def test_name_beyond_thirty_bytes_goes_to_the_extension() -> None:
    name = "测" * 18
    card = selected(Generation.V2, holder=Holder("519900190001010011", name))
    first, rest = card.send("00B2093020"), card.send("00B24E3016")
    gbk = name.encode("gbk")
    assert bytes.fromhex(first)[2:-2] == gbk[:30]
    assert bytes.fromhex(rest)[2:-2] == gbk[30:].ljust(20, b"\0")


def test_bcd_is_padded_with_f_or_e() -> None:
    for pad in ("F", "E"):
        card = selected(Generation.V1, pad=pad, expires="")
        assert card.send("00B2062806") == "0604" + pad * 8 + "9000"


def test_version_may_be_empty_on_1_0() -> None:
    assert selected(Generation.V1, version="").send("00B2032806") == "0304000000009000"


def test_values_too_long_for_their_field_are_refused() -> None:
    data = CardData("00" * 16, "3.00", "X00000019", Holder("5" * 19, "甲"))
    with pytest.raises(ValueError, match="number"):
        data.records(Generation.V3, "EF06")
    long = CardData("00" * 16, "3.00", "X00000019", Holder("5" * 18, "甲" * 26))
    with pytest.raises(ValueError, match="name"):
        long.records(Generation.V3, "EF06")


def test_pin_of_the_tests_is_the_cards() -> None:
    assert desk().inside.pin.digits == PIN

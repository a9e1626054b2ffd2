"""NMEA 0183: what is a sentence, what is a fix, and that no bytes are an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.position.nmea import (
    KNOT,
    LONGEST,
    UNCHECKED,
    Fix,
    Sentences,
    Speed,
    checked,
    read_fix,
    sentence,
)
from simulators.devices.gnss import fix_sentences

RMC = "GNRMC,123519.00,A,3000.30000,N,12000.60000,E,022.4,084.4,230926,,,A"
GGA = "GPGGA,123519.00,3000.30000,N,12000.60000,E,1,08,0.9,545.4,M,46.9,M,,"


def heard(*data: bytes) -> list[str]:
    sentences = Sentences()
    return [text for chunk in data for text in sentences.feed(chunk)]


def test_the_example_of_the_standard_holds() -> None:
    """Public example of a GGA sentence with its checksum."""
    line = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"
    fix = read_fix(checked(line) or "")
    assert isinstance(fix, Fix)
    assert (round(fix.lat, 6), round(fix.lon, 6)) == (48.1173, 11.516667)
    rmc = b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"
    assert checked(rmc) is not None


def test_rmc_and_gga_say_the_same_place() -> None:
    one, other = read_fix(RMC), read_fix(GGA)
    assert isinstance(one, Fix)
    assert isinstance(other, Fix)
    assert (one.time, one.lat, one.lon) == (other.time, other.lat, other.lon)
    assert (round(one.lat, 6), round(one.lon, 6)) == (30.005, 120.01)
    assert one.speed == pytest.approx(11.52, abs=0.01)
    assert other.speed is None


@pytest.mark.parametrize(
    "other",
    [
        "GNGNS,123519.00,3000.30000,N,12000.60000,E,AAN,08,0.9,545.4,46.9,,",
        "GNGLL,3000.30000,N,12000.60000,E,123519.00,A,A",
        "GNGLL,3000.30000,N,12000.60000,E,123519,A",
        "GPGGA,123519,3000.30000,N,12000.60000,E,1,08",
        "GPRMC,123519.000,A,3000.30000,N,12000.60000,E",
    ],
)
def test_all_that_tell_a_place_tell_the_same(other: str) -> None:
    """However many digits and fields they write."""
    assert read_fix(other) == read_fix(GGA)


@pytest.mark.parametrize(
    "text",
    [
        "GNVTG,084.4,T,,M,022.4,N,041.4848,K,A",
        "GNVTG,,T,,M,22.4,N,,K",
        "GPVTG,,,,,,,41.4848,K,D",
        "GPVTG,084.4,077.8,022.4,041.5",
    ],
)
def test_the_speed_alone_is_in_vtg(text: str) -> None:
    said = read_fix(text)
    assert isinstance(said, Speed)
    assert said.speed == pytest.approx(22.4 * KNOT)


@pytest.mark.parametrize("text", ["GNVTG,,T,,M,,N,,K,N", "GNVTG,84.4,T,,M,,N,,K,A", "GNVTG"])
def test_no_speed_now_is_none(text: str) -> None:
    assert read_fix(text) is None


@pytest.mark.parametrize("knots", ["+", ".", "+.", "", "-", "++1", "1.", "1e3"])
def test_a_speed_without_a_number_is_no_speed_and_the_place_is_told(knots: str) -> None:
    fix = read_fix(RMC.replace(",022.4,", f",{knots},"))
    assert isinstance(fix, Fix)
    assert fix.speed is None
    assert read_fix(f"GNVTG,84.4,T,,M,{knots},N,{knots},K,A") is None


@pytest.mark.parametrize(("text", "knots"), [("+1", 1.0), (".5", 0.5), ("+.5", 0.5), ("+1.5", 1.5)])
def test_control_a_number_with_a_sign_or_without_a_whole_part_is_one(
    text: str, knots: float
) -> None:
    said = read_fix(f"GNVTG,84.4,T,,M,{text},N,,K,A")
    assert isinstance(said, Speed)
    assert said.speed == pytest.approx(knots * KNOT)


def test_a_receiver_without_checksums_is_believed_once_it_is_known_for_one() -> None:
    bare = [f"${RMC}\r\n".encode()] * (UNCHECKED + 2)
    assert heard(*bare) == [RMC] * 3
    assert heard(*bare, sentence(GGA), *bare) == [RMC] * 3 + [GGA]


def test_a_checksum_that_got_lost_on_its_way_is_no_missing_one() -> None:
    cut = sentence(RMC).replace(b"*", b"x")
    bare = f"${RMC}\r\n".encode()
    assert heard(sentence(GGA), *[bare] * 9, *[cut] * 9) == [GGA]


def test_lines_end_as_they_like_and_begin_at_their_sign() -> None:
    one, other = sentence(RMC).strip(), sentence(GGA).strip()
    for end in (b"\r\n", b"\n", b"\r", b"\n\r"):
        assert heard(one + end + other + end) == [RMC, GGA]
    assert heard(b"\xff\x00" + one + b"\r\n" + one[:30] + other + b"\r\n") == [RMC, GGA]


@pytest.mark.parametrize("talker", ["GN", "GP", "BD", "GB", "GA", "GQ", "QZ", "IN"])
def test_every_talker_of_a_chinese_receiver_is_heard(talker: str) -> None:
    assert read_fix(talker + RMC[2:]) == read_fix(RMC)


@pytest.mark.parametrize(("side", "sign"), [("N", 1), ("S", -1)])
def test_the_letters_are_the_signs(side: str, sign: int) -> None:
    fix = read_fix(RMC.replace(",N,", f",{side},"))
    assert isinstance(fix, Fix)
    assert fix.lat * sign > 0


@pytest.mark.parametrize(
    "text",
    [
        RMC.replace(",A,", ",V,", 1),
        RMC[:-1] + "N",
        RMC[:-1] + "S",
        RMC.replace("3000.3", "9100.3"),
        RMC.replace("3000.3", "3060.3"),
        RMC.replace("12000.6", "18100.6"),
        RMC.replace(",N,", ",X,"),
        RMC.replace(",N,", ",,"),
        RMC.replace(",E,", ",NE,"),
        RMC.replace("3000.30000", ""),
        RMC.replace("3000.30000", "nan"),
        RMC.replace("3000.30000", "-3000.3"),
        RMC.replace("GNRMC", "XXRMC"),
        GGA.replace(",1,08", ",0,08"),
        GGA.replace(",1,08", ",7,08"),
        GGA.replace(",1,08", ",8,08"),
        GGA.replace(",1,08", ",,08"),
        "GNGSV,1,1,00",
        "GNRMC",
        "",
    ],
)
def test_what_is_no_fix_now_is_none(text: str) -> None:
    assert read_fix(text) is None


def test_a_stream_is_cut_wherever_it_is_cut() -> None:
    stream = sentence(RMC) + b"\r\n\xff\x00junk\n" + sentence(GGA)
    for at in range(len(stream)):
        assert heard(stream[:at], stream[at:]) == [RMC, GGA]


def test_every_single_bit_that_turns_over_is_found() -> None:
    line = sentence(RMC).strip()
    for at in range(len(line)):
        for bit in range(8):
            turned = line[:at] + bytes([line[at] ^ 1 << bit]) + line[at + 1 :]
            if turned.upper() != line:  # the checksum's own letters may be small
                assert checked(turned) is None, turned


def test_endless_bytes_without_an_end_are_held_in_bounded_memory() -> None:
    sentences = Sentences()
    for _ in range(1000):
        assert list(sentences.feed(b"$GNRMC,1" * 50)) == []
        assert len(sentences._rest) <= LONGEST
    assert sentences.garbled == 1000 * (450 // LONGEST)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_any_bytes_are_sentences_or_counted(chunks: list[bytes]) -> None:
    for text in heard(*chunks):
        assert read_fix(text) is None or isinstance(read_fix(text), Fix | Speed)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="*$")))
def test_any_text_with_a_right_checksum_is_a_fix_or_none(text: str) -> None:
    for kind in ("RMC", "GGA", "GNS", "GLL", "VTG"):
        fix = read_fix(f"GN{kind},{text}")
        if isinstance(fix, Fix):
            assert abs(fix.lat) <= 90
            assert abs(fix.lon) <= 180


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9), st.integers(0, 86_399))
def test_what_the_simulator_says_is_what_is_heard(lat: float, lon: float, second: int) -> None:
    found = [read_fix(text) for text in heard(fix_sentences(lat, lon, second))]
    assert len(found) == 2
    for fix in found:
        assert isinstance(fix, Fix)
        assert fix.lat == pytest.approx(lat, abs=1e-6)
        assert fix.lon == pytest.approx(lon, abs=1e-6)


@pytest.mark.parametrize(
    "body",
    [
        "GNRMC,000001,A,2840.012345678901,N,10406.000000000001,E,10.123456789,,010126,,,A",
        "GNRMC,000001.123456789,A,2840.01,N,10406.00,E,000010.12,,010126,,,A",
        "GNRMC,000001, A, 2840.01,N, 10406.00,E,  10.12 ,,010126,,,A",
        "GNRMC,000001,A,2840.01,N,10406.00,E,+10.12,,010126,,,A",
    ],
)
def test_numbers_are_read_however_many_digits_or_blanks_a_receiver_writes(body: str) -> None:
    fix = read_fix(body)
    assert isinstance(fix, Fix)
    assert fix.lat == pytest.approx(28 + 40.01 / 60, abs=1e-3)
    assert fix.speed == pytest.approx(5.2, abs=0.02)

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from apdu.crypto import Algorithm, LevelFactors
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.keys import PUK, UKSSSE
from apdu.social_security.psam import (
    ENVIRONMENTS,
    MAC_AND_ENCRYPT_TYPE,
    Psam,
    PsamKey,
    PsamKeyLevel,
    PsamLacksAlgorithm,
    PsamLacksKey,
    PsamLacksReadKey,
    PsamMalformed,
    PsamMissing,
    PsamStatus,
    PsamUnable,
)
from tests.apdu.scripted import CONTACT_ATR, Answering, Scripted
from world import Fault

FACTORS = LevelFactors(
    bytes.fromhex("3531303030307368"),
    bytes.fromhex("3531393930307378"),
    bytes.fromhex("86605199000001AC"),
)
FACTOR, ORIGINAL = bytes.fromhex("0102030405060708"), bytes.fromhex("1112131415161718")
ENTER = [("00A404000F7378{}2E73682EC9E7BBE1B1A3D5CF", "9000"), ("00A4040006D15600000590", "9000")]
NUMBER = ("00B0960006", "5199000000019000")


def opening(environment: str) -> list[tuple[str, str]]:
    return [(command.format(environment), answer) for command, answer in ENTER] + [NUMBER]


def psam_with(conversation: list[tuple[str, str]]) -> tuple[Psam, Scripted]:
    channel = Scripted(conversation, Transport.T0, CONTACT_ATR)
    return Psam(channel), channel


def compute(psam: Psam, algorithm: Algorithm, key: PsamKey = PsamKey.IRK) -> bytes:
    return psam.compute(algorithm, key, FACTORS, FACTOR, ORIGINAL)


def test_3des_internal_goes_as_in_the_specification() -> None:
    psam, channel = psam_with(
        [
            *opening("31"),
            (
                "BFDE6708 20 86605199000001AC 3531393930307378 3531303030307368 0102030405060708",
                "9000",
            ),
            ("80FA0000 08 1112131415161718", "6108"),
            ("00C0000008", "FD4FF0D9A53588F69000"),
        ]
    )
    assert compute(psam, Algorithm.TDES).hex().upper() == "FD4FF0D9A53588F6"
    assert psam.terminal_number == "519900000001"
    assert channel.finished


@pytest.mark.parametrize(
    ("algorithm", "environment"), [(Algorithm.SM4, "33"), (Algorithm.SSF33, "32")]
)
def test_sixteen_byte_blocks_are_widened_and_folded(algorithm: Algorithm, environment: str) -> None:
    psam, channel = psam_with(
        [
            *opening(environment),
            (
                "BFDE6708 28 86605199000001AC 3531393930307378 3531303030307368"
                "0102030405060708 0000000000000000",
                "9000",
            ),
            ("80FA0000 10 1112131415161718 0000000000000000", "6110"),
            ("00C0000010", "0102030405060708 1020304050607080 9000"),
        ]
    )
    assert compute(psam, algorithm).hex() == "1122334455667788"
    assert channel.finished


def test_another_level_is_tried_and_remembered_per_key() -> None:
    l3, l2, factor = "86605199000001AC", "3531393930307378", "0102030405060708"
    cipher = ("80FA000008 1112131415161718", "01020304050607089000")
    psam, channel = psam_with(
        [
            *opening("31"),
            (f"BFDE670820 {l3}{l2} 3531303030307368 {factor}", "6A80"),
            (f"BFDE470818 {l3}{l2}{factor}", "6A80"),
            (f"BFDE270810 {l3}{factor}", "9000"),
            cipher,
            (f"BFDE270810 {l3}{factor}", "9000"),
            cipher,
            (f"BFDE670A20 {l3}{l2} 3531303030307368 {factor}", "9000"),
            cipher,
        ]
    )
    compute(psam, Algorithm.TDES)
    compute(psam, Algorithm.TDES)
    compute(psam, Algorithm.TDES, PsamKey.RKSSSE)
    assert channel.finished


def answering(sw: dict[bytes, bytes]) -> Callable[[bytes], bytes]:
    """A PSAM that says yes to all, except where a command begins as one of `sw`."""

    def answer(command: bytes) -> bytes:
        for prefix, special in sw.items():
            if command.startswith(prefix):
                return special
        if command[1] == 0xB0:
            return bytes.fromhex("5199000000019000")
        return bytes(16) + b"\x90\x00" if command[1] == 0xFA else b"\x90\x00"

    return answer


@pytest.mark.parametrize(
    ("special", "key", "kind", "interface_error"),
    [
        ({b"\x00\xa4": b"\x6a\x82"}, PsamKey.IRK, PsamLacksAlgorithm, -2202),
        ({b"\xbf\xde": b"\x6a\x88"}, PsamKey.IRK, PsamLacksKey, -27272),
        ({b"\xbf\xde": b"\x6a\x88"}, PsamKey.RKSSSE, PsamLacksReadKey, -2203),
        ({b"\xbf\xde": b"\x6a\x80"}, PsamKey.IRK, PsamKeyLevel, -24),
    ],
)
def test_what_this_psam_cannot_do_leads_to_the_hsm(
    special: dict[bytes, bytes], key: PsamKey, kind: type[PsamUnable], interface_error: int
) -> None:
    with pytest.raises(kind) as caught:
        compute(Psam(Answering(answering(special))), Algorithm.SM4, key)
    assert isinstance(caught.value, PsamUnable)
    assert caught.value.interface_error == interface_error


@pytest.mark.parametrize("gone", [CardGone, CardMute, ReaderGone])
def test_a_psam_that_goes_is_missing_and_never_a_card_that_went(gone: type[Fault]) -> None:
    def raising(command: bytes) -> bytes:
        raise gone

    with pytest.raises(PsamMissing) as caught:
        compute(Psam(Answering(raising)), Algorithm.SM4)
    assert caught.value.interface_error == -2201
    assert caught.value.facts == {"reason": gone.code}


@pytest.mark.parametrize(
    "special",
    [
        {b"\xbf\xde": b"\x69\x83"},
        {b"\x80\xfa": b"\x69\x85"},
        {b"\x00\xb0": b"\x69\x82"},
        {b"\x00\xa4": b"\x69\x99"},
        {b"\x80\xfa": bytes(8) + b"\x90\x00"},
        {b"\x00\xb0": b"\xff" * 6 + b"\x90\x00"},
    ],
)
def test_any_other_error_ends_the_flow(special: dict[bytes, bytes]) -> None:
    """The control of the list above: these do not lead to the HSM."""
    with pytest.raises((PsamStatus, PsamMalformed)) as caught:
        compute(Psam(Answering(answering(special))), Algorithm.SM4)
    assert not isinstance(caught.value, PsamUnable)


def test_an_algorithm_that_is_not_there_is_asked_for_once() -> None:
    special = {b"\x00\xa4\x04\x00\x0f" + ENVIRONMENTS[Algorithm.SSF33]: b"\x6a\x82"}
    channel = Answering(answering(special))
    psam = Psam(channel)
    assert psam.probe() == (Algorithm.TDES, Algorithm.SM4)
    asked = len(channel.sent)
    with pytest.raises(PsamLacksAlgorithm):
        compute(psam, Algorithm.SSF33)
    assert len(channel.sent) == asked


def test_an_open_environment_is_not_selected_again() -> None:
    channel = Answering(answering({}))
    psam = Psam(channel)
    compute(psam, Algorithm.SM4)
    before = len(channel.sent)
    compute(psam, Algorithm.SM4)
    assert [command[:2].hex() for command in channel.sent[before:]] == ["bfde", "80fa"]


def test_after_an_unexpected_refusal_the_environment_is_selected_anew() -> None:
    special: dict[bytes, bytes] = {b"\x80\xfa": b"\x69\x85"}
    channel = Answering(answering(special))
    psam = Psam(channel)
    with pytest.raises(PsamStatus):
        compute(psam, Algorithm.SM4)
    special.clear()
    before = len(channel.sent)
    compute(psam, Algorithm.SM4)
    assert channel.sent[before][1] == 0xA4


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=30))
def test_any_answers_are_eight_bytes_or_a_fault(answers: list[bytes]) -> None:
    endless = iter(answers * 50)
    psam = Psam(Answering(lambda command: next(endless, b"")))
    try:
        assert len(compute(psam, Algorithm.SM4)) == 8
    except Fault:
        return


# -- PIN commands (84xx)

STK = PsamKey("STK", 0x09, MAC_AND_ENCRYPT_TYPE)
PATH = "86605199000001AC 3531393930307378 3531303030307368"


def test_a_new_pin_is_enciphered_and_covered_by_the_mac_byte_for_byte() -> None:
    psam, channel = psam_with(
        [
            *opening("31"),
            (f"BFDE6809 20 {PATH} 0102030405060708", "9000"),
            ("80FA0000 08 0312345680000000", "6108"),
            ("00C0000008", "A1A2A3A4A5A6A7A8 9000"),
            ("80FA0500 10 842400010C A1A2A3A4A5A6A7A8 800000", "6104"),
            ("00C0000004", "B1B2B3B4 9000"),
        ]
    )
    made = psam.secured(
        Algorithm.TDES,
        STK,
        FACTORS,
        FACTOR,
        bytes.fromhex("842400010C"),
        bytes.fromhex("0312345680000000"),
    )
    assert made.hex().upper() == "842400010CA1A2A3A4A5A6A7A8B1B2B3B4"
    assert channel.finished


def test_unblocking_has_a_mac_over_the_header_alone() -> None:
    psam, channel = psam_with(
        [
            *opening("33"),
            (f"BFDE6809 28 {PATH} 0102030405060708 0000000000000000", "9000"),
            ("80FA0500 10 8424000004 8000000000000000000000", "6108"),
            ("00C0000008", "B1B2B3B4B5B6B7B8 9000"),
        ]
    )
    header = bytes.fromhex("8424000004")
    made = psam.secured(Algorithm.SM4, STK, FACTORS, FACTOR, header, b"")
    assert made.hex().upper() == "8424000004B1B2B3B4"
    assert channel.finished


@pytest.mark.parametrize("special", [{b"\x80\xfa\x05": b"\x01\x90\0"}, {b"\x80\xfa\0": b"\x90\0"}])
def test_half_an_answer_is_no_command(special: dict[bytes, bytes]) -> None:
    with pytest.raises(PsamMalformed):
        Psam(Answering(answering(special))).secured(
            Algorithm.SM4, STK, FACTORS, FACTOR, bytes.fromhex("8424000114"), bytes(16)
        )


def test_a_keys_number_and_usage_come_from_the_authoritys_table() -> None:
    keys = CityKeys.of(psam_ids={"PUK": 0x10}, psam_usages={"PUK": 8})
    puk = PsamKey.of(PUK, keys, Algorithm.TDES)
    psam, channel = psam_with(
        [
            *opening("31"),
            (f"BFDE6810 20 {PATH} 0102030405060708", "9000"),
            ("80FA0000 08 1112131415161718", "01020304050607089000"),
        ]
    )
    assert compute(psam, Algorithm.TDES, puk).hex() == "0102030405060708"
    assert channel.finished
    with pytest.raises(PsamLacksKey):
        PsamKey.of(UKSSSE, keys, Algorithm.TDES)

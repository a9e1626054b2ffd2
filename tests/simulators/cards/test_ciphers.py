"""The vectors of social-security-card.md, Cryptography, against the cards' own formulas."""

import pytest

from simulators.cards import SUITES, Algorithm
from simulators.cards.ciphers import StandInForSsf33, padded
from simulators.ceremony import KeyAuthority, card_number, level_factors

ROOT = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
HISTORICAL = bytes.fromhex("00814A444686605199000001AC")
FACTOR = bytes.fromhex("0102030405060708")
ORIGINAL = bytes.fromhex("1112131415161718")
VECTORS = {
    Algorithm.DES3: (
        "5BB733BA0C26EA5E05CE5F6D5E2B2F50",
        "FE16C7DDFD3FA447346B1E50BAF95FD6",
        "BDCF2343CB7B3CA0A0614648289B7736",
        "F073D2A2F5767AAA",
        "FD4FF0D9A53588F6",
    ),
    Algorithm.SM4: (
        "EB90C6D0D7A404ADA007458F5156301C",
        "983B79B51833236929ADD2DC00668882",
        "65FFD351EA9D9B7E2A81750D1610BF91",
        "6116886046AC8BC8C211ED7C75DF67B6",
        "9E5CB9DB1449EE48",
    ),
}


@pytest.mark.parametrize("algorithm", VECTORS)
def test_keys_and_cryptogram_of_the_specification(algorithm: Algorithm) -> None:
    province, city, card, process, data = (bytes.fromhex(text) for text in VECTORS[algorithm])
    suite = SUITES[algorithm]
    first, second, third = level_factors("519900", HISTORICAL)
    assert suite.child(ROOT, first) == province
    assert suite.child(province, second) == city
    assert suite.child(city, third) == card
    assert suite.process_key(card, FACTOR) == process
    assert suite.authentication_data(process, ORIGINAL) == data


def test_level_factors_of_the_specification() -> None:
    factors = [factor.hex().upper() for factor in level_factors("519900", HISTORICAL)]
    assert factors == ["3531303030307368", "3531393930307378", "86605199000001AC"]


def test_region_33_derives_the_city_from_four_digits() -> None:
    assert level_factors("330199", HISTORICAL)[1] == b"3301" + b"00" + b"sx"


@pytest.mark.parametrize("algorithm", Algorithm)
def test_city_keys_are_the_roots_descended(algorithm: Algorithm) -> None:
    city = KeyAuthority()
    suite = SUITES[algorithm]
    key = city.root(algorithm, "IRK")
    for level, factor in zip((2, 1, 0), level_factors(city.region, HISTORICAL), strict=True):
        key = suite.child(key, factor)
        assert city.key(algorithm, "IRK", level=level, historical=HISTORICAL) == key


def test_keys_differ_by_seed_name_and_algorithm_and_roots_are_national() -> None:
    city, forger, neighbour = KeyAuthority(), KeyAuthority(seed=b"other"), KeyAuthority("119900")
    roots = {
        one.root(algorithm, key)
        for one in (city, forger)
        for algorithm in Algorithm
        for key in ("IRK", "RKSSSE")
    }
    assert len(roots) == 12
    assert neighbour.root(Algorithm.SM4, "IRK") == city.root(Algorithm.SM4, "IRK")


def test_stand_in_is_named_a_stand_in() -> None:
    assert isinstance(SUITES[Algorithm.SSF33], StandInForSsf33)
    assert "NOT SSF33" in (StandInForSsf33.__doc__ or "")


@pytest.mark.parametrize("algorithm", Algorithm)
def test_mac_is_four_bytes_and_sees_every_block(algorithm: Algorithm) -> None:
    suite = SUITES[algorithm]
    key = bytes(range(suite.block))
    data = padded(b"header" * 9, suite.block)
    mac = suite.mac(key, data)
    assert len(mac) == 4
    for place in range(0, len(data), suite.block):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert suite.mac(key, changed) != mac


def test_des_mac_by_hand() -> None:
    """One block: CBC with IV 0 is single DES of the block, left four bytes."""
    suite = SUITES[Algorithm.DES3]
    key = bytes.fromhex("F073D2A2F5767AAA")
    assert suite.mac(key, ORIGINAL).hex().upper() == "FD4FF0D9"


def test_card_number_check_character() -> None:
    assert card_number("D2143569") == "D2143569X"

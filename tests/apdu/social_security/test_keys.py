"""Key addresses, and the authority's table that adds to the public keys."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY, CityKeys, CityKeysFault
from apdu.social_security.files import (
    APPLICATIONS,
    SSSE_FILES,
    Application,
    ElementaryFile,
    Generation,
)
from apdu.social_security.keys import IRK, KEYS, PUK, RKSSSE, STK, KeyUnknown, key_address, key_at
from tests.apdu.simulated import KEYS as CITY_TABLE

DF01 = APPLICATIONS[0]


def test_pin_commands_are_addressed_as_the_specification_prints_it() -> None:
    assert key_address(STK) == "0173"
    assert key_at("0173") is STK


@pytest.mark.parametrize(
    ("name", "address"),
    [("RKSSSE", "000A"), ("PUK", "0006"), ("UK1DF01", "0183"), ("RK1DF03", "0384")],
)
def test_other_addresses_are_directory_and_key_id(name: str, address: str) -> None:
    assert key_address(KEYS[name]) == address
    assert key_at(address.lower()) is KEYS[name]


def test_no_two_keys_share_an_address() -> None:
    addresses = [key_address(key) for key in CITY_TABLE.keys.values()]
    assert len(set(addresses)) == len(addresses)


@given(st.text(max_size=20))
def test_any_address_is_a_key_or_a_named_fault(text: str) -> None:
    with suppress(KeyUnknown):
        assert key_at(text) in KEYS.values()


def test_the_product_knows_only_the_public_keys() -> None:
    assert dict(PUBLIC_KEYS_ONLY.keys) == dict(KEYS)
    assert (PUBLIC_KEYS_ONLY.psam_id(IRK), PUBLIC_KEYS_ONLY.psam_id(RKSSSE)) == (0x08, 0x0A)
    assert PUBLIC_KEYS_ONLY.psam_id(PUK) is None
    with pytest.raises(KeyUnknown) as caught:
        PUBLIC_KEYS_ONLY.key("RK1DF01")
    assert caught.value.facts == {"what": "kid", "name": "RK1DF01"}


@pytest.mark.parametrize("file", SSSE_FILES[Generation.V3], ids=lambda file: f"{file.fid:04X}")
def test_the_environments_files_are_written_under_the_public_key(file: ElementaryFile) -> None:
    ssse = Application("SSSE", b"", ())
    assert PUBLIC_KEYS_ONLY.write_access(ssse, file) == (frozenset({"UKSSSE"}),)


def test_an_update_key_that_is_in_no_table_is_named() -> None:
    with pytest.raises(KeyUnknown) as caught:
        PUBLIC_KEYS_ONLY.write_access(DF01, DF01.files[0])
    assert caught.value.facts == {"what": "update-key", "name": "DF01/EF05"}
    assert CITY_TABLE.write_access(DF01, DF01.files[0]) == (frozenset({"UK1DF01"}),)


def test_a_table_adds_keys_addresses_and_usages() -> None:
    keys = CityKeys.from_toml(
        '[kids]\nRK1DF07 = 0x91\n[addresses]\nRKSSSE = "004C"\n[psam_ids]\nPUK = 0x10\n'
        '[psam_usages]\nPUK = 8\n[writes]\n"DF01/EF05" = "UK1DF01 PIN"\n'
    )
    assert (keys.key("RK1DF07").application, keys.key("RK1DF07").kid) == ("DF07", 0x91)
    assert keys.address(RKSSSE) == "004C"
    assert keys.at("004c") is RKSSSE
    assert (keys.psam_id(PUK), keys.psam_usage(PUK), keys.psam_usage(IRK)) == (0x10, 8, 7)
    assert keys.write_access(DF01, DF01.files[0]) == (frozenset({"UK1DF01"}), frozenset({"PIN"}))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[kids", "syntax"),
        ("[secrets]\n", "unknown-table"),
        ("kids = 3", "unknown-table"),
        ("[kids]\nRKSSSE = 0x0B", "public"),
        ("[kids]\nrk = 1", "name"),
        ("[kids]\nRK1DF07 = 256", "value"),
        ("[kids]\nRK1DF07 = true", "value"),
        ('[kids]\nRK1DF07 = "91"', "value"),
        ("[kids]\nRK1DF01 = 0x83", "twice"),
        ('[addresses]\nRKSSSE = "4C"', "value"),
        ("[addresses]\nRKSSSE = 3", "value"),
        ('[addresses]\nRKSSSE = "0006"', "twice"),
        ("[psam_ids]\nRK1DF07 = 1", "unknown-key"),
        ("[psam_usages]\nPUK = 9", "value"),
        ('[writes]\n"EF05" = "UK1DF01"', "name"),
        ('[writes]\n"DF01/EF05" = "UK9DF01"', "unknown-key"),
        ('[writes]\n"DF01/EF05" = " "', "value"),
        ('[writes]\n"DF01/EF05" = 3', "value"),
    ],
)
def test_a_wrong_table_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(CityKeysFault) as caught:
        CityKeys.from_toml(text)
    assert caught.value.facts["reason"] == reason


def test_two_keys_of_one_address_are_both_named() -> None:
    with pytest.raises(CityKeysFault) as caught:
        CityKeys.from_toml('[addresses]\nRKSSSE = "0006"')
    entry = str(caught.value.facts["entry"])
    assert entry.startswith("0006: ")
    assert "RKSSSE" in entry
    assert entry.count(",") == 1


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_a_named_fault(text: str) -> None:
    with suppress(CityKeysFault):
        CityKeys.from_toml(text)

"""What the ceremony hands out besides keys: identifiers, a terminal's secrets, an issuer."""

from simulators.ceremony import KeyAuthority, seeded


def test_card_id_is_region_issuer_serial_and_unused_code() -> None:
    assert KeyAuthority("519900").card_id("000001AC") == "519900D156000005000001ACFFFFFFFF"


def test_historical_bytes_carry_region_and_serial() -> None:
    assert (
        KeyAuthority("519900").historical("000001AC").hex().upper() == "00814A444686605199000001AC"
    )


def test_terminal_secrets_have_the_key_stores_names_and_lengths() -> None:
    city = KeyAuthority()
    secrets = city.terminal_secrets("gate-1")
    assert {name: len(value) for name, value in secrets.items()} == {
        "city-reference": 32,
        "journal-seed": 32,
    }
    other = city.terminal_secrets("gate-2")
    assert other["city-reference"] == secrets["city-reference"]
    assert other["journal-seed"] != secrets["journal-seed"]
    assert city.terminal_secrets("gate-1") == secrets


def test_issuer_private_key_is_in_range() -> None:
    private = KeyAuthority().issuer_private()
    assert len(private) == 32
    assert 0 < int.from_bytes(private, "big") < 1 << 248


def test_seeded_chance_repeats_and_differs_by_seed() -> None:
    assert seeded(b"a")(100) == seeded(b"a")(100)
    assert seeded(b"a")(100) != seeded(b"b")(100)
    source = seeded(b"a")
    assert source(8) != source(8)

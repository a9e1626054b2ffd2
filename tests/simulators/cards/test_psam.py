"""The PSAM: environments, levels, one session at a time, and agreement with the cards."""

import pytest

from simulators.cards import SUITES, Algorithm, Card, PsamKeyId
from simulators.cards.ciphers import padded
from simulators.cards.psam import APPLICATION, ENVIRONMENTS
from simulators.ceremony import level_factors
from tests.simulators.cards.terminal import CITY, SERIAL

TERMINAL = "519900000001"
HISTORICAL = CITY.historical(SERIAL)
ORIGINAL = bytes.fromhex("1112131415161718")
FACTOR = bytes.fromhex("0102030405060708")


class Sam:
    """A powered PSAM, spoken to in bytes; follows 61xx."""

    def __init__(self, card: Card) -> None:
        self.card = card
        card.power_on()

    def send(self, command: bytes) -> bytes:
        answer = self.card.transmit(command)
        if answer[:1] == b"\x61":
            return self.card.transmit(bytes.fromhex("00C00000") + answer[1:2])
        return answer

    def sw(self, command: bytes) -> str:
        return self.send(command)[-2:].hex().upper()

    def open(self, algorithm: Algorithm) -> "Sam":
        for name in (ENVIRONMENTS[algorithm], APPLICATION):
            assert self.sw(bytes.fromhex("00A40400") + bytes([len(name)]) + name) == "9000"
        return self

    def deliver(
        self,
        algorithm: Algorithm,
        *,
        key: int = PsamKeyId.IRK,
        levels: int = 3,
        kind: int = 7,
        factor: bytes = FACTOR,
        historical: bytes = HISTORICAL,
    ) -> str:
        first, second, third = level_factors(CITY.region, historical)
        data = (third + second + first)[: 8 * levels]
        data += factor + bytes(SUITES[algorithm].block - 8)
        return self.sw(bytes([0xBF, 0xDE, levels << 5 | kind, key, len(data)]) + data)

    def cipher(self, data: bytes, p1: int = 0) -> bytes:
        return self.send(bytes([0x80, 0xFA, p1, 0, len(data)]) + data)

    def authentication_data(self, algorithm: Algorithm) -> bytes:
        """What a terminal makes of CIPHER DATA's answer."""
        if algorithm is Algorithm.DES3:
            return self.cipher(ORIGINAL)[:-2]
        whole = self.cipher(ORIGINAL + bytes(8))[:-2]
        return bytes(a ^ b for a, b in zip(whole[:8], whole[8:], strict=True))


def expected(algorithm: Algorithm, key: str = "IRK", historical: bytes = HISTORICAL) -> bytes:
    return CITY.authentication_data(algorithm, key, historical, factor=FACTOR, original=ORIGINAL)


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("key", PsamKeyId)
def test_psam_and_card_agree_at_every_level(
    algorithm: Algorithm, levels: int, key: PsamKeyId
) -> None:
    sam = Sam(CITY.psam(TERMINAL, level=lambda _: levels)).open(algorithm)
    assert sam.deliver(algorithm, key=key, levels=levels) == "9000"
    assert sam.authentication_data(algorithm) == expected(algorithm, key.name)


def test_example_of_the_specification_3des() -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.DES3)
    first, second, third = level_factors(CITY.region, HISTORICAL)
    assert sam.sw(bytes.fromhex("BFDE670820") + third + second + first + FACTOR) == "9000"
    assert sam.send(bytes.fromhex("80FA000008") + ORIGINAL)[:-2] == expected(Algorithm.DES3)


@pytest.mark.parametrize("configured", [1, 2, 3])
def test_another_level_is_6a80(configured: int) -> None:
    sam = Sam(CITY.psam(TERMINAL, level=lambda _: configured)).open(Algorithm.SM4)
    for levels in {1, 2, 3} - {configured}:
        assert sam.deliver(Algorithm.SM4, levels=levels) == "6A80"
    assert sam.deliver(Algorithm.SM4, levels=configured) == "9000"


def test_levels_are_per_key() -> None:
    sam = Sam(CITY.psam(TERMINAL, level=lambda key: 3 if key is PsamKeyId.IRK else 1))
    sam.open(Algorithm.SM4)
    assert sam.deliver(Algorithm.SM4, key=PsamKeyId.IRK, levels=3) == "9000"
    assert sam.deliver(Algorithm.SM4, key=PsamKeyId.RKSSSE, levels=1) == "9000"


def test_without_rkssse_it_is_6a88() -> None:
    sam = Sam(CITY.psam(TERMINAL, keys=[PsamKeyId.IRK])).open(Algorithm.SM4)
    assert sam.deliver(Algorithm.SM4, key=PsamKeyId.RKSSSE) == "6A88"
    assert sam.deliver(Algorithm.SM4) == "9000"


def test_an_algorithm_that_it_lacks_has_no_environment() -> None:
    sam = Sam(CITY.psam(TERMINAL, algorithms=[Algorithm.DES3]))
    name = ENVIRONMENTS[Algorithm.SM4]
    assert sam.sw(bytes.fromhex("00A404000F") + name) == "6A82"


def test_an_interleaved_session_gives_wrong_cryptograms() -> None:
    other = CITY.historical("000002BD")
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.SM4)
    sam.deliver(Algorithm.SM4)
    sam.deliver(Algorithm.SM4, historical=other)
    first = sam.authentication_data(Algorithm.SM4)
    assert first != expected(Algorithm.SM4)
    assert first == expected(Algorithm.SM4, historical=other)


def test_a_failed_delivery_leaves_no_session() -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.SM4)
    sam.deliver(Algorithm.SM4)
    sam.deliver(Algorithm.SM4, levels=2)
    assert sam.cipher(bytes(16)).hex() == "6985"


def test_reset_and_select_forget_the_session() -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.DES3)
    sam.deliver(Algorithm.DES3)
    sam.open(Algorithm.DES3)
    assert sam.cipher(bytes(8)).hex() == "6985"
    sam.deliver(Algorithm.DES3)
    sam.card.power_on()
    assert sam.cipher(bytes(8)).hex() == "6985"
    assert sam.deliver(Algorithm.DES3) == "6985"


def test_keys_are_in_df01() -> None:
    sam = Sam(CITY.psam(TERMINAL))
    sam.sw(bytes.fromhex("00A404000F") + ENVIRONMENTS[Algorithm.SM4])
    assert sam.deliver(Algorithm.SM4) == "6A88"
    assert sam.sw(bytes.fromhex("00A4000002DF01")) == "9000"
    assert sam.deliver(Algorithm.SM4) == "9000"


def test_df01_belongs_to_the_environment_selected_last() -> None:
    sam = Sam(CITY.psam(TERMINAL))
    for algorithm in (Algorithm.SM4, Algorithm.DES3, Algorithm.SSF33):
        sam.open(algorithm)
        sam.deliver(algorithm)
        assert sam.authentication_data(algorithm) == expected(algorithm)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_terminal_number_is_in_0016(algorithm: Algorithm) -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(algorithm)
    assert sam.send(bytes.fromhex("00B0960006")) == bytes.fromhex(TERMINAL + "9000")
    assert sam.sw(bytes.fromhex("00A40000020016")) == "9000"
    assert sam.send(bytes.fromhex("00B0000006")) == bytes.fromhex(TERMINAL + "9000")
    assert sam.send(bytes.fromhex("00B0000000")) == bytes.fromhex("6C06")
    assert sam.sw(bytes.fromhex("00B095000E")) == "9000"
    assert sam.sw(bytes.fromhex("00B0990004")) == "9000"


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("BFDE6508 20" + "00" * 32, "6A86"),  # type 5
        ("BFDE6708 1F" + "00" * 31, "6700"),
        ("BFDE6701 20" + "00" * 32, "6A88"),
        ("80FA0000 08" + "00" * 8, "6985"),
        ("80FB0000 08" + "00" * 8, "6D00"),
        ("00FA0000 08" + "00" * 8, "6E00"),
        ("BFDE6708 20" + "00" * 33, "6700"),  # Le beside data on T=0
    ],
)
def test_refusals(command: str, sw: str) -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.DES3)
    assert sam.sw(bytes.fromhex(command)) == sw


def test_sixteen_byte_factors_end_in_zeros() -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.SM4)
    assert sam.sw(bytes.fromhex("BFDE6708 28" + "01" * 40)) == "6A80"


@pytest.mark.parametrize("p1", [0x02, 0x08])
def test_cipher_refuses_other_modes(p1: int) -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.DES3)
    sam.deliver(Algorithm.DES3)
    assert sam.cipher(bytes(8), p1).hex().upper() == "6A86"


def test_cipher_wants_whole_blocks() -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.SM4)
    sam.deliver(Algorithm.SM4)
    assert sam.cipher(bytes(8)).hex() == "6700"


@pytest.mark.parametrize("algorithm", Algorithm)
def test_mac_in_one_and_in_parts(algorithm: Algorithm) -> None:
    suite = SUITES[algorithm]
    data = padded(bytes(range(40)), suite.block)
    card_key = CITY.key(algorithm, "IRK", level=0, historical=HISTORICAL)
    mac = suite.mac(suite.process_key(card_key, FACTOR), data)
    sam = Sam(CITY.psam(TERMINAL)).open(algorithm)
    sam.deliver(algorithm, kind=6)
    assert sam.cipher(data, 0x05)[:-2] == mac
    cut = 2 * suite.block
    assert sam.cipher(data[: suite.block], 0x07).hex() == "9000"
    assert sam.cipher(data[suite.block : cut], 0x03).hex() == "9000"
    assert sam.cipher(data[cut:], 0x01)[:-2] == mac


def test_usage_type_limits_what_the_key_does() -> None:
    sam = Sam(CITY.psam(TERMINAL)).open(Algorithm.DES3)
    sam.deliver(Algorithm.DES3, kind=6)
    assert sam.cipher(bytes(8), 0x00).hex() == "6985"
    sam.deliver(Algorithm.DES3, kind=7)
    assert sam.cipher(bytes(8), 0x05).hex() == "6985"
    sam.deliver(Algorithm.DES3, kind=8)
    assert sam.cipher(bytes(8), 0x00)[-2:].hex() == "9000"
    assert sam.cipher(bytes(8), 0x05)[-2:].hex() == "9000"

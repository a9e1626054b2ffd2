"""The key ceremony of a made-up city: a seed becomes roots, roots become the keys of its cards.

It issues cards and PSAMs, computes what the city's HSM would, and hands out a terminal's secrets.
Key tree root → province → city → card: spec social-security-card.md, Cryptography.
"""

import hashlib
import hmac
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources

from simulators.cards import (
    SUITES,
    Algorithm,
    Card,
    CardData,
    CardSpec,
    Generation,
    Holder,
    Interface,
    PsamKey,
    PsamKeyId,
    PsamSpec,
    RandomSource,
    face,
    make_psam,
    operating_system,
)
from simulators.cards.ciphers import padded
from simulators.cards.contents import Transaction
from simulators.cards.layout import applications
from simulators.cards.pki import CertificateAuthority, Defect
from trust.sm2 import sm2

# The authority's table as a city gives it to its terminals
# (`apdu.social_security.city_keys.CityKeys`).
CITY_KEYS = resources.files("simulators.cards").joinpath("authority.toml").read_text("utf-8")
LEVELS = 3  # root, province, city: as many diversifications down to the card
ISSUER_CODE = "D156000005"
CARD_NUMBER_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def level_factors(region: str, historical: bytes) -> tuple[bytes, bytes, bytes]:
    """L1, L2, L3: root → province, province → city, city → card."""
    province = region[:2].encode() + b"0000" + b"sh"
    city = (region[:4] + "00" if region.startswith("33") else region).encode() + b"sx"
    return province, city, historical[5:13]


def card_number(first_eight: str) -> str:
    """The 9 characters of a card number: eight and the check character."""
    total = sum(
        int(character, 36) * weight
        for character, weight in zip(first_eight, CARD_NUMBER_WEIGHTS, strict=True)
    )
    check = 11 - total % 11
    return first_eight + {10: "X", 11: "0"}.get(check, str(check))


def seeded(seed: bytes) -> RandomSource:
    """A source of chance that a seed repeats (SHA-256 in counter mode)."""
    counter = itertools.count()

    def block() -> bytes:
        return hashlib.sha256(seed + next(counter).to_bytes(8, "big")).digest()

    def random(size: int) -> bytes:
        return b"".join(block() for _ in range(0, size, 32))[:size]

    return random


@dataclass(frozen=True)
class CardOrder:
    """What a card is to be. `serial` is 8 hex digits, `card_number` 9 characters."""

    holder: Holder
    generation: Generation
    algorithm: Algorithm
    serial: str
    card_number: str
    issued: str = "20200101"
    expires: str = "20991231"
    card_type: str = "3"
    pin: str | None = "123456"
    algorithm_in_fci: bool = True
    key_version_byte: bool = False
    pad: str = "F"
    transactions: Sequence[Transaction] = ()  # oldest first
    certificates: bool = False  # 3.0: EF0012, 0018 and 0019 are filled
    certificate_defect: Defect = Defect.NONE
    version: str | None = None  # None: of the generation; 1.0 cards may have it empty


class KeyAuthority:
    """One city and all its keys, from `seed`. Two cities with different seeds forge each other."""

    def __init__(self, region: str = "519900", seed: bytes = b"onecard") -> None:
        self.region = region
        self._seed = seed

    @property
    def seed(self) -> bytes:
        return self._seed

    # -- keys

    def root(self, algorithm: Algorithm, key: str) -> bytes:
        """The national root of a key name (`IRK`, `RKSSSE`, `RK1DF01`, …), 16 bytes; cities with
        one seed share it, so a PSAM with roots serves the cards of all of them."""
        return derive(self._seed, f"root/{algorithm.name}/{key}", 16)

    def key(self, algorithm: Algorithm, key: str, *, level: int, historical: bytes = b"") -> bytes:
        """The key at a level: 3 root, 2 province, 1 city, 0 card (needs the historical bytes)."""
        value = self.root(algorithm, key)
        for factor in level_factors(self.region, historical)[: LEVELS - level]:
            value = SUITES[algorithm].child(value, factor)
        return value

    def issuer_private(self) -> bytes:
        """32 bytes fit for an SM2 private key of this city's platform (far below the order)."""
        return self._private("issuer/sm2")

    def terminal_secrets(self, terminal: str) -> Mapping[str, bytes]:
        """By the key store's names: `city-reference` (32), `journal-seed` (32)."""
        return {
            "city-reference": self._secret("city-reference", 32),
            "journal-seed": self._secret(f"journal-seed/{terminal}", 32),
        }

    def random(self, purpose: str) -> RandomSource:
        """Challenges of one card, say: repeatable, and different for every purpose."""
        return seeded(self._secret(f"random/{purpose}", 32))

    def _private(self, name: str) -> bytes:
        return b"\0" + self._secret(name, 31)

    def _secret(self, name: str, size: int) -> bytes:
        return derive(self._seed, f"city/{self.region}/{name}", size)

    # -- cards

    def card_spec(self, order: CardOrder, *, keys_of: "KeyAuthority | None" = None) -> CardSpec:
        """`keys_of` another city: a forged card, right in all but its keys."""
        historical = self.historical(order.serial)
        keys = (keys_of or self).card_keys(order.generation, order.algorithm, historical)
        return CardSpec(
            generation=order.generation,
            algorithm=order.algorithm,
            historical=historical,
            data=self._card_data(order),
            keys=keys,
            random=self.random(f"card/{order.serial}"),
            pin=order.pin,
            algorithm_in_fci=order.algorithm_in_fci,
            key_version_byte=order.key_version_byte,
            pad=order.pad,
            binaries=self._certificates(order) if order.certificates else {},
            transactions=tuple(one.row for one in order.transactions),
        )

    def card_behind(self, genuine: CardOrder, shown: CardOrder, interface: Interface) -> Card:
        """An emulator that shows one card's data, and lets another, genuine one prove itself."""
        spec = replace(self.card_spec(genuine), data=self.card_spec(shown).data)
        return face(operating_system(spec), spec.historical, interface)

    def card(self, order: CardOrder, interface: Interface) -> Card:
        spec = self.card_spec(order)
        return face(operating_system(spec), spec.historical, interface)

    def card_keys(
        self, generation: Generation, algorithm: Algorithm, historical: bytes
    ) -> Mapping[str, bytes]:
        return {
            row.name: self.key(algorithm, row.name, level=0, historical=historical)
            for application in applications(generation)
            for row in application.keys
        }

    def historical(self, serial: str) -> bytes:
        """T1–T13: made-up vendors, then four region digits and the serial."""
        return bytes.fromhex("00814A4446" + "8660" + self.region[:4] + serial)

    @cached_property
    def certificate_authority(self) -> CertificateAuthority:
        """Root and issuing CA of this city's 3.0 cards."""
        return CertificateAuthority(sm2(), self._private("pki/root"), self._private("pki/issuing"))

    def card_id(self, serial: str) -> str:
        return f"{self.region}{ISSUER_CODE}{serial}FFFFFFFF"

    def _certificates(self, order: CardOrder) -> Mapping[str, bytes]:
        return self.certificate_authority.files(
            order.serial,
            self._private(f"pki/{order.serial}/signing"),
            self._private(f"pki/{order.serial}/encryption"),
            order.certificate_defect,
        )

    def _card_data(self, order: CardOrder) -> CardData:
        return CardData(
            card_id=self.card_id(order.serial),
            version=f"{order.generation.value}0" if order.version is None else order.version,
            card_number=order.card_number,
            holder=order.holder,
            issued=order.issued,
            expires=order.expires,
            card_type=order.card_type,
            organisation=f"91560000{self.region}",
        )

    # -- PSAM and HSM

    def psam(
        self,
        terminal: str,
        *,
        algorithms: Sequence[Algorithm] = tuple(Algorithm),
        level: Callable[[PsamKeyId], int] = lambda key: LEVELS,
        keys: Sequence[PsamKeyId] = tuple(PsamKeyId),
    ) -> Card:
        """A key card for `terminal` (12 digits) with these `keys`, each at its `level` 1–3."""
        held = {
            algorithm: {
                int(key): PsamKey(level(key), self.key(algorithm, key.name, level=level(key)))
                for key in keys
            }
            for algorithm in algorithms
        }
        return make_psam(PsamSpec(self.historical("50534131"), terminal, held))

    def authentication_data(
        self, algorithm: Algorithm, key: str, historical: bytes, *, factor: bytes, original: bytes
    ) -> bytes:
        """What the HSM computes: the 8 bytes that a card must answer (IRK) or must be shown."""
        suite = SUITES[algorithm]
        card_key = self.key(algorithm, key, level=0, historical=historical)
        return suite.authentication_data(suite.process_key(card_key, factor), original)

    def secured_command(
        self,
        algorithm: Algorithm,
        historical: bytes,
        *,
        factor: bytes,
        header: bytes,
        new_pin: str = "",
        key: str = "STK",
    ) -> bytes:
        """What the HSM answers to message 03: `header` ‖ the enciphered PIN, if there is one ‖ MAC,
        under the process key of `key`. Raises `ValueError` for a PIN that fits no block."""
        suite = SUITES[algorithm]
        process_key = suite.process_key(
            self.key(algorithm, key, level=0, historical=historical), factor
        )
        command = header
        if new_pin:
            command += suite.encrypt(process_key, _pin_block(new_pin, suite.block))
        return command + suite.mac(process_key, padded(command, suite.block))


def derive(seed: bytes, name: str, size: int) -> bytes:
    """At most 32 bytes of a seed by a name."""
    return hmac.digest(seed, name.encode(), "sha256")[:size]


def _pin_block(pin: str, block: int) -> bytes:
    """Length ‖ BCD, F padded ‖ 80 00…, unless the block is full."""
    digits = bytes.fromhex(pin + "F" * (len(pin) % 2))
    data = bytes([len(digits)]) + digits
    if len(data) > block:
        raise ValueError("the PIN does not fit one block")
    return data if len(data) == block else padded(data, block)

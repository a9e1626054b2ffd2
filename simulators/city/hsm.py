"""The made-up city's HSM server (加密机), which has the root keys of several provinces.

Messages 01, 02 and 03 are read strictly, and the answers computed, from spec
social-security-card.md and apart from `apdu`, so that a mistake on one side shows as a refused card
and cannot cancel out. `Manners` make it slow, wrong, or meddle with what happens meanwhile.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from simulators.cards import SUITES, Algorithm, Generation
from simulators.cards.ciphers import Suite, padded
from simulators.cards.layout import applications
from simulators.ceremony import KeyAuthority
from simulators.people import Cast
from sync.contract.services import HsmAnswer, HsmRequest, decode, encode
from sync.contract.topics import Place
from sync.faults import MessageMalformed, MessageTooLarge

# Two more provinces with roots of their own, which the home city's PSAM does not have.
SECOND: Final = KeyAuthority("629900", b"onecard province 62")
THIRD: Final = KeyAuthority("339900", b"onecard province 33")  # its second-level factor differs

RESET_PIN_HEADERS: Final = {8: "842400010C", 16: "8424000114"}
UNBLOCK_HEADER: Final = "8424000004"
PIN_ADDRESS: Final = "0173"

_REGION = re.compile(r"[0-9]{6}", re.ASCII)
_HEX = re.compile(r"[0-9A-F]*", re.ASCII)
_PIN = re.compile(r"[0-9]{4,16}", re.ASCII)


class _Wrong(Exception):
    """The text is the answer's `error`."""


def _no_matter() -> None: ...


@dataclass(frozen=True)
class Manners:
    """How it behaves from now on. `before` is called, on the service's thread, after a question
    was read and before it is answered: what happens to card, broker or platform meanwhile."""

    delay: float = 0.0  # seconds
    before: Callable[[], None] = _no_matter
    wrong: Literal["", "internal", "external", "original", "text", "json"] = ""
    error: str = ""


@dataclass(frozen=True)
class _Card:
    """What all messages say of the card."""

    city: KeyAuthority
    historical: bytes
    algorithm: Algorithm

    @property
    def suite(self) -> Suite:
        return SUITES[self.algorithm]

    def process_key(self, name: str, factor: bytes) -> bytes:
        key = self.city.key(self.algorithm, name, level=0, historical=self.historical)
        return self.suite.process_key(key, factor)

    def cryptogram(self, name: str, factor: bytes, original: bytes) -> bytes:
        return self.suite.authentication_data(self.process_key(name, factor), original)


@dataclass
class CityHsm:
    """A `sync.platform.services.ServiceHandler`. `seeds`: province digits → seed of its roots;
    `addresses`: the city's own 密钥地址, by key name, where they are others than the public
    guess."""

    seeds: Mapping[str, bytes]
    addresses: Mapping[str, str] = field(default_factory=dict)
    manners: Manners = field(default_factory=Manners)
    sleep: Callable[[float], None] = time.sleep
    asked: Counter[str] = field(default_factory=Counter)  # by message type

    def __call__(self, place: Place, payload: bytes) -> bytes:
        manners = self.manners
        answer = HsmAnswer(error=manners.error) if manners.error else self.answer(payload)
        manners.before()
        if manners.delay:
            self.sleep(manners.delay)
        if manners.wrong == "json":
            return b"{"
        message = answer.message and spoilt(answer.message, manners.wrong)
        return encode(HsmAnswer(error=answer.error, message=message))

    def answer(self, payload: bytes) -> HsmAnswer:
        """What an HSM in good order answers."""
        try:
            message = decode(payload, HsmRequest).message
        except (MessageMalformed, MessageTooLarge):
            return HsmAnswer(error="malformed")
        kind, *fields = message.split("|")
        if not fields or fields.pop():
            return HsmAnswer(error="malformed")
        self.asked[kind] += 1
        try:
            match kind:
                case "01":
                    return HsmAnswer(message=self._prove_card(*_count(fields, 8)))
                case "02":
                    return HsmAnswer(message=self._prove_key(*_count(fields, 6)))
                case "03":
                    return HsmAnswer(message=self._secure_pin(*_count(fields, 7)))
                case _:
                    raise _Wrong("malformed")
        except _Wrong as wrong:
            return HsmAnswer(error=str(wrong))

    def _prove_card(
        self,
        region: str,
        historical: str,
        algorithm: str,
        card_id: str,
        factor: str,
        original: str,
        external_factor: str,
        external_original: str,
    ) -> str:
        card = self._card(region, historical, algorithm)
        _bytes(card_id, 16)
        if not card_id.startswith(region) or bool(external_factor) != bool(external_original):
            raise _Wrong("malformed")
        internal = card.cryptogram("IRK", _bytes(factor, 8), _bytes(original, 8))
        opening = ""
        if external_factor:
            d, c = _bytes(external_factor, 8), _bytes(external_original, 8)
            opening = _hex(card.cryptogram("RKSSSE", d, c) + c)
        return f"{_hex(internal)}{original}|{opening}|"

    def _prove_key(
        self, region: str, historical: str, algorithm: str, address: str, factor: str, original: str
    ) -> str:
        card = self._card(region, historical, algorithm)
        name = self._at(address)
        if name is None:
            raise _Wrong("unknown-key")
        cryptogram = card.cryptogram(name, _bytes(factor, 8), _bytes(original, 8))
        return f"{_hex(cryptogram)}{original}|"

    def _secure_pin(
        self,
        region: str,
        historical: str,
        algorithm: str,
        address: str,
        factor: str,
        header: str,
        new_pin: str,
    ) -> str:
        card = self._card(region, historical, algorithm)
        if address != self.addresses.get("STK", PIN_ADDRESS):
            raise _Wrong("unknown-key")
        allowed = RESET_PIN_HEADERS[card.suite.block] if new_pin else UNBLOCK_HEADER
        if header != allowed or (new_pin and not _PIN.fullmatch(new_pin)):
            raise _Wrong("malformed")
        key = card.process_key("STK", _bytes(factor, 8))
        command = bytes.fromhex(header)
        if new_pin:
            command += card.suite.encrypt(key, _pin_block(new_pin, card.suite.block))
        command += card.suite.mac(key, padded(command, card.suite.block))
        return f"{_hex(command)}|"

    def _at(self, address: str) -> str | None:
        """The name of the external key with that address."""
        told = {self.addresses.get(name, guess): name for guess, name in _addresses().items()}
        return told.get(address)

    def _card(self, region: str, historical: str, algorithm: str) -> _Card:
        if not _REGION.fullmatch(region):
            raise _Wrong("malformed")
        found = [each for each in Algorithm if algorithm == f"{each.value:02d}"]
        if not found:
            raise _Wrong("unsupported-algorithm")
        seed = self.seeds.get(region[:2])
        if seed is None:
            raise _Wrong("unknown-region")
        return _Card(KeyAuthority(region, seed), _bytes(historical, 13), found[0])


def city_hsm(cast: Cast, addresses: Mapping[str, str] | None = None) -> CityHsm:
    """The HSM of the cast's city: the roots of its own provinces, and of two more."""
    seeds = {SECOND.region[:2]: SECOND.seed, THIRD.region[:2]: THIRD.seed}
    for region in {cast.region, *(card.region for card in cast.cards if card.region)}:
        seeds[region[:2]] = cast.seed.encode()
    return CityHsm(seeds, addresses or {})


def spoilt(message: str, wrong: str) -> str:
    """An answer with one thing wrong in it."""
    internal, _, rest = message.partition("|")
    # 16 digits of cryptogram, then the original.
    match wrong:
        case "internal":
            return f"{_flipped(internal, 0)}|{rest}"
        case "external":
            return f"{internal}|{_flipped(rest, 0)}"
        case "original":
            return f"{_flipped(internal, 16)}|{rest}"
        case "text":
            return message.removesuffix("|")
        case _:
            return message


def _flipped(digits: str, at: int) -> str:
    """With another hex digit there, where there is one."""
    if at >= len(digits):
        return digits
    return digits[:at] + f"{int(digits[at], 16) ^ 1:X}" + digits[at + 1 :]


def _addresses() -> Mapping[str, str]:
    """Key address → name: DF number (SSSE 00) ‖ KID, as far as public callers show (L)."""
    return {
        f"{_number(application.name):02X}{row.kid:02X}": row.name
        for generation in Generation
        for application in applications(generation)
        for row in application.keys
        if row.use == "external"
    }


def _number(application: str) -> int:
    return int(application[2:]) if application.startswith("DF") else 0


def _pin_block(pin: str, block: int) -> bytes:
    """Length ‖ BCD, F padded ‖ 80 00… up to the block."""
    packed = bytes.fromhex(pin + "F" * (len(pin) % 2))
    data = bytes([len(packed)]) + packed
    if len(data) > block:
        raise _Wrong("malformed")
    return data if len(data) == block else (data + b"\x80").ljust(block, b"\0")


def _count(fields: list[str], count: int) -> list[str]:
    if len(fields) != count:
        raise _Wrong("malformed")
    return fields


def _bytes(digits: str, size: int) -> bytes:
    if len(digits) != 2 * size or not _HEX.fullmatch(digits):
        raise _Wrong("malformed")
    return bytes.fromhex(digits)


def _hex(value: bytes) -> str:
    return value.hex().upper()

"""The one authentication flow and the basic read (spec social-security-card.md, The two modes).

Card and key server work side by side: what the card must prove is computed by an `Authenticator`
(PSAM now, HSM by the same port) while the card goes on answering; the proof is compared before
this terminal proves itself and before anything of the holder is used.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import ClassVar, Literal, Protocol, TypeVar

from apdu import days
from apdu.channel import Channel
from apdu.crypto import FACTOR, Algorithm, LevelFactors
from apdu.processors import Observer
from apdu.social_security.card import SocialSecurityCard, algorithm_of
from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY, CityKeys
from apdu.social_security.files import (
    BIRTH_DATE,
    BIRTHPLACE,
    CARD_ID,
    CARD_NUMBER,
    EXPIRY_DATE,
    ISSUE_DATE,
    NAME,
    NAME_EXTENSION,
    NATION,
    SEX,
    SOCIAL_SECURITY_NUMBER,
    Generation,
)
from apdu.social_security.keys import IRK, RKSSSE, STK, Key
from apdu.social_security.needs import BASIC, OF_HOLDER, Need
from apdu.social_security.pin import pin_block
from apdu.social_security.psam import MAC_AND_ENCRYPT_TYPE, Psam, PsamKey
from apdu.social_security.quirks import NO_KINDS, CardKinds, Quirks
from apdu.social_security.records import CardIdentificationCode, CardNumber, IdNumber
from apdu.tlv import Fci
from world import Fault

T_co = TypeVar("T_co", covariant=True)

Mode = Literal["psam", "hsm"]
Stage = Literal["select", "authenticate", "read"]
NO_TERMINAL_NUMBER = "000000000000"  # spec sscard-interface.md: no PSAM


class AuthenticationFailed(Fault):
    """The card's proof is not what a genuine card answers. (National interface: -21.)

    Facts: `algorithm`, `generation`, `mode`.
    """

    code = "card.authentication-failed"


class Pending(Protocol[T_co]):
    """A value that is being computed elsewhere."""

    def result(self) -> T_co:
        """Wait for the value and return it. Raises the fault that came instead."""
        ...


@dataclass(frozen=True, repr=False)
class CardParameters:
    """What a key server must know of a card (the first four of the eight fields for the HSM)."""

    algorithm: Algorithm
    region: str
    historical_bytes: bytes
    card_id: str  # 32 hex digits

    @property
    def factors(self) -> LevelFactors:
        """The factors of the levels province, city and card, from region and ATR."""
        return LevelFactors.of(self.region, self.historical_bytes)

    @property
    def serials_agree(self) -> bool:
        """T10–T13 of the ATR, which the card's keys are made of, are the serial in its card
        identification code, which they are not (spec: Identity, ATR; M)."""
        return self.historical_bytes[9:] == bytes.fromhex(self.card_id)[8:12]


class Authenticator(Protocol):
    """Who holds the keys. Only `result()` raises, so the card is never kept waiting by a fault.

    One authenticator serves one flow. In the basic read `internal` is called first, then, on 3.0
    and before the first `result()`, `external` with RKSSSE: an HSM can answer both at once. The
    other calls belong to flows behind it (files, PIN) and are asked and fetched one by one.
    """

    @property
    def mode(self) -> Mode:
        """Where the keys are; it never changes."""
        ...

    @property
    def terminal_number(self) -> str:
        """12 digits, or empty where there is no PSAM."""
        ...

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        """The 8 bytes that a genuine card answers to 0088 (key IRK)."""
        ...

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        """The 8 bytes that win `key`'s right by 0082: RKSSSE opens the holder's file."""
        ...

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        """A whole PIN command 8424, ready to send: `header` (CLA INS P1 P2 Lc) ‖ the enciphered PIN
        block, if there is a `new_pin` (digits in ASCII) ‖ MAC 4, under STK's process key over
        `factor`, the card's last challenge."""
        ...

    def release(self) -> None:
        """The flow needs no more keys; results not fetched by now are not wanted."""
        ...


@dataclass(frozen=True)
class Computed:
    """A `Pending` that is done: a value or the fault that came instead."""

    value: bytes = field(default=b"", repr=False)
    fault: Fault | None = None

    def result(self) -> bytes:
        if self.fault is not None:
            raise self.fault
        return self.value


class PsamAuthenticator:
    """An `Authenticator` with a PSAM that no other flow uses. It computes on the caller's thread:
    each value, or the fault instead, is there on return."""

    mode: ClassVar[Mode] = "psam"

    def __init__(self, psam: Psam, keys: CityKeys = PUBLIC_KEYS_ONLY) -> None:
        self._psam = psam
        self._keys = keys

    @property
    def terminal_number(self) -> str:
        return self._psam.terminal_number

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        return self._attempt(lambda: compute(self._psam, self._keys, card, IRK, factor, original))

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        return self._attempt(lambda: compute(self._psam, self._keys, card, key, factor, original))

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        return self._attempt(lambda: secured(self._psam, self._keys, card, factor, header, new_pin))

    def release(self) -> None:
        """Nothing was leased."""

    def _attempt(self, work: Callable[[], bytes]) -> Computed:
        try:
            return Computed(work())
        except Fault as fault:
            return Computed(fault=fault)


def compute(
    psam: Psam, keys: CityKeys, card: CardParameters, key: Key, factor: bytes, original: bytes
) -> bytes:
    """A PSAM's 8 bytes for `key`. Raises `PsamUnable` and its kinds, `PsamStatus`,
    `PsamMalformed`."""
    held = PsamKey.of(key, keys, card.algorithm)
    return psam.compute(card.algorithm, held, card.factors, factor, original)


def secured(
    psam: Psam, keys: CityKeys, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
) -> bytes:
    """A PSAM's whole 8424 command. Raises as `compute`, and `PinFormFault`."""
    held = replace(PsamKey.of(STK, keys, card.algorithm), usage=MAC_AND_ENCRYPT_TYPE)
    block = pin_block(new_pin, card.algorithm.block) if new_pin else b""
    return psam.secured(card.algorithm, held, card.factors, factor, header, block)


class Doubt(Enum):
    """What is odd about a card's data and yet no reason to refuse it."""

    CARD_NUMBER_CHECK = "card-number-check"
    ID_NUMBER_CHECK = "id-number-check"
    ISSUE_DATE = "issue-date"  # no day of the calendar
    EXPIRY_DATE = "expiry-date"
    SERIAL = "serial"  # the ATR's is not that of the card identification code
    NAME = "name"  # cut, or with something that is no character
    RECORD = "record"  # another one is not whole


@dataclass(frozen=True, repr=False)
class Holder:
    """EF06. The last four are empty unless they were asked for."""

    social_security_number: str
    name: str
    sex: str = ""  # 1 male, 2 female, 9 not stated
    nation: str = ""  # two digits
    birthplace: str = ""  # six digits
    birth_date: str = ""  # YYYYMMDD


@dataclass(frozen=True)
class Authenticated:
    """How the card proved itself. Key ids are the card's (KID), two hex digits."""

    mode: Mode
    algorithm: Algorithm
    key: str
    read_key: str  # of the external authentication; empty on 1.0 and 2.0
    terminal_number: str


@dataclass(frozen=True, repr=False)
class BasicRead:
    """An authenticated card's basic data. Dates are YYYYMMDD; empty fields stay empty."""

    generation: Generation
    algorithm: Algorithm
    region: str
    card_id: str  # 32 hex digits
    card_number: str
    historical_bytes: bytes
    version: str
    issue_date: str
    expiry_date: str
    holder: Holder
    authenticated: Authenticated
    stages: Mapping[Stage, int]  # microseconds
    doubts: tuple[Doubt, ...] = ()
    kind: str = ""  # of the terminal's kinds of cards, by which it was spoken to
    read: frozenset[Need] = BASIC  # what of the above was read; the rest is empty

    def interface_fields(self, device_number: str = "") -> tuple[str, ...]:
        """The 11 fields of iReadCardBas, in order (spec sscard-interface.md)."""
        return (
            self.region,
            self.holder.social_security_number,
            self.card_number,
            self.card_id,
            self.holder.name,
            self.historical_bytes.hex().upper(),
            self.version,
            self.issue_date,
            self.expiry_date,
            self.authenticated.terminal_number or NO_TERMINAL_NUMBER,
            device_number,
        )

    def __repr__(self) -> str:
        return f"<BasicRead {self.generation.value} {self.algorithm.value}>"


def read_basic(
    card_channel: Channel,
    authenticator: Authenticator,
    *,
    clock: Callable[[], float],
    stage: Callable[[Stage], None],
    needs: frozenset[Need] = BASIC,
    quirks: Quirks | CardKinds = NO_KINDS,
    observer: Observer | None = None,
) -> BasicRead:
    """Authenticate the card and read what somebody `needs` of it, and no more: without anything of
    the holder there is no external authentication, and a 3.0 card's personal file stays shut.

    `clock` is `World.monotonic`; `stage` is told each stage as it begins. The authenticator is
    released on every exit, powering the card down is the caller's. Raises the channel's faults,
    `NotSocialSecurityCard`, `AuthenticationFailed`, `CardBlocked`, `StatusFault`, `RecordFault`,
    `TlvFault`, `ChainFault`, the other faults of `apdu.social_security.records` and
    `apdu.social_security.card`, and whatever the authenticator's results raise.
    """
    stages = _Stages(clock, stage)
    card = SocialSecurityCard(card_channel, quirks=quirks, observer=observer)
    try:
        stages.enter("select")
        fci = card.select()
        stages.enter("authenticate")
        proven = _authenticate(card, fci, authenticator, needs)
    finally:
        authenticator.release()
    if proven.opening is not None:
        card.external_authenticate(RKSSSE, *proven.opening)
    stages.enter("read")
    holder = proven.holder or _read_holder(card, needs)
    return BasicRead(
        generation=card.generation,
        algorithm=proven.parameters.algorithm,
        region=proven.parameters.region,
        card_id=proven.parameters.card_id,
        card_number=proven.issuer.card_number,
        historical_bytes=proven.parameters.historical_bytes,
        version=proven.issuer.version,
        issue_date=proven.issuer.issue_date,
        expiry_date=proven.issuer.expiry_date,
        holder=holder,
        authenticated=proven.authenticated,
        stages=stages.durations(),
        doubts=tuple(_doubts(card, proven, holder)),
        kind=card.kind,
        read=needs,
    )


@dataclass(frozen=True, repr=False)
class _Issuer:
    """EF05, as far as the basic read needs it."""

    version: str
    card_number: str
    issue_date: str
    expiry_date: str


@dataclass(frozen=True, repr=False)
class _Proven:
    """A card that proved itself. On 3.0 the holder is still shut behind `opening`."""

    parameters: CardParameters
    issuer: _Issuer
    authenticated: Authenticated
    holder: Holder | None
    opening: tuple[bytes, bytes] | None  # cryptogram and original of 0082


def _authenticate(
    card: SocialSecurityCard, fci: Fci, authenticator: Authenticator, needs: frozenset[Need]
) -> _Proven:
    """The card's proof, compared; beside it what is needed and may be read while it is computed.

    3.0: between challenge D and the 0082 that follows this function nothing goes to the card.
    """
    parameters = parameters_of(card, fci)
    proof = InternalProof.asked(card, parameters, authenticator)
    issuer = _read_issuer(card, needs)
    opens = card.generation is Generation.V3 and bool(needs & OF_HOLDER)
    holder: Holder | None = None
    external: Pending[bytes] | None = None
    if opens:
        original, factor = card.challenge(), card.challenge()  # C, D
        external = authenticator.external(parameters, factor, original)
    else:
        holder = _read_holder(card, needs)
    proof.compare(card.generation)
    return _Proven(
        parameters,
        issuer,
        Authenticated(
            mode=authenticator.mode,
            algorithm=parameters.algorithm,
            key=IRK.kid_hex,
            read_key=RKSSSE.kid_hex if opens else "",
            terminal_number=authenticator.terminal_number,
        ),
        holder,
        None if external is None else (external.result(), original),
    )


def parameters_of(card: SocialSecurityCard, fci: Fci) -> CardParameters:
    """What a key server must know of a selected card. Raises `CardIdFault`, `AlgorithmFault`,
    `AtrFault`, `RecordFault`."""
    code = CardIdentificationCode.of(card.read_value(CARD_ID))
    card.learn_region(code.region)
    return CardParameters(
        algorithm=algorithm_of(fci, code.region),
        region=code.region,
        historical_bytes=card.historical_bytes,
        card_id=code.hex,
    )


@dataclass(frozen=True, repr=False)
class InternalProof:
    """What a card answered to 0088, and, on its way, what a genuine one answers."""

    answered: bytes
    expected: Pending[bytes]
    parameters: CardParameters
    authenticator: Authenticator

    @classmethod
    def asked(
        cls, card: SocialSecurityCard, parameters: CardParameters, authenticator: Authenticator
    ) -> "InternalProof":
        """Key server first, then the card, so that both work at once. Raises `LengthFault`."""
        original, factor = card.challenge(), card.challenge()  # A, B
        expected = authenticator.internal(parameters, factor, original)
        answered = card.internal_authenticate(factor, original)
        return cls(answered, expected, parameters, authenticator)

    def compare(self, generation: Generation) -> None:
        """Raises `AuthenticationFailed`, and what came instead of the expected answer."""
        expected = self.expected.result()
        # Only now is known who has proved it: the HSM may have stood in for the PSAM.
        mode = self.authenticator.mode
        _compare(self.answered, expected, self.parameters, generation, mode)


def _compare(
    proof: bytes, expected: bytes, parameters: CardParameters, generation: Generation, mode: Mode
) -> None:
    # The length too: two empty answers would be equal.
    if len(expected) != FACTOR or not hmac.compare_digest(proof, expected):
        raise AuthenticationFailed(
            algorithm=parameters.algorithm.value, generation=generation.value, mode=mode
        )


def _read_issuer(card: SocialSecurityCard, needs: frozenset[Need]) -> _Issuer:
    """The version always: by it the generation is known."""
    return _Issuer(
        version=card.read_version(),
        card_number=card.read(CARD_NUMBER) if "card-number" in needs else "",
        issue_date=card.read(ISSUE_DATE) if "issue-date" in needs else "",
        expiry_date=card.read(EXPIRY_DATE) if "expiry-date" in needs else "",
    )


def _read_holder(card: SocialSecurityCard, needs: frozenset[Need]) -> Holder:
    number = card.read(SOCIAL_SECURITY_NUMBER) if "person" in needs else ""
    name = card.read_name() if "name" in needs else ""
    if "details" not in needs:
        return Holder(number, name)
    return Holder(
        number,
        name,
        sex=card.read(SEX),
        nation=card.read(NATION),
        birthplace=card.read(BIRTHPLACE),
        birth_date=card.read(BIRTH_DATE),
    )


# What is said of a record that was not legible as a whole.
_ILLEGIBLE: Mapping[str, Doubt] = {
    CARD_NUMBER.place: Doubt.CARD_NUMBER_CHECK,
    ISSUE_DATE.place: Doubt.ISSUE_DATE,
    EXPIRY_DATE.place: Doubt.EXPIRY_DATE,
    NAME.place: Doubt.NAME,
    NAME_EXTENSION.place: Doubt.NAME,
}


def _doubts(card: SocialSecurityCard, proven: _Proven, holder: Holder) -> Iterable[Doubt]:
    """Each once, in the order of `Doubt`."""
    issuer = proven.issuer
    found = {_ILLEGIBLE.get(place, Doubt.RECORD) for place in card.illegible}
    if CardNumber.fails(issuer.card_number):
        found.add(Doubt.CARD_NUMBER_CHECK)
    if IdNumber.fails(holder.social_security_number):
        found.add(Doubt.ID_NUMBER_CHECK)
    if days.is_odd(issuer.issue_date):
        found.add(Doubt.ISSUE_DATE)
    if days.is_odd(issuer.expiry_date):
        found.add(Doubt.EXPIRY_DATE)
    if not proven.parameters.serials_agree:
        found.add(Doubt.SERIAL)
    return sorted(found, key=list(Doubt).index) if found else ()


class _Stages:
    """Tells the caller where the flow is and measures how long each stage took."""

    def __init__(self, clock: Callable[[], float], tell: Callable[[Stage], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._began: list[tuple[Stage, float]] = []

    def enter(self, name: Stage) -> None:
        self._began.append((name, self._clock()))
        self._tell(name)

    def durations(self) -> dict[Stage, int]:
        """Microseconds per stage; the last one ends now."""
        ends = [at for _, at in self._began[1:]] + [self._clock()]
        return {
            name: round((end - at) * 1_000_000)
            for (name, at), end in zip(self._began, ends, strict=True)
        }

"""A social security card as a session: each command of the specification is one method.

Source: spec social-security-card.md, Commands. The order in which they make an authenticated read
is in `apdu.social_security.authentication`.
"""

from dataclasses import replace
from functools import cache

from apdu import status
from apdu.channel import Channel
from apdu.command import Command, Response
from apdu.crypto import FACTOR, Algorithm
from apdu.legible import Legible
from apdu.processors import ChainFault, Observer, chain
from apdu.social_security.files import (
    CARD_NUMBER,
    EXPIRY_DATE,
    ISSUE_DATE,
    NAME,
    NAME_EXTENSION,
    SOCIAL_SECURITY_NUMBER,
    SSSE,
    VERSION,
    Application,
    FileRecord,
    Generation,
    has,
    record_number,
)
from apdu.social_security.keys import Key
from apdu.social_security.quirks import NO_KINDS, Addressing, CardKind, CardKinds, Quirks, Traits
from apdu.social_security.records import (
    HistoricalBytes,
    RecordFault,
    generation_of,
    legible,
    salvaged,
    shown_text,
    unpadded,
    value_of,
)
from apdu.status import CardBlocked, StatusFault
from apdu.tlv import Fci, parse_fci
from world import Fault

# Answers to READ RECORD that may mean "not addressed in that way" (ISO/IEC 7816-4, 5.6).
ADDRESSING_REFUSED = frozenset({0x6981, 0x6986, 0x6A81, 0x6A82, 0x6A83, 0x6A86, 0x6B00})
SELECT_SSSE = Command(0x00, 0xA4, 0x04, 0x00, SSSE, expected=256)
GET_CHALLENGE = Command(0x00, 0x84, 0x00, 0x00, expected=FACTOR)
# Answers to READ RECORD that mean "there is none", once it is known how this card's records are
# addressed: as good as an empty one. Cards differ in the word for it.
NOT_THERE = frozenset(
    {status.FILE_NOT_FOUND, status.RECORD_NOT_FOUND, status.KEY_NOT_FOUND, 0x6A86, 0x6B00}
)
# A card may keep its dates back instead; a name, which decides nothing, whatever it says.
NOT_GIVEN = NOT_THERE | {0x6981, 0x6982, 0x6985, 0x6986, 0x6A81}
SOUGHT = frozenset({VERSION, CARD_NUMBER, SOCIAL_SECURITY_NUMBER})  # lists and holder go by them
DATES = frozenset({ISSUE_DATE, EXPIRY_DATE})


class NotSocialSecurityCard(Fault):
    """SELECT SSSE was refused, or another application answered. Fact: `sw`, hex."""

    code = "card.not-social-security"


class AlgorithmFault(Fault):
    """The card names an algorithm that is not in the table. Fact: `value`, hex."""

    code = "card.algorithm"


class LengthFault(Fault):
    """A challenge or a proof is not 8 bytes. Facts: `command` (header, hex), `length`."""

    code = "card.length"


class SocialSecurityCard:
    """The SSSE environment of one powered card, and the applications in it.

    Every method raises the channel's faults, `ChainFault` and `StatusFault` beside its own.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        quirks: Quirks | CardKinds = NO_KINDS,
        observer: Observer | None = None,
    ) -> None:
        """`quirks`: of this card, or the kinds of which it may be; then its ATR is the first that
        is known of it, and `learn` tells more."""
        self._atr = channel.atr
        self._channel = channel
        self._observer = observer
        self._kinds = quirks if isinstance(quirks, CardKinds) else CardKinds(otherwise=quirks)
        self._traits = Traits(self._atr)
        self._version: str | None = None  # record 03, once it has been read
        self._take(self._kinds.find(self._traits))
        self._addressing: Addressing | None = None  # settled by the first record
        self._file: int | None = None  # the selected EF, where EFs are selected
        self.generation = Generation.V1  # until record 03 says otherwise
        self.illegible: set[str] = set()  # places of what was read and is not legible as a whole

    @property
    def historical_bytes(self) -> bytes:
        """The 13 bytes of either ATR. Raises `AtrFault`."""
        return HistoricalBytes.of(self._atr)

    def select(self) -> Fci:
        """Enter the SSSE. Raises `NotSocialSecurityCard`, `CardBlocked`, `TlvFault`."""
        answer = self._card.send(SELECT_SSSE)
        if answer.sw in status.LOCKED_ON_SELECT:
            raise CardBlocked(SELECT_SSSE, answer.sw)
        if not answer.ok:
            raise NotSocialSecurityCard(sw=f"{answer.sw:04X}")
        self._file = None
        fci = parse_fci(answer.data)
        if fci.name is not None and fci.name != SSSE:
            raise NotSocialSecurityCard(sw=f"{answer.sw:04X}")
        return fci

    def select_application(self, application: Application) -> None:
        """Enter DF01 …; rights won before are lost. Raises `CardBlocked`."""
        if self._by_fid:
            self._enter(0x00, bytes.fromhex(application.name))
        else:
            self._enter(0x04, application.aid)

    def select_by_name(self, name: bytes) -> None:
        """Enter another environment or application; rights won before are lost."""
        self._enter(0x04, name)

    def read_value(self, record: FileRecord) -> bytes:
        """A record's value, undecoded. Raises `RecordFault`."""
        return value_of(record, self._read_raw(record))

    def read(self, record: FileRecord) -> str:
        """A record's value as text, empty when it is all padding or not there. What is not legible
        is noted (`illegible`), or raises `RecordFault` where the record decides something."""
        return self._noted(record, legible(record, self._read_optional(record), self.generation))

    def read_version(self) -> str:
        """Record 03, which also settles `generation`. Raises `RecordFault`, `GenerationFault`.

        A card without it is like one whose record is empty: 1.0. It is read once.
        """
        if self._version is None:
            version = self.read(VERSION)
            self.generation = generation_of(version)
            self._version = version
            self._learn(replace(self._traits, generation=self.generation.value))
        return self._version

    def learn_region(self, region: str) -> None:
        """Its six digits have been read: what kind of card it is may have to be judged anew, and
        where its generation would tell, that is read now."""
        self._learn(replace(self._traits, region=region))
        if self._version is None and self._kinds.asks_generation(self._traits):
            self.read_version()

    @property
    def kind(self) -> str:
        """Name of the kind by whose quirks it is spoken to; empty: as the specification says."""
        return self._kind.name if self._kind else ""

    def read_name(self) -> str:
        """Record 09 and, on 2.0 and 3.0, its extension 4E behind it."""
        name = unpadded(self._read_optional(NAME))
        if has(NAME_EXTENSION, self.generation):
            name += unpadded(self._read_optional(NAME_EXTENSION))
        # Together, because a character may lie across the border.
        return self._noted(NAME, shown_text(name))

    @property
    def counts_records(self) -> bool:
        """This card's records are named by number, not by tag."""
        return self._addressing is Addressing.SFI_AND_NUMBER

    def read_record(self, sfi: int, tag: int, number: int, size: int) -> bytes:
        """A record of the current application, undecoded, by number where there is one, else by tag
        (`number` 0). `size` of the whole record; 0: whatever there is."""
        p1, mode = (number, 0x04) if number else (tag, 0x00)
        if self._addressing is Addressing.SELECT_AND_TAG:
            self.select_file(0xEF00 | sfi)
            sfi = 0
        return self.do(_read_record(p1, sfi << 3 | mode, min(size, 256) or 256))

    def select_file(self, fid: int) -> None:
        """SELECT EF in the current application, unless it is selected."""
        if self._file != fid:
            self.do(Command(0x00, 0xA4, 0x02, 0x00, fid.to_bytes(2, "big"), expected=256))
            self._file = fid

    def read_binary(self, offset: int, size: int) -> Response:
        """READ BINARY of the selected file, at most `size` bytes; the caller judges the status."""
        return self._card.send(
            Command(0x00, 0xB0, offset >> 8 & 0x7F, offset & 0xFF, expected=size)
        )

    def challenge(self) -> bytes:
        """GET CHALLENGE, 8 bytes; the card takes its last one as the factor of 0082.

        Raises `LengthFault` when it is not 8 bytes.
        """
        return self._eight_bytes(GET_CHALLENGE)

    def internal_authenticate(self, factor: bytes, original: bytes) -> bytes:
        """The card's proof (key IRK), 8 bytes. Raises `LengthFault` when it is not."""
        data = factor + original
        if self._key_version is not None:
            data += bytes((self._key_version,))
        return self._eight_bytes(Command(0x00, 0x88, 0x00, 0x00, data, expected=FACTOR))

    def external_authenticate(self, key: Key, cryptogram: bytes, original: bytes) -> None:
        """This terminal's proof for a key; the last challenge was its factor.

        A refusal costs one of few tries: never send it twice. Raises
        `ExternalAuthenticationRefused`, `CardBlocked`; `LengthFault`, before anything is sent, for
        a cryptogram of another length.
        """
        if len(cryptogram) != FACTOR:
            raise LengthFault(command=f"008200{key.kid_hex}", length=len(cryptogram))
        self.do(Command(0x00, 0x82, 0x00, key.kid, cryptogram + original))

    def send(self, command: Command) -> Response:
        """Any command; the caller judges the status."""
        return self._card.send(command)

    def do(self, command: Command) -> bytes:
        """Any command; its answer's data. Raises `StatusFault`."""
        return status.data_of(command, self.send(command))

    def _learn(self, traits: Traits) -> None:
        self._traits = traits
        kind = self._kinds.find(traits)
        if kind is not self._kind:
            self._take(kind)

    def _take(self, kind: CardKind | None) -> None:
        """Speak to it as to a card of that kind from now on."""
        self._kind = kind
        quirks = self._kinds.named(self.kind)
        self._card = chain(self._channel, quirks=quirks, observer=self._observer)
        self._key_version = quirks.internal_key_version
        self._by_fid = quirks.applications_by_fid
        self._addressings = quirks.addressing

    def _enter(self, p1: int, name: bytes) -> None:
        self.do(Command(0x00, 0xA4, p1, 0x00, name, expected=256))
        self._file = None

    def _eight_bytes(self, command: Command) -> bytes:
        data = self.do(command)
        if len(data) != FACTOR:
            raise LengthFault(command=command.header.hex().upper(), length=len(data))
        return data

    def _read_optional(self, record: FileRecord) -> bytes:
        """Empty where there is none: missing and empty are the same."""
        raw = b""
        try:
            raw = self._read_raw(record)
            return value_of(record, raw)
        except StatusFault as fault:
            if not _is_missing(record, fault):
                raise
            if fault.sw not in NOT_GIVEN:
                self.illegible.add(record.place)
            return b""
        except RecordFault:
            if not _is_salvageable(record, raw):
                raise
            self.illegible.add(record.place)
            return salvaged(record, raw)
        except ChainFault:
            if record in SOUGHT | DATES:
                raise
            self.illegible.add(record.place)
            return b""

    def _noted(self, record: FileRecord, read: Legible) -> str:
        if not read.whole:
            self.illegible.add(record.place)
        return read.text

    def _read_raw(self, record: FileRecord) -> bytes:
        if self._addressing is not None:
            return self._read_addressed(record, self._addressing)
        *others, last = self._addressings
        for addressing in others:
            try:
                return self._settled(record, addressing)
            except StatusFault as fault:
                if fault.sw not in ADDRESSING_REFUSED:
                    raise
        return self._settled(record, last)

    def _settled(self, record: FileRecord, addressing: Addressing) -> bytes:
        raw = self._read_addressed(record, addressing)
        self._addressing = addressing
        return raw

    def _read_addressed(self, record: FileRecord, addressing: Addressing) -> bytes:
        p1, p2 = record.tag, record.sfi << 3
        match addressing:
            case Addressing.SELECT_AND_TAG:
                self.select_file(0xEF00 | record.sfi)
                p2 = 0x00
            case Addressing.SFI_AND_NUMBER:
                p1, p2 = record_number(record, self.generation), p2 | 0x04
            case Addressing.SFI_AND_TAG:
                pass
        return self.do(_read_record(p1, p2, record.size + 2))


def _is_missing(record: FileRecord, fault: StatusFault) -> bool:
    """This answer means that the card has no such record, or none that anything rests on."""
    if record in SOUGHT:
        return fault.sw in NOT_THERE
    if record in DATES:
        return fault.sw in NOT_GIVEN
    return not isinstance(fault, CardBlocked)


def _is_salvageable(record: FileRecord, raw: bytes) -> bool:
    """Its lengths disagree and what there is of it will do, as of a name, whatever came for it. A
    card number is only ever doubted, but it has to be one; a date of another form is none."""
    if record == CARD_NUMBER:
        return raw[:1] == bytes((record.tag,))
    return not record.decides and record not in DATES


@cache
def _read_record(p1: int, p2: int, expected: int) -> Command:
    """One of some thirty commands."""
    return Command(0x00, 0xB2, p1, p2, expected=expected)


def algorithm_of(fci: Fci, region: str) -> Algorithm:
    """From the FCI's tag 86; without it, from the region: 11 is SSF33, the others 3DES.

    Raises `AlgorithmFault`.
    """
    if fci.algorithm is None:
        return Algorithm.SSF33 if region.startswith("11") else Algorithm.TDES
    for algorithm in Algorithm:
        if int(algorithm.code) == fci.algorithm:
            return algorithm
    raise AlgorithmFault(value=f"{fci.algorithm:02X}")

"""A T-Union purse as a session: each command of the specification is one method.

The order in which they make a payment is the caller's: select → 8050 → (80DC) → 8054; 805A, and
then 0018, for a card that left before its answer. Source: spec transit-card.md.
"""

from collections.abc import Container
from typing import Final

from apdu import status
from apdu.channel import Channel
from apdu.command import Command, Response
from apdu.processors import Observer, chain
from apdu.social_security.quirks import STANDARD, Quirks
from apdu.tlv import DF_NAME, ISSUER_DISCRETIONARY, TlvFault, parse
from apdu.transit.faults import (
    BalanceContradicted,
    DebitRefused,
    DebitUncertain,
    Mac1Refused,
    NotPurse,
    PurseBlocked,
    PurseLocked,
    PurseMalformed,
    PurseStopped,
    refusal,
)
from apdu.transit.files import BLANK, Layout, TransitRecordFault, Value, national
from apdu.transit.values import (
    AMOUNT,
    MAC,
    ApplicationState,
    Authorisation,
    Debited,
    Initialised,
    Kind,
    LogEntry,
    Management,
    PsamTerminal,
    PublicInfo,
    TransactionProof,
)

T_UNION: Final = bytes.fromhex("A000000632010105")
SELECT: Final = Command(0x00, 0xA4, 0x04, 0x00, T_UNION, expected=256)
LOG_ROWS, TRIP_ROWS = 10, 30
NO_PROOF: Final = 0x9406
# Cards differ in the word for "no such file or record".
END_OF_FILE: Final = frozenset(
    {status.RECORD_NOT_FOUND, status.FILE_NOT_FOUND, status.KEY_NOT_FOUND, 0x6A86, 0x6B00}
)
LARGEST: Final = 0xFFFF_FFFF  # fen

# Answers to 8054 by which a card surely says that it did not pay; any other may come after it did
# (6581, say: the memory failed, who knows when).
NOT_PAID: Final = frozenset(
    {0x6700, 0x6901, 0x6982, 0x6985, 0x6A80, 0x6A86, 0x6D00, 0x6E00, 0x9302, 0x9303, 0x9401, 0x9403}
)  # fmt: skip


class Purse:
    """The purse of one powered card. Used by one thread only.

    Every method raises the channel's faults and `ChainFault` beside its own, and `PurseStatus` or
    one of its kinds where the card refuses.
    """

    def __init__(
        self, channel: Channel, *, quirks: Quirks = STANDARD, observer: Observer | None = None
    ) -> None:
        self._card = chain(channel, quirks=quirks, observer=observer)

    def select(self) -> PublicInfo:
        """Enter the purse. The FCI brings file 0015 along, so that it is read only where it does
        not. Raises `NotPurse`, `PurseLocked`, `PurseBlocked`, `PurseStopped`, `PurseMalformed`."""
        answer = self._card.send(SELECT)
        if answer.sw == 0x9303:
            raise PurseBlocked(SELECT, answer.sw)
        if answer.sw in status.LOCKED_ON_SELECT:
            raise PurseLocked(SELECT, answer.sw)
        if not answer.ok:
            raise NotPurse(sw=f"{answer.sw:04X}")
        public = self._public(answer)
        if public.state != ApplicationState.ENABLED:
            raise PurseStopped(state=public.state)
        return public

    def management(self) -> Management:
        """File 0017, by which the card is priced. Raises `PurseMalformed`, also for a card that
        has none, or an empty one."""
        layout = national().management
        command = _read_binary(layout)
        answer = self._card.send(command)
        raw = b"" if answer.sw in END_OF_FILE else self._data(command, answer)
        values = self._decode(layout, raw if raw.strip(BLANK) else b"")
        return Management(
            country=_digits(values, "country"),
            province=_digits(values, "province"),
            city=_digits(values, "city"),
            interoperable=values["interoperable"] == 1,
            card_type=_number(values, "card_type"),
        )

    def balance(self) -> int:
        """Fen, below zero where the overdraft was used: b0 where there is any, else b0 - b1."""
        money = self._amount(0x00)
        return money if money else -self._amount(0x01)

    def initialise(
        self, kind: Kind, amount: int, terminal: PsamTerminal, *, expected: int | None = None
    ) -> Initialised:
        """8050: begin a purchase of `amount` fen; what was begun before is forgotten. `expected` is
        what `balance` said.

        Raises `BalanceTooSmall`, `PurseCounter`, `PurseKeyIndex`, `PurseState`,
        `BalanceContradicted`, `PurseMalformed`.
        """
        data = bytes((terminal.key_index,)) + amount.to_bytes(AMOUNT) + terminal.number
        answer = self._do(Command(0x80, 0x50, kind.p1, 0x02, data, expected=15))
        if len(answer) != 15:
            raise PurseMalformed(what="8050", length=len(answer))
        begun = Initialised(
            kind=kind,
            amount=amount,
            terminal=terminal,
            balance=int.from_bytes(answer[0:4]),
            seq=int.from_bytes(answer[4:6]),
            overdraft=int.from_bytes(answer[6:9]),
            key_version=answer[9],
            algorithm=answer[10],
            random=answer[11:15],
        )
        if expected is not None and begun.balance != max(expected, 0):
            raise BalanceContradicted
        return begun

    def read_record(self, layout: Layout) -> bytes:
        """The record of a city's table (001A), undecoded; one that was never written is zeros."""
        raw = self._record(layout, layout.number)
        return raw if raw.strip(BLANK) else bytes(len(raw))

    def update_record(self, layout: Layout, record: bytes) -> None:
        """80DC in a composite purchase: the card keeps it until 8054 and writes it then, or not at
        all. Raises `PurseState`."""
        self._do(Command(0x80, 0xDC, layout.id, layout.sfi << 3, record))

    def debit(self, authorisation: Authorisation) -> Debited:
        """8054, once. `DebitRefused` and its kinds say that the card did not pay; after EVERY other
        fault (`CardGone`, `CardMute`, `ReaderGone`, `ChainFault`, `DebitUncertain`) it is unknown:
        `proof`, then `find_in_log`."""
        data = authorisation.sequence.to_bytes(4) + bytes.fromhex(authorisation.moment)
        command = Command(0x80, 0x54, 0x01, 0x00, data + authorisation.mac1, expected=2 * MAC)
        answer = self._card.send(command)
        if answer.ok and len(answer.data) == 2 * MAC:
            return Debited(tac=answer.data[:MAC], mac2=answer.data[MAC:])
        if answer.sw not in NOT_PAID:
            raise DebitUncertain(sw=f"{answer.sw:04X}", length=len(answer.data))
        raise (Mac1Refused if answer.sw == 0x9302 else DebitRefused)(command, answer.sw)

    def proof(self, kind: Kind, seq: int) -> TransactionProof | None:
        """805A: the proof of the purchase that 8050 began with `seq`; None (9406): there is none,
        because it was not made or another one was made since. Raises `PurseMalformed`.
        """
        asked = ((seq + 1) & 0xFFFF).to_bytes(2)
        command = Command(0x80, 0x5A, 0x00, kind.type, asked, expected=2 * MAC)
        answer = self._card.send(command)
        if answer.sw == NO_PROOF:
            return None
        data = self._data(command, answer)
        if len(data) != 2 * MAC:
            raise PurseMalformed(what="805A", length=len(data))
        return TransactionProof(mac2=data[:MAC], tac=data[MAC:])

    def log(self, number: int) -> LogEntry | None:
        """Row `number` of 0018, 1 the newest; None: there are fewer, or it was never written. Its
        time may be anything. Raises `PurseMalformed`: another length."""
        values = self._row(national().log, number)
        if values is None:
            return None
        return LogEntry(
            seq=_number(values, "seq"),
            overdraft=_number(values, "overdraft"),
            amount=_number(values, "amount"),
            type=_number(values, "type"),
            terminal=bytes.fromhex(_digits(values, "terminal")),
            moment=_digits(values, "moment"),
        )

    def find_in_log(self, terminal: bytes, amount: int, moment: str) -> LogEntry | None:
        """The row of one purchase by terminal number, amount and time; None: there is none. Raises
        `PurseMalformed`."""
        for number in range(1, LOG_ROWS + 1):
            row = self.log(number)
            if row is None:
                return None
            if (row.terminal, row.amount, row.moment) == (terminal, amount, moment):
                return row
        return None

    def trip(self, number: int) -> dict[str, Value] | None:
        """Row `number` of 001E, 1 the newest, as in `layouts/national.toml`; None as of `log`.
        Raises `PurseMalformed`."""
        return self._row(national().trip, number)

    def _public(self, answer: Response) -> PublicInfo:
        raw = self._from_fci(answer.data)
        if raw is None:
            raw = self._binary(national().public)
        values = self._decode(national().public, raw)
        serial = _digits(values, "serial")
        number = _digits(values, "card_number_head")[1:] + serial
        if not number.isdecimal():
            raise PurseMalformed(what=national().public.name, length=len(raw))
        return PublicInfo(
            issuer=bytes.fromhex(_digits(values, "issuer")),
            application_type=_number(values, "application_type"),
            state=_number(values, "state"),
            card_number=number,
            serial=bytes.fromhex(serial),
            starts=_digits(values, "starts"),
            expires=_digits(values, "expires"),
            raw=raw,
        )

    def _from_fci(self, fci: bytes) -> bytes | None:
        """File 0015 as 9F0C has it; None: it has not."""
        try:
            inside = {one.tag: one.value for top in parse(fci) for one in top.walk()}
        except TlvFault as fault:
            raise PurseMalformed(what="FCI", length=len(fci)) from fault
        name = inside.get(DF_NAME)
        if name is not None and not name.startswith(T_UNION):  # phones append a city
            raise NotPurse(sw="9000")
        public = inside.get(ISSUER_DISCRETIONARY)
        return public if public and len(public) == national().public.size else None

    def _amount(self, which: int) -> int:
        command = Command(0x80, 0x5C, which, 0x02, expected=AMOUNT)
        data = self._do(command)
        if len(data) != AMOUNT:
            raise PurseMalformed(what="805C", length=len(data))
        return int.from_bytes(data) & 0x7FFF_FFFF  # 31 bits

    def _binary(self, layout: Layout) -> bytes:
        return self._do(_read_binary(layout))

    def _record(self, layout: Layout, number: int) -> bytes:
        return self._do(_read(layout, number))

    def _row(self, layout: Layout, number: int) -> dict[str, Value] | None:
        command = _read(layout, number)
        answer = self._card.send(command)
        if answer.sw in END_OF_FILE:
            return None
        raw = self._data(command, answer)
        never_written = len(raw) in (0, layout.size) and not raw.strip(BLANK)
        # A terminal elsewhere wrote it, maybe with F for its time: who goes by a time compares it.
        return None if never_written else self._decode(layout, raw, digits=())

    def _decode(
        self, layout: Layout, raw: bytes, digits: Container[str] | None = None
    ) -> dict[str, Value]:
        try:
            return dict(layout.decode(raw, digits))
        except TransitRecordFault as fault:
            raise PurseMalformed(what=layout.name, length=len(raw)) from fault

    def _do(self, command: Command) -> bytes:
        return self._data(command, self._card.send(command))

    def _data(self, command: Command, answer: Response) -> bytes:
        if not answer.ok:
            raise refusal(command, answer.sw)
        return answer.data


def _read_binary(layout: Layout) -> Command:
    return Command(0x00, 0xB0, 0x80 | layout.sfi, 0x00, expected=layout.size)


def _read(layout: Layout, number: int) -> Command:
    return Command(0x00, 0xB2, number, layout.sfi << 3 | 4, expected=layout.size)


def _number(values: dict[str, Value], name: str) -> int:
    return int(values[name])


def _digits(values: dict[str, Value], name: str) -> str:
    return str(values[name])

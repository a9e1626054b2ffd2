"""iReadCard, iWriteCard, iReadDebitRecord: a card's files, by the terminal's keys or the caller's.

The card proves itself first; keys and PIN are won as the file tables say
(`apdu.social_security.session`).
"""

from collections.abc import Iterable, Sequence

from agent.facade import fields
from agent.facade.disclosure import PlannedDisclosure
from agent.facade.faults import HsmNotNeeded, Unsupported
from agent.facade.functions import DEBIT
from agent.facade.means import CardServices, PreparedCall
from agent.facade.sessions import by_caller, by_terminal
from agent.facade.visit import FlowOutcome, LeasedSession
from apdu.social_security.authentication import Doubt
from apdu.social_security.file_address import (
    FileAddress,
    FileAddressFault,
    FileData,
    format_address,
    format_data,
    parse_address,
    parse_data,
)
from apdu.social_security.files import SOCIAL_SECURITY_NUMBER
from apdu.social_security.key_authentication import How, Needs
from apdu.social_security.session import CardSession
from apdu.social_security.values import PARTS
from offline_store.events.happened import Authentication

TRANSACTIONS = "DF04EF08|$"
MOST_DOUBTS = 16  # places that one disclosure names


def read_card(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iReadCard(iType, iAuthType, pCardInfo, pFileAddr)."""
    kinds = fields.kinds(parameters[0])
    how: How = "pin" if fields.by_pin(parameters[1]) else "key"
    info, files = fields.card_info(parameters[2]), parse_address(parameters[3])

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_terminal(means, visit, info) as session:
            found = session.read(files, how=how, ask_pin=visit.pin_for_files)
            return _told(visit, session, found, format_data(found))

    return PreparedCall(kinds, flow)


def read_debit_record(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iReadDebitRecord(iType): the rows of DF04 EF08, the newest first, by PIN."""
    files = parse_address(TRANSACTIONS)

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_terminal(means, visit) as session:
            found = session.read(files, how="pin", ask_pin=visit.pin_for_files)
            rows = [f"{_debit(row)}|" for row in found[0].values if row]
            return _told(visit, session, found, _fitting(rows, DEBIT))

    return PreparedCall(fields.kinds(parameters[0]), flow)


def write_card(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iWriteCard(iType, pCardInfo, pFileAddr, pWriteData)."""
    kinds, info = fields.kinds(parameters[0]), fields.card_info(parameters[1])
    data = parse_data(parameters[3], parse_address(parameters[2]))

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_terminal(means, visit, info) as session:
            session.write(data, ask_pin=visit.pin_for_files)
        return FlowOutcome("", keep=visit.has_pin)

    return PreparedCall(kinds, flow)


def read_card_hsm(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iReadCard_HSM_Step1(iType, pCardInfo, pFileAddr), one file; then Step2(pKey)."""
    kinds, info = fields.kinds(parameters[0]), fields.card_info(parameters[1])
    file = _one(parse_address(parameters[2]))

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_caller(means, visit, info) as session:
            _require_one_key(visit, session.needs_for_reading(file))
            found = session.read([file], ask_pin=visit.pin_for_files)
            return _told(visit, session, found, format_data(found))

    return PreparedCall(kinds, flow)


def write_card_hsm(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iWriteCard_HSM_Step1(iType, pCardInfo, pFileAddr), one file; then Step2(pKey, pWriteData).

    The key is won with step 2, whose data are checked behind it: the card has no try to lose then.
    """
    kinds, info = fields.kinds(parameters[0]), fields.card_info(parameters[1])
    file = _one(parse_address(parameters[2]))

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_caller(means, visit, info) as session:
            _require_one_key(visit, session.needs_for_writing(file))
            session.open_for_writing(file, ask_pin=visit.pin_for_files)
            session.write(parse_data(visit.call.parameters[1], [file]))
        return FlowOutcome("", keep=visit.has_pin)

    return PreparedCall(kinds, flow)


def _fitting(rows: Sequence[str], room: int) -> str:
    """The rows from the first one that fit into so many bytes of GBK with their closing NUL: more
    than that are no error, because the caller can do nothing about it."""
    taken, left = [], room - 1
    for row in rows:
        left -= len(fields.to_gbk(row))
        if left < 0:
            break
        taken.append(row)
    return "".join(taken)


def _debit(row: str) -> str:
    """`seq ^ terminal ^ time ^ total ^ account + pool ^` (spec) of a row's seven columns; amounts
    in fen. What the holder paid himself is in the total only."""
    sequence, _, terminal, time, account, own, pool = row.split(PARTS)
    paid = int(account) + int(pool)
    return "".join(f"{value}{PARTS}" for value in (sequence, terminal, time, paid + int(own), paid))


def _one(files: Sequence[FileAddress]) -> FileAddress:
    """Raises `FileAddressFault`."""
    if len(files) != 1:
        raise FileAddressFault("address", "files", len(files))
    return files[0]


def _require_one_key(visit: LeasedSession, needs: Needs) -> None:
    """Raises `HsmNotNeeded`; `Unsupported` for what the two steps have no room for."""
    if not needs.keys:
        raise HsmNotNeeded
    if len(needs.keys) > 1:
        raise Unsupported(function=visit.call.function.name)


def _told(
    visit: LeasedSession, session: CardSession, found: Sequence[FileData], output: str
) -> FlowOutcome:
    stepped = visit.call.function.group == "hsm"
    disclosed = PlannedDisclosure(
        format_address([data.address for data in found]),
        session.card_id,
        number=_number(found),
        name=output,
        authentication=Authentication(
            mode="hsm" if stepped else session.mode,
            result="unfinished" if stepped else "passed",
            generation=session.generation.value,
            algorithm=session.parameters.algorithm.value,
        ),
        doubts=_doubts(session),
    )
    return FlowOutcome(output, disclosed, keep=visit.has_pin)


def _doubts(session: CardSession) -> Sequence[str]:
    serial = [] if session.parameters.serials_agree else [Doubt.SERIAL.value]
    return [*serial, *sorted(session.card.illegible)[:MOST_DOUBTS]]


def _number(found: Iterable[FileData]) -> str:
    """The social security number, where it is among the values."""
    for data in found:
        if data.address.application == "SSSE" and data.address.sfi == SOCIAL_SECURITY_NUMBER.sfi:
            for item, value in zip(data.address.items, data.values, strict=False):
                if item.number == SOCIAL_SECURITY_NUMBER.tag:
                    return value
    return ""

"""Tickets of our own: small, nameless, verified offline, each defect with its reason."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import qrcode
from hypothesis import example, given
from hypothesis import strategies as st
from qrcode.constants import ERROR_CORRECT_M

from agent.identify.code import Router
from agent.identify.identity import Identity, Unidentified, VerifiedCode
from agent.identify.ministry_codes.resolver import OfflineResolver
from agent.identify.tickets import base45
from agent.identify.tickets.issue import main
from agent.identify.tickets.resolver import Tickets
from agent.identify.tickets.ticket import ANYBODY, EVERY_GROUP, SIZE, Scanned, issue, scan
from agent.identify.tickets.verify import verify
from agent.messages.reasons import Reason
from config.model import CodeRule
from contracts.scenes.stand import CITY_KEY
from offline_store.clock import ClockReading
from simulators.transit.codes import ISSUER, NOW
from simulators.transit.tickets import DEFECTS, GOOD, GROUP, KEY_ID, Defect, issuers, made
from trust.keystore import FileKeyStore
from trust.references import References
from trust.sm2 import sm2
from world.real import RealWorld

SM2 = sm2()
KEYS = issuers(SM2)
TEXT = made(SM2)
CLOCK = ClockReading(NOW * 1000, "synchronised", "boot-1")
LARGEST_QR = 10
NUMBER = "110101199003078515"  # made up


def judged(text: bytes, groups: tuple[int, ...] = (GROUP,)) -> Scanned | Reason:
    return verify(text, KEYS, SM2, CLOCK, groups)


def resolved(text: bytes) -> Identity | Unidentified:
    tickets = Tickets(SM2, lambda _: KEYS, lambda: CLOCK, (GROUP,))
    return OfflineResolver(tickets.verifiers()).resolve("onecard-ticket", text)


def test_a_good_ticket_passes_and_tells_its_fields() -> None:
    ticket = judged(TEXT)
    assert isinstance(ticket, Scanned)
    assert (ticket.id, ticket.holder, ticket.uses) == (GOOD.id, GOOD.holder, 1)
    assert (ticket.first, ticket.last, ticket.group) == (GOOD.first, GOOD.last, GROUP)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_every_single_defect_has_its_reason(defect: Defect) -> None:
    keys = issuers(SM2, expires=defect.issuers_expire)
    assert verify(defect.make(SM2), keys, SM2, CLOCK, (GROUP,)) is defect.reason


def test_no_flipped_bit_of_a_good_ticket_is_accepted() -> None:
    content = base45.decode(TEXT[4:].decode()) or b""
    accepted = []
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            text = b"OCT:" + base45.encode(bytes(flipped)).encode()
            if not isinstance(judged(text), Reason):
                accepted.append((place, bit))
    assert not accepted


def test_no_changed_character_of_a_good_ticket_is_accepted() -> None:
    accepted = []
    for place in range(len(TEXT)):
        changed = bytearray(TEXT)
        changed[place] = ord("0") if TEXT[place] != ord("0") else ord("1")
        if not isinstance(judged(bytes(changed)), Reason):
            accepted.append(place)
    assert not accepted


@given(st.binary(max_size=400), st.booleans())
@example(b"", True)
@example("票".encode(), True)
def test_whatever_the_bytes_there_is_a_reason(content: bytes, ours: bool) -> None:
    assert isinstance(judged(b"OCT:" + content if ours else content), Reason)


@given(st.binary(max_size=140))
def test_base45_is_one_to_one(content: bytes) -> None:
    assert base45.decode(base45.encode(content)) == content


@given(st.text(base45.ALPHABET, max_size=60))
def test_base45_has_one_text_for_some_bytes(text: str) -> None:
    content = base45.decode(text)
    assert content is None or base45.encode(content) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
    ],
)
def test_base45_is_that_of_rfc_9285(content: bytes, text: str) -> None:
    assert base45.encode(content) == text


def test_a_clock_that_was_never_set_judges_no_ticket() -> None:
    never = ClockReading(0, "unset", "boot-1")
    assert verify(TEXT, KEYS, SM2, never, (GROUP,)) == Reason.CODE_CLOCK_UNSET


def test_a_ticket_is_good_from_its_first_to_its_last_second() -> None:
    for now, good in (
        (GOOD.first - 1, False),
        (GOOD.first, True),
        (GOOD.last, True),
        (GOOD.last + 1, False),
    ):
        clock = ClockReading(now * 1000 + 999, "synchronised", "boot-1")
        assert isinstance(verify(TEXT, KEYS, SM2, clock, (GROUP,)), Scanned) == good


def test_a_ticket_for_every_gate_is_good_at_one_without_groups() -> None:
    everywhere = made(SM2, replace(GOOD, group=EVERY_GROUP))
    assert isinstance(judged(everywhere, ()), Scanned)
    assert judged(TEXT, ()) == Reason.TICKET_ELSEWHERE


def test_a_ticket_fits_a_small_qr_code() -> None:
    largest = replace(GOOD, id=b"\xff" * 16, group=65535, uses=255, issuer=KEY_ID)
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M)
    code.add_data(made(SM2, largest))
    code.make(fit=True)
    assert code.version <= LARGEST_QR
    assert len(made(SM2, largest)) == 198


def test_a_ticket_says_nothing_of_a_person_in_clear() -> None:
    holder = bytes.fromhex(References(CITY_KEY).person(NUMBER))
    content = base45.decode(made(SM2, replace(GOOD, holder=holder))[4:].decode()) or b""
    assert holder in content
    assert NUMBER.encode() not in content
    assert bytes.fromhex(NUMBER) not in content


def test_the_router_knows_a_ticket_before_any_text_of_the_citys() -> None:
    router = Router([CodeRule(name="any", resolve="platform"), TICKET_RULE])
    routed = router.route(TEXT)
    assert routed is not None
    assert (routed.name, routed.resolve) == ("onecard-ticket", "offline")


TICKET_RULE = CodeRule(name="onecard-ticket", resolve="offline")


def test_a_holder_is_the_person_whose_card_gives_the_same_reference() -> None:
    identity = resolved(TEXT)
    assert isinstance(identity, Identity)
    assert identity.person == GOOD.holder.hex()
    assert identity.authentication.mode == "code"
    anybody = resolved(made(SM2, replace(GOOD, holder=ANYBODY)))
    assert isinstance(anybody, Identity)
    assert anybody.person == ""


def test_a_ticket_signed_once_more_is_the_same_ticket() -> None:
    one, again = shown(TEXT), shown(made(SM2))
    other = shown(made(SM2, replace(GOOD, id=bytes(16))))
    assert one.content != again.content
    assert one.code == again.code != other.code


def shown(text: bytes) -> VerifiedCode:
    identity = resolved(text)
    assert isinstance(identity, Identity)
    assert identity.shown is not None
    return identity.shown


def test_a_refused_ticket_gives_nobody() -> None:
    refused = resolved(made(SM2, signer=b"\x55" * 32))
    assert refused.authentication is not None
    assert refused.authentication.result == "failed"


# The issuer's tool


def run(folder: Path, *arguments: str) -> int:
    store = FileKeyStore(RealWorld(), folder)
    store.write("tickets", ISSUER)
    given = ["--keys", str(folder), "--key", "tickets", "--key-id", str(KEY_ID), *arguments]
    return main(RealWorld(), given)


WINDOW: Sequence[str] = ("--first", "2026-05-28T00:00", "--last", "2026-06-30T23:59:59")


def test_what_the_tool_issues_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holder = GOOD.holder.hex()
    status = run(tmp_path, *WINDOW, "--group", "3", "--uses", "5", "--holder", holder)
    ticket = judged(capsys.readouterr().out.strip("\n").encode())
    assert status == 0
    assert isinstance(ticket, Scanned)
    assert (ticket.uses, ticket.group, ticket.holder) == (5, 3, GOOD.holder)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--first", "2026-06-30", "--last", "2026-05-01"), 64),
        (("--first", "yesterday", "--last", "2026-05-01"), 64),
        ((*WINDOW, "--uses", "256"), 64),
        ((*WINDOW, "--holder", "00"), 64),
        ((*WINDOW, "--key", "other"), 78),
    ],
)
def test_the_tool_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Sequence[str], status: int
) -> None:
    assert run(tmp_path, *arguments) == status
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err
    assert ISSUER.hex() not in output.err


def test_nobody_can_issue_what_no_ticket_says() -> None:
    for wrong in (
        replace(GOOD, id=b""),
        replace(GOOD, uses=0),
        replace(GOOD, group=65536),
        replace(GOOD, last=GOOD.first - 1),
        replace(GOOD, last=2**32),
    ):
        with pytest.raises(ValueError, match="ticket"):
            issue(wrong, SM2, ISSUER)
    assert SIZE == 129
    assert scan(TEXT) is not None

"""Every fault on the way to an identity is a reason, and none of them is an acceptance."""

import pytest

from agent.messages.reasons import Reason, table
from agent.tap.fault_reasons import REASONS, reason_of, unidentified
from apdu.channel import CardGone
from apdu.command import Command
from apdu.social_security.authentication import AuthenticationFailed
from apdu.social_security.records import RecordFault
from apdu.status import StatusFault, WrongPin, fault
from drivers.contract import DeviceBusy, DeviceFault, DeviceLost
from tests import product
from world import Fault

COMMAND = Command(0x00, 0x82, 0x00, 0x0A)
WALKED = [
    kind
    for kind in product.faults()
    if kind.__module__.partition(".")[0] in ("apdu", "drivers")
    or kind.__module__ in ("agent.identify.card", "agent.identify.hsm", "sync.requests")
]

EXPECTED = {
    "card.authentication-failed": "authentication-failed",
    "card.not-social-security": "unknown-card",
    "card.atr": "unknown-card",
    "card.gone": "card-gone",
    "card.mute": "card-mute",
    "card.several": "two-cards",
    "card.blocked": "card-blocked",
    "card.record": "card-unreadable",
    "card.tlv": "card-unreadable",
    "card.endless": "card-unreadable",
    "card.status": "card-unreadable",
    "card.terminal-refused": "psam-unsuitable",
    "psam.unable": "psam-unsuitable",
    "psam.missing": "psam-missing",
    "psam.busy": "psam-missing",
    "psam.lacks-algorithm": "psam-unsuitable",
    "psam.lacks-read-key": "psam-unsuitable",
    "psam.lacks-key": "psam-unsuitable",
    "psam.key-level": "psam-unsuitable",
    "psam.status": "psam-unsuitable",
    "psam.malformed": "psam-unsuitable",
    "purse.locked": "card-blocked",
    "purse.blocked": "card-blocked",
    "purse.stopped": "card-blocked",
    "purse.balance-contradicted": "payment-refused",
    "transit-psam.status": "psam-unsuitable",
    "transit-psam.lacks-key": "psam-unsuitable",
    "transit-psam.key-version": "psam-unsuitable",
    "transit-psam.mac2": "psam-unsuitable",
    "transit-psam.no-application": "psam-unsuitable",
    "transit-psam.malformed": "psam-unsuitable",
    "hsm.message": "hsm-unsuitable",
    "hsm.refused": "hsm-unsuitable",
    "hsm.busy": "platform-silent",
    "request.timeout": "platform-silent",
    "request.fault": "platform-unreachable",
    "request.offline": "platform-unreachable",
    "request.busy": "platform-unreachable",
    "request.lost": "platform-unreachable",
    "reader.gone": "reader-gone",
    "device.fault": "reader-gone",
    "device.absent": "reader-absent",
    "device.ambiguous": "reader-ambiguous",
    "device.lost": "reader-gone",
    "device.released": "reader-released",
    "device.silent": "reader-silent",
    "device.unreachable": "reader-unreachable",
    "device.busy": "reader-busy",
    "device.denied": "reader-denied",
    "device.no-answer": "reader-stuck",
    "device.protocol": "reader-protocol",
    "card.protocol": "card-protocol",
}


def made(kind: type[Fault]) -> Fault:
    """An instance without its constructor, whose facts do not matter here."""
    made = kind.__new__(kind)
    Fault.__init__(made, generation="3.0", algorithm="SM4", mode="psam")
    return made


@pytest.mark.parametrize("kind", WALKED, ids=lambda kind: kind.code)
def test_every_fault_on_the_way_has_a_reason_and_none_accepts(kind: type[Fault]) -> None:
    reason = reason_of(made(kind))
    unknown = reason in (Reason.PLATFORM_SILENT, Reason.PLATFORM_UNREACHABLE)
    assert table()[reason].verdict == ("unknown" if unknown else "refused")
    codes = [getattr(base, "code", "") for base in kind.__mro__]
    known = [EXPECTED[code] for code in codes if code in EXPECTED]
    assert reason == [*known, "card-unreadable"][0]


def test_every_device_fault_at_opening_has_a_reason_of_its_own() -> None:
    contract = [kind for kind in WALKED if kind.__module__ == "drivers.contract.device"]
    reasons = {kind: reason_of(made(kind)) for kind in contract}
    gone = [kind for kind in contract if reasons[kind] == Reason.READER_GONE]
    assert set(gone) == {DeviceFault, DeviceLost}
    assert len(set(reasons.values())) == len(contract) - 1


def test_a_busy_reader_names_who_may_hold_it() -> None:
    presented = unidentified("card-contact", DeviceBusy(device="x", holder="a (1)"), gave_up=False)
    assert (presented.detail, presented.holder) == ("device.busy", "a (1)")


def test_the_walk_finds_what_the_table_names() -> None:
    assert set(EXPECTED) <= {kind.code for kind in WALKED}


def test_no_row_hides_behind_a_wider_one_above_it() -> None:
    kinds = [kind for kind, _ in REASONS]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, wider) for wider in kinds[:place]), kind
    assert kinds[-1] is Fault


def test_a_status_word_that_says_locked_is_a_locked_card() -> None:
    assert reason_of(fault(COMMAND, 0x6983)) == Reason.CARD_BLOCKED
    assert reason_of(fault(COMMAND, 0x63C5)) == Reason.PSAM_UNSUITABLE
    assert reason_of(fault(Command(0x00, 0xA4, 4, 0), 0x6283)) == Reason.CARD_BLOCKED
    assert reason_of(StatusFault(COMMAND, 0x6985)) == Reason.CARD_UNREADABLE
    assert reason_of(WrongPin(Command(0, 0x20, 0, 0), 0x63C3)) == Reason.CARD_UNREADABLE


@pytest.mark.parametrize("mode", ["psam", "hsm"])
def test_a_failed_authentication_says_how_it_was_tried(mode: str) -> None:
    failed = AuthenticationFailed(algorithm="SM4", generation="3.0", mode=mode)
    presented = unidentified("card-contact", failed, gave_up=False)
    assert presented.authentication is not None
    assert presented.authentication.mode == mode
    assert presented.authentication.result == "failed"
    assert (presented.authentication.generation, presented.authentication.algorithm) == (
        "3.0",
        "SM4",
    )


@pytest.mark.parametrize("kind", WALKED, ids=lambda kind: kind.code)
def test_giving_up_makes_mute_of_what_ends_a_hanging_call_and_of_nothing_else(
    kind: type[Fault],
) -> None:
    reason = reason_of(made(kind))
    after = unidentified("card-contact", made(kind), gave_up=True)
    gone = reason in (Reason.CARD_GONE, Reason.READER_GONE)
    assert after.reason == (Reason.CARD_MUTE if gone else reason)
    assert after.detail == kind.code


def test_other_faults_say_nothing_of_an_authentication() -> None:
    for other in (CardGone(reader="door"), made(RecordFault)):
        assert unidentified("card-contact", other, gave_up=False).authentication is None

"""Faults on the way to an identity, as reasons: one table, most particular first."""

from collections.abc import Sequence

from agent.identify.hsm import HsmBusy, HsmRefused
from agent.identify.identity import Unidentified
from agent.messages.reasons import Reason
from agent.purse.faults import FareMoved
from agent.scenes.defects import SceneDefect
from apdu.channel import CardGone, CardMute, ReaderGone
from apdu.social_security.authentication import AuthenticationFailed
from apdu.social_security.card import NotSocialSecurityCard
from apdu.social_security.hsm_messages import HsmMessageFault
from apdu.social_security.psam import PsamBusy, PsamMalformed, PsamMissing, PsamStatus, PsamUnable
from apdu.social_security.records import AtrFault
from apdu.status import CardBlocked, ExternalAuthenticationRefused
from apdu.transit.faults import (
    BalanceContradicted,
    PurseBlocked,
    PurseLocked,
    PurseStopped,
    TransitPsamMalformed,
    TransitPsamStatus,
    TransitPsamUnfit,
)
from drivers.contract import (
    CardProtocol,
    DeviceAbsent,
    DeviceAmbiguous,
    DeviceBusy,
    DeviceDenied,
    DeviceFault,
    DeviceProtocol,
    DeviceReleased,
    DeviceSilent,
    DeviceStuck,
    DeviceUnreachable,
    SeveralCards,
)
from offline_store.events.happened import Authentication
from offline_store.faults import Unstored
from sync.requests import RequestFault, RequestTimeout
from world import Fault

REASONS: Sequence[tuple[type[Fault], Reason]] = (
    (AuthenticationFailed, Reason.AUTHENTICATION_FAILED),
    (NotSocialSecurityCard, Reason.UNKNOWN_CARD),
    (AtrFault, Reason.UNKNOWN_CARD),
    (CardBlocked, Reason.CARD_BLOCKED),
    (CardGone, Reason.CARD_GONE),
    (CardMute, Reason.CARD_MUTE),
    (SeveralCards, Reason.TWO_CARDS),
    (PsamMissing, Reason.PSAM_MISSING),
    (PsamBusy, Reason.PSAM_MISSING),
    (PsamUnable, Reason.PSAM_UNSUITABLE),
    (PsamStatus, Reason.PSAM_UNSUITABLE),
    (PsamMalformed, Reason.PSAM_UNSUITABLE),
    # The card did not believe this terminal: its PSAM is not this city's.
    (ExternalAuthenticationRefused, Reason.PSAM_UNSUITABLE),
    (RequestTimeout, Reason.PLATFORM_SILENT),
    (RequestFault, Reason.PLATFORM_UNREACHABLE),
    (HsmBusy, Reason.PLATFORM_SILENT),
    (HsmRefused, Reason.HSM_UNSUITABLE),
    (HsmMessageFault, Reason.HSM_UNSUITABLE),
    (PurseLocked, Reason.CARD_BLOCKED),
    (PurseBlocked, Reason.CARD_BLOCKED),
    (PurseStopped, Reason.CARD_BLOCKED),
    (BalanceContradicted, Reason.PAYMENT_REFUSED),
    (TransitPsamStatus, Reason.PSAM_UNSUITABLE),
    (TransitPsamUnfit, Reason.PSAM_UNSUITABLE),
    (TransitPsamMalformed, Reason.PSAM_UNSUITABLE),
    (Unstored, Reason.NOT_STORED),
    (SceneDefect, Reason.NOT_DECIDED),
    (FareMoved, Reason.CARD_GONE),  # nothing was paid: please tap again
    (CardProtocol, Reason.CARD_PROTOCOL),
    (DeviceReleased, Reason.READER_RELEASED),
    (DeviceBusy, Reason.READER_BUSY),
    (DeviceAbsent, Reason.READER_ABSENT),
    (DeviceAmbiguous, Reason.READER_AMBIGUOUS),
    (DeviceDenied, Reason.READER_DENIED),
    (DeviceUnreachable, Reason.READER_UNREACHABLE),
    (DeviceSilent, Reason.READER_SILENT),
    (DeviceStuck, Reason.READER_STUCK),
    (DeviceProtocol, Reason.READER_PROTOCOL),
    (ReaderGone, Reason.READER_GONE),
    (DeviceFault, Reason.READER_GONE),
    (Fault, Reason.CARD_UNREADABLE),  # TLV, records, lengths, status words, endless chains
)

ENDS_OF_A_HANGING_CALL = (Reason.CARD_GONE, Reason.READER_GONE)


def reason_of(fault: Fault) -> Reason:
    """The reason that people are told."""
    return next(reason for kind, reason in REASONS if isinstance(fault, kind))


def unidentified(credential: str, fault: Fault, *, gave_up: bool) -> Unidentified:
    """What is recorded of a person whose card gave no identity.

    A card that the watchdog gave up is mute, whichever way its hanging call ended; what it did
    answer after all is judged as ever.
    """
    reason = reason_of(fault)
    if gave_up and reason in ENDS_OF_A_HANGING_CALL:
        reason = Reason.CARD_MUTE
    holder = str(fault.facts.get("holder", ""))
    return Unidentified(credential, reason, _authentication(fault), fault.code, holder)


def _authentication(fault: Fault) -> Authentication | None:
    if not isinstance(fault, AuthenticationFailed):
        return None
    facts = {name: str(value) for name, value in fault.facts.items()}
    return Authentication(
        mode="hsm" if facts["mode"] == "hsm" else "psam",
        result="failed",
        generation=facts["generation"],
        algorithm=facts["algorithm"],
    )

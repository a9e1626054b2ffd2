"""What every scene checks of a credential without asking anybody: its own dates, and the lists."""

from agent.clock import ClockReading
from agent.identity import Identity
from agent.reasons import Reason
from agent.scenes.port import Lists
from offline_store.event import Check


def credential_checks(identity: Identity, lists: Lists, clock: ClockReading) -> tuple[Check, ...]:
    """Dates of the card, the card in the lists, the person in the lists."""
    return (_dates(identity, clock), *_listed(identity, lists))


def credential_reason(checks: tuple[Check, ...]) -> Reason | None:
    """Why such a credential is refused; None when nothing stands against it."""
    dates, *listed = checks
    if any(check.status == "listed" for check in listed):
        return Reason.BLACKLISTED
    if dates.status == "expired":
        return Reason.CARD_EXPIRED
    if dates.status == "not-yet-valid":
        return Reason.CARD_NOT_YET_VALID
    return None


def _dates(identity: Identity, clock: ClockReading) -> Check:
    """The card's own dates. With a clock that was never set they cannot be judged."""
    if clock.quality == "unset":
        return Check(subject="card", status="unknown", source="card")
    if identity.expires is not None and identity.expires < clock.today:
        return Check(subject="card", status="expired", source="card")
    if identity.issued is not None and identity.issued > clock.today:
        return Check(subject="card", status="not-yet-valid", source="card")
    return Check(subject="card", status="normal", source="card")


def _listed(identity: Identity, lists: Lists) -> tuple[Check, Check]:
    """The card by its id or its number, and the person behind it, whichever card he shows."""
    card = lists.find_blacklisted(card=identity.card, number=identity.number)
    holder = lists.find_blacklisted(person=identity.person)
    source = f"list:blacklist@{lists.versions().get('blacklist', 0)}"
    return (
        Check(subject="card", status="listed" if card else "normal", source=source),
        Check(subject="holder", status="listed" if holder else "normal", source=source),
    )

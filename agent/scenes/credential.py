"""What every scene judges of a credential: its own dates, the lists, and how its holder stands."""

from dataclasses import dataclass

from agent.identify.identity import Identity
from agent.messages.reasons import Reason
from agent.scenes.port import JUDGED, Case, ListsInTurn, Offline
from agent.scenes.status_rule import StandingRule
from apdu.social_security.needs import BASIC, Need
from offline_store.clock import ClockReading
from offline_store.events.happened import Check
from offline_store.events.seen import Seen


def needs_of(*, asks: bool) -> frozenset[Need]:
    """What `judge_credential` goes by; a status service is asked with the name as well."""
    return BASIC if asks else JUDGED


@dataclass(frozen=True)
class Judgement:
    """`reason`: why it is refused; None when nothing stands against it. `offline` as in
    `Decision`."""

    checks: tuple[Check, ...]
    reason: Reason | None
    offline: Offline


def judge_credential(rule: StandingRule, lists: ListsInTurn, case: Case, seen: Seen) -> Judgement:
    """Its own dates and the lists go before what was answered of its holder."""
    own = (_dates(case.identity, case.clock), *_listed(case.identity, lists))
    judged = rule.judge(case, seen)
    return Judgement((*own, *case.standing), _reason(own) or judged.reason, judged.offline)


def _reason(own: tuple[Check, ...]) -> Reason | None:
    dates, *listed = own
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


def _listed(identity: Identity, lists: ListsInTurn) -> tuple[Check, Check]:
    """The card by its id or its number, and the person behind it, whichever card he shows."""
    card = lists.find_blacklisted(card=identity.card, number=identity.number)
    holder = lists.find_blacklisted(person=identity.person)
    source = f"list:blacklist@{lists.versions().get('blacklist', 0)}"
    return (
        Check(subject="card", status="listed" if card else "normal", source=source),
        Check(subject="holder", status="listed" if holder else "normal", source=source),
    )

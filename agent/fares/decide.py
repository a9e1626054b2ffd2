"""What a ride costs: journey, rider, rules, what was paid before, time → amount, and why.

Pure: the same input gives the same fare, so any recorded decision can be made again. Order: may
this card ride → table → concession → time of day → transfer → rounding → least fare → cap of the
day. No step adds to the amount of the table.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from agent.fares.classes import classes_of, hex_type, is_foreign, is_refused
from agent.fares.ride import TRANSFER, AppliedRule, Fare, Journey, Rider, Why
from agent.fares.rules import Rules
from agent.fares.tables import Priceless, base_fare
from agent.fares.tariff import Cap, Concession, Scoped, Table, Tariff, Transfer, among
from offline_store.clock import CHINA, ClockReading
from offline_store.events.seen import RidesBefore

MINUTE_MS = 60_000


@dataclass(frozen=True)
class _Case:
    """One decision's input, with the moment by which times of day go."""

    journey: Journey
    rider: Rider
    rules: Rules
    tariff: Tariff
    state: RidesBefore
    now_ms: int
    moment: datetime | None  # None: the clock is not known


def fare(
    journey: Journey, rider: Rider, rules: Rules, state: RidesBefore, clock: ClockReading
) -> Fare:
    """Decide. A refusal has amount 0 and says why in `reason`; see `Fare.accepted`."""
    if rules.tariff is None:
        return _refused(Why.NO_FARES, "–")
    known = clock.quality != "unset"
    at_ms = journey.boarded_ms or clock.time_ms
    moment = datetime.fromtimestamp(at_ms / 1000, CHINA) if known else None
    case = _Case(journey, rider, rules, rules.tariff, state, clock.time_ms, moment)
    return _unfit(case) or _priced(case)


def _unfit(case: _Case) -> Fare | None:
    """Why this card does not ride here, if it does not."""
    rider = case.rider
    if is_refused(rider, case.tariff):
        return _refused(Why.CARD_REFUSED, hex_type(rider))
    if is_foreign(rider, case.tariff) and not rider.interoperable:
        return _refused(Why.NOT_INTEROPERABLE, rider.city)
    return None


def _priced(case: _Case) -> Fare:
    table = next((one for one in case.tariff.tables if _holds(case, one, _in_window)), None)
    if table is None:
        return _refused(Why.NO_TABLE, case.journey.line)
    try:
        full, by = base_fare(table, case.journey, case.rules.lines)
    except Priceless as reason:
        return _refused(reason.why, table.name)
    steps = [AppliedRule("table", by, full)]
    concession, step = _conceded(case, full)
    steps += [step] if step else []
    steps += _discounted(case, steps[-1].amount)
    transfer = _transfer(case, concession)
    if transfer is not None:
        amount = transfer.of(steps[-1].amount)
        steps.append(AppliedRule(TRANSFER, f"{transfer.name} {transfer.said()}", amount))
    steps += _settled(case, full, steps[-1].amount, concession)
    amount = steps[-1].amount
    return Fare(
        amount_fen=amount,
        concession=concession,
        reason=Why.CHARGED if amount else Why.FREE,
        steps=tuple(steps),
        full_fen=full,
    )


# Concessions


def _conceded(case: _Case, full: int) -> tuple[str, AppliedRule | None]:
    """The class that pays least, and its step. Of equally cheap ones the first of the list."""
    best, step = "", None
    day = case.moment.date() if case.moment is not None else None
    for name, by in classes_of(case.rider, case.rules, day):
        concession = _concession(case, name)
        if concession is None:
            continue
        amount = concession.of(full)
        if amount < (step.amount if step else full):
            best, step = name, AppliedRule("concession", f"{name} {by} {concession.said()}", amount)
    return best, step


def _concession(case: _Case, name: str) -> Concession | None:
    """What the class has now, here, today."""
    for concession in case.tariff.concessions:
        used_up = (
            concession.rides_per_day is not None
            and case.state.conceded_today >= concession.rides_per_day
        )
        if concession.name == name and not used_up and _holds(case, concession, _favoured):
            return concession
    return None


# Everybody's rules


def _discounted(case: _Case, amount: int) -> Iterator[AppliedRule]:
    """The best of the discounts of this time of day."""
    found = [one for one in case.tariff.discounts if _holds(case, one, _favoured)]
    best = min(found, key=lambda one: one.of(amount), default=None)
    if best is not None and best.of(amount) < amount:
        yield AppliedRule("time", f"{best.name} {best.said()}", best.of(amount))


def _transfer(case: _Case, concession: str) -> Transfer | None:
    """The first that fits. Without a known time nobody can say how long ago the last ride was."""
    last = case.state.last
    if last is None or case.moment is None:
        return None
    begun_ms = case.journey.boarded_ms or case.now_ms
    for transfer in case.tariff.transfers:
        fits = (
            among(last.line, transfer.from_lines)
            and _holds(case, transfer, _in_window)
            and 0 <= begun_ms - last.time_ms <= transfer.minutes * MINUTE_MS
            and (transfer.same_line or last.line != case.journey.line)
            and last.transfers < transfer.most
            and (transfer.with_concession or not concession)
        )
        if fits:
            return transfer
    return None


def _settled(case: _Case, full: int, amount: int, concession: str) -> Iterator[AppliedRule]:
    """Rounding, least fare and the day's caps, each only where it changes something."""
    tariff = case.tariff
    rounded = min(full, tariff.rounding.of(amount))
    if rounded != amount:
        yield AppliedRule("rounding", f"{tariff.rounding.how} {tariff.rounding.to}", rounded)
    least = min(full, max(rounded, tariff.minimum)) if amount else 0
    if least != rounded:
        yield AppliedRule("minimum", str(tariff.minimum), least)
    for cap in tariff.caps:
        left = max(0, cap.amount - case.state.paid_today)
        if _capped(cap, concession) and left < least:
            least = left
            yield AppliedRule("cap", f"{cap.name} {cap.amount}", least)


def _capped(cap: Cap, concession: str) -> bool:
    return not cap.classes or concession in cap.classes


# What holds


def _holds(case: _Case, scoped: Table | Scoped, timely: Callable[[_Case, Scoped], bool]) -> bool:
    return scoped.on(case.journey.line) and (not scoped.when or timely(case, scoped))


def _in_window(case: _Case, scoped: Scoped) -> bool:
    """A table of certain hours is never taken without a clock; the one for all hours is."""
    moment = case.moment
    return moment is not None and any(
        window.holds(moment) for window in case.tariff.windows if window.name in scoped.when
    )


def _favoured(case: _Case, scoped: Scoped) -> bool:
    """Without a clock the list says who bears it: the city, or the person."""
    if case.moment is None:
        return case.tariff.without_clock == "concede"
    return _in_window(case, scoped)


def _refused(why: Why, by: str) -> Fare:
    return Fare(0, "", why, (AppliedRule(why, by, 0),))

"""Judges a history of `onecard prove money`: compares the journal with what the cards did, as their
operating systems have noted it."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from agent.fares.ride import ENTRY
from agent.purse.trips import Inside
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.row import Event, Stored, of_kind
from offline_store.in_force import Place, in_force
from simulators.transit.bus import Passenger
from simulators.transit.city import TransitCity

ENDLESS: Final = 10_000_000
STATE: Final = 14  # offset in the rail record of 001A

ZERO: Final = (
    "lost", "twice", "invented", "unended", "unequal", "forgotten", "wrong_tacs", "wrong_trips",
    "unproved", "let_in", "robbed", "slandered", "unowed", "ridden_twice", "too_often",
)  # fmt: skip


@dataclass
class Tally:
    """What came of all histories. All but the first block have to be zero."""

    histories: int = 0
    taps: int = 0
    cuts: int = 0
    debits: int = 0
    confirmed: int = 0
    grey: int = 0
    grey_debited: int = 0
    trips: int = 0  # debits at a metro's gate
    recovered: int = 0
    most_open: int = 0
    forged: int = 0  # taps of cards without a key
    given_back: int = 0  # rides that did not happen, and were not taken back
    boarded: int = 0  # for nothing, for one of them

    lost: int = 0  # debits that are neither confirmed nor grey
    twice: int = 0  # debits in more than one record
    invented: int = 0  # confirmed, and no card paid it
    unended: int = 0  # intents without an end, or with several
    unequal: int = 0  # histories whose money equation does not hold
    forgotten: int = 0  # charges begun on a card that had paid for the same, and was not asked
    wrong_tacs: int = 0
    wrong_trips: int = 0  # cards that say otherwise than the journal where their holder is
    unproved: int = 0  # confirmed, and neither its MAC2 nor its card was believed by the PSAM
    let_in: int = 0  # cards without a key that were let through
    robbed: int = 0  # open intents that one of these has ended
    slandered: int = 0  # honest cards that were called forged
    unowed: int = 0  # boardings for nothing for a ride that was not given back, or that cost more
    ridden_twice: int = 0  # rides that were given back, and boarded for more than once
    too_often: int = 0  # people who were given back more in a day than they may be
    seeds: list[int] = field(default_factory=list)  # of histories that broke something

    def broken(self) -> int:
        return sum(getattr(self, name) for name in ZERO)


class Judge:
    """Compares the journal with what the cards did."""

    def __init__(
        self,
        city: TransitCity,
        passengers: Sequence[Passenger],
        rows: Sequence[Stored[Event]],
        tally: Tally,
        forged: Set[tuple[str, int]] = frozenset(),
    ) -> None:
        """`forged`: card numbers with the card's own of a purchase, as cards without a key told
        them."""
        self._city = city
        self._passengers = {f"0{one.number}": one for one in passengers}
        self._rows = rows
        self._tally = tally
        self._forged = forged
        valid = in_force(rows)
        self._intents = [row for one in valid if (row := of_kind(one, Intent))]
        self._ended = [end for one in valid if (end := of_kind(one, PaymentEnd))]
        self._ends = [row.event for row in self._ended]

    def judge(self) -> None:
        tally = self._tally
        debits = {
            (card, debit.psam_seq): debit
            for card, passenger in self._passengers.items()
            for debit in passenger.debits
        }
        records: dict[tuple[str, str], list[PaymentEnd]] = {}
        for end in self._ends:
            tally.recovered += end.reason == "torn-recovered"
            if end.outcome != "not-made":
                records.setdefault(_purchase(end), []).append(end)
        confirmed = grey = 0
        for end in self._ends:
            truly = _purchase(end) in debits
            if end.outcome == "confirmed":
                tally.confirmed += 1
                tally.invented += not truly
                tally.unproved += end.mac2 not in ("verified", "proved")
                confirmed += end.purchase.amount
                tally.wrong_tacs += not self._tac_is_right(end)
            if end.outcome == "grey":
                tally.grey += 1
                tally.grey_debited += truly
                grey += end.purchase.amount if truly else 0
        for key in debits:
            found = records.get(key, [])
            tally.debits += 1
            tally.lost += not found
            tally.twice += len(found) > 1
        for passenger in self._passengers.values():
            self._compare_trip(passenger)
        spent = sum(passenger.spent_here for passenger in self._passengers.values())
        tally.unequal += spent != confirmed + grey
        self._count_unended()

    def _compare_trip(self, passenger: Passenger) -> None:
        """Where he is, by the last purchase that his card truly made here."""
        number = f"0{passenger.number}"
        made = [debit.psam_seq for debit in passenger.debits]
        begun = {intent.purchase.psam_seq: intent for intent in self._intents_of(number)}
        ends = [begun[seq].ride.trip_end for seq in made if seq in begun]
        trips = [end for end in ends if end is not None]
        if trips:
            told = Inside.IN if trips[-1] == ENTRY else Inside.OUT
            self._tally.trips += len(trips)
            self._tally.wrong_trips += passenger.inside.state.records[0][STATE] != told

    def _intents_of(self, card_number: str) -> Sequence[Intent]:
        intents = [row.event for row in self._intents]
        return [intent for intent in intents if intent.purchase.card_number == card_number]

    def _tac_is_right(self, end: PaymentEnd) -> bool:
        said = end.purchase
        passenger = self._passengers.get(said.card_number)
        if not end.tac or passenger is None:
            return True
        tac: bytes = self._city.tac(
            passenger.order,
            amount=said.amount,
            kind=said.type,
            terminal=bytes.fromhex(said.terminal),
            sequence=int(said.psam_seq, 16),
            moment=said.moment,
        )
        return tac.hex() == end.tac

    def _count_unended(self) -> None:
        ends: dict[Place, list[int]] = {}
        order = {row.at.place: at for at, row in enumerate(self._rows)}
        for end in self._ended:
            ends.setdefault(end.event.intent.place, []).append(order[end.at.place])
        before: dict[str, list[Stored[Intent]]] = {}
        for intent in self._intents:
            place = intent.at.place
            self._tally.unended += len(ends.get(place, [])) != 1
            earlier = before.setdefault(intent.event.card, [])
            self._tally.forgotten += any(
                self._charged(
                    one.event, intent.event, [between.event for between in earlier[number + 1 :]]
                )
                and min(ends.get(one.at.place, [ENDLESS])) > order[place]
                for number, one in enumerate(earlier)
            )
            earlier.append(intent)

    def _charged(self, earlier: Intent, intent: Intent, between: Sequence[Intent]) -> bool:
        """That card has paid `earlier`, which is for what `intent` is to be paid for again: no trip
        has begun, or ended, on it in between."""
        told = intent.purchase.card_number, intent.purchase.card_seq
        if told in self._forged or not intent.purchase.amount:  # nobody is charged by it
            return False
        passenger = self._passengers.get(earlier.purchase.card_number)
        made = {one.psam_seq: one.amount for one in (passenger.debits if passenger else ())}
        trip = intent.ride.trip_end
        another = any(
            one.ride.trip_end not in (None, trip) and one.purchase.psam_seq in made
            for one in between
        )
        same = earlier.ride.trip_end == trip and not another
        return same and made.get(earlier.purchase.psam_seq, 0) > 0


def _purchase(event: Intent | PaymentEnd) -> tuple[str, str]:
    """By the PSAM's number, which no two of its purchases share."""
    return event.purchase.card_number, event.purchase.psam_seq

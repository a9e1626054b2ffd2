"""The two events of a payment: everything the back office wants is in both (docs/clearing.md)."""

from offline_store.events.happened import Checked, OfPerson, Verdict
from offline_store.events.reference import Reference
from offline_store.events.ride import NO_RIDE, Mac2, Outcome, Purchase, Ride
from offline_store.events.seen import NOTHING_SEEN, Seen


class Intent(Checked, frozen=True, kw_only=True, omit_defaults=True, tag="intent"):
    """A purse is about to be debited; durable before the card is told to."""

    purchase: Purchase
    ride: Ride = NO_RIDE
    seen: Seen = NOTHING_SEEN


class PaymentEnd(OfPerson, frozen=True, kw_only=True, omit_defaults=True, tag="payment-end"):
    """What became of a payment. It repeats its intent, so that one row is one record of the
    clearing. Each debit of a card is in exactly one end that is `confirmed` or `grey`."""

    intent: Reference
    outcome: Outcome
    purchase: Purchase
    ride: Ride = NO_RIDE
    verdict: Verdict | None = None  # None: a card only proved itself, which decides nothing yet
    mac2: Mac2 = "none"
    tac: str = ""  # as the card gave it, hex
    balance_after: int | None = None  # fen, of the card where it was read
    proved_by: str = ""  # the PSAM's number of the purchase that proved the card since, 4 bytes hex
    doubts: tuple[str, ...] = ()  # as the intent has them

    @property
    def confirmed(self) -> int | None:
        """Fen that the card has paid; None: it has not, or the terminal does not know."""
        return self.purchase.amount if self.outcome == "confirmed" else None

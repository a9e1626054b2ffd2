"""What a tap came to, before anybody acts on it."""

from dataclasses import dataclass

from agent.identify.proof import Proof
from offline_store.events.row import Record


@dataclass(frozen=True)
class TapResult:
    """`record`: the last event of it that is durable, None where it could not be stored. `proof`:
    of its card, code or document, where something may rest on that."""

    reason: str
    record: Record | None
    proof: Proof | None = None

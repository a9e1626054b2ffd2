"""The made-up city's e-card service (电子社保卡): it issues codes to phones and resolves each once.

The look of a code is made up, as there is no public format: "SI-" and forty characters. Only this
service knows what stands behind one; codes live in memory, for as long as the clock that it was
handed says.
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Final

from simulators.people import Cast
from sync.contract.services import (
    Business,
    CodeAnswer,
    CodeOutcome,
    CodeRequest,
    ResolvedPerson,
    decode,
    encode,
)
from sync.contract.topics import Place
from world import Fault

PREFIX: Final = b"SI-"
LENGTH: Final = 43  # characters in all
LIFE: Final = 60.0  # seconds


@dataclass
class _Issued:
    """A code that this city or the other province has given out."""

    person: ResolvedPerson = field(repr=False)
    until: float
    foreign: bool
    used: bool = False


class CodeService:
    """`handle` is the platform's handler of the service `code`; many threads may call it.

    `clock` gives seconds (any origin), `random` bytes. Switches: `resolves_foreign` (the other
    province's codes are resolved too), `reachable` (else every question is an error).
    """

    def __init__(
        self, cast: Cast, clock: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self._cast = cast
        self._clock = clock
        self._random = random
        self._changing = Lock()
        self._speaks = Event()
        self._speaks.set()
        self._issued: dict[bytes, _Issued] = {}
        self.resolves_foreign = False
        self.reachable = True
        self.asked: list[tuple[str, str, Business]] = []  # terminal, kind, business

    def issue(self, person: str, *, life: float = LIFE, foreign: bool = False) -> bytes:
        """A fresh code on the phone of somebody of the cast; `foreign`: the other province's.
        Raises `KeyError`."""
        code = self.forged()
        until = self._clock() + life
        with self._changing:
            self._issued[code] = _Issued(self._person(person), until, foreign)
        return code

    def forged(self) -> bytes:
        """A code that looks right and was never issued."""
        return PREFIX + base64.urlsafe_b64encode(self._random(30))

    def handle(self, place: Place, payload: bytes) -> bytes:
        """One question, from the terminal that the platform read from its topic."""
        try:
            request = decode(payload, CodeRequest)
            code = base64.b64decode(request.code, validate=True)
        except (Fault, ValueError):
            return encode(CodeAnswer(error="malformed"))
        self.asked.append((place.terminal, request.kind, request.business))
        answer = self.resolve(code) if self.reachable else CodeAnswer(error="unreachable")
        self._speaks.wait()
        return encode(answer)

    @contextmanager
    def holding_back(self) -> Iterator[None]:
        """Meanwhile codes are resolved and nobody is answered."""
        self._speaks.clear()
        try:
            yield
        finally:
            self._speaks.set()

    def resolve(self, code: bytes) -> CodeAnswer:
        """Once; as for any terminal."""
        with self._changing:
            return self._answer(code)

    def _answer(self, code: bytes) -> CodeAnswer:
        issued = self._issued.get(code)
        if issued is None:
            return CodeAnswer(outcome="forged" if _looks_right(code) else "unknown")
        outcome = self._outcome(issued)
        if outcome != "resolved":
            return CodeAnswer(outcome=outcome)
        issued.used = True
        return CodeAnswer(outcome=outcome, person=issued.person)

    def _outcome(self, issued: _Issued) -> CodeOutcome:
        if issued.foreign and not self.resolves_foreign:
            return "foreign"
        if issued.used:
            return "used"
        return "expired" if self._clock() >= issued.until else "resolved"

    def _person(self, key: str) -> ResolvedPerson:
        """With the card that the e-card stands for: the first of the person's in the cast."""
        person = self._cast.person(key)
        card = next(card for card in self._cast.cards if card.person == key)
        return ResolvedPerson(
            number=person.number,
            name=person.name,
            region=card.region or self._cast.region,
            card_id=self._cast.card_id(card),
            card_number=card.card_number,
        )


def _looks_right(code: bytes) -> bool:
    return code.startswith(PREFIX) and len(code) == LENGTH

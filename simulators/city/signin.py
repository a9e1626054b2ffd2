"""The made-up city's sign-in service (扫码登录), and phones: scan → confirm or refuse.

A terminal begins and shows the content; a phone scans it and its person decides; the terminal
polls. A token is good at the terminal that began, for a minute, and gives its person once.
"""

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Literal

from simulators.people import Cast
from sync.contract.services import (
    ResolvedPerson,
    SignInAnswer,
    SignInRequest,
    decode,
    encode,
)
from sync.contract.topics import Place
from world import Fault

ADDRESS: Final = "https://sign-in.city.example/?t="
LIFE: Final = 60  # seconds

State = Literal["PENDING", "SCANNED", "CONFIRMED", "EXPIRED", "INVALID"]


@dataclass
class _Open:
    """A sign-in that a terminal has begun."""

    terminal: str
    purpose: str
    until: float
    state: State = "PENDING"
    person: ResolvedPerson | None = field(default=None, repr=False)


class SignInService:
    """`handle` is the platform's handler of the service `sign-in`; many threads may call it.

    `clock` gives seconds (any origin), `random` bytes. `staff`: keys of the cast's people who may
    sign in as staff; a phone of anybody else is refused.
    """

    def __init__(
        self,
        cast: Cast,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        *,
        staff: Collection[str],
    ) -> None:
        self._cast = cast
        self._clock = clock
        self._random = random
        self._staff = frozenset(staff)
        self._changing = Lock()
        self._open: dict[str, _Open] = {}
        self.polled = 0

    def phone(self, person: str) -> "Phone":
        """Raises `KeyError`."""
        number = self._cast.person(person).number
        name = self._cast.person(person).name
        return Phone(self, ResolvedPerson(number=number, name=name), may=person in self._staff)

    def handle(self, place: Place, payload: bytes) -> bytes:
        """One question, from the terminal that the platform read from its topic."""
        try:
            request = decode(payload, SignInRequest)
        except Fault:
            return encode(SignInAnswer(error="malformed"))
        with self._changing:
            if request.act == "begin":
                return encode(self._begin(place.terminal, request.purpose))
            if request.act == "cancel":
                return encode(self._cancel(place.terminal, request.token))
            self.polled += 1
            return encode(self._poll(place.terminal, request.token))

    # What phones do

    def scanned(self, content: str) -> bool:
        """A phone has read the content; False when it is good for nothing any more."""
        with self._changing:
            opened = self._living(content.removeprefix(ADDRESS))
            if opened is None or opened.state != "PENDING":
                return False
            opened.state = "SCANNED"
            return True

    def decided(self, content: str, person: ResolvedPerson | None) -> bool:
        """The phone's person has confirmed, or refused (None)."""
        with self._changing:
            opened = self._living(content.removeprefix(ADDRESS))
            if opened is None or opened.state != "SCANNED":
                return False
            opened.state = "CONFIRMED" if person else "INVALID"
            opened.person = person
            return True

    # What terminals do

    def _begin(self, terminal: str, purpose: str) -> SignInAnswer:
        token = base64.urlsafe_b64encode(self._random(24)).decode()
        self._open[token] = _Open(terminal, purpose, self._clock() + LIFE)
        return SignInAnswer(state="PENDING", token=token, content=ADDRESS + token, expires_in=LIFE)

    def _poll(self, terminal: str, token: str) -> SignInAnswer:
        opened = self._living(token)
        if opened is None or opened.terminal != terminal:
            return SignInAnswer(state="INVALID")
        if opened.state == "CONFIRMED":
            del self._open[token]  # once
        return SignInAnswer(state=opened.state, person=opened.person)

    def _cancel(self, terminal: str, token: str) -> SignInAnswer:
        opened = self._open.get(token)
        if opened is not None and opened.terminal == terminal:
            del self._open[token]
        return SignInAnswer(state="INVALID")

    def _living(self, token: str) -> _Open | None:
        opened = self._open.get(token)
        if opened is not None and self._clock() >= opened.until:
            opened.state, opened.person = "EXPIRED", None
        return opened


class Phone:
    """The e-card app of one person. `may`: the city lets this person sign in."""

    def __init__(self, service: SignInService, person: ResolvedPerson, *, may: bool) -> None:
        self._service = service
        self._person = person
        self._may = may
        self._content = ""

    def scan(self, content: str) -> bool:
        """Read a terminal's code; True when it is a sign-in that waits."""
        self._content = content
        return self._service.scanned(content)

    def confirm(self) -> bool:
        """True when the sign-in took it; who may not sign in is refused by the city."""
        return self._service.decided(self._content, self._person if self._may else None)

    def refuse(self) -> bool:
        return self._service.decided(self._content, None)

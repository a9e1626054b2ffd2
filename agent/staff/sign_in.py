"""扫码登录: the terminal shows a code, a person scans it with the phone and confirms.

begin → PENDING → SCANNED → CONFIRMED | EXPIRED | INVALID, or CANCELLED by the caller that began.
One desk serves one purpose, has one sign-in open at a time, and asks the platform how it stands. A
confirmed person is handed to `admit`; a question without answer admits none.
Source: spec social-security-card.md, "Electronic social security card".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from agent.staff.qr import DrawnCode, draw
from config.model import SignInSettings as Settings
from sync.contract.services import (
    ResolvedPerson,
    SignInAnswer,
    SignInRequest,
    decode,
    encode,
)
from sync.faults import MessageMalformed, MessageTooLarge
from sync.requests import RequestFault, Requests
from world import Event, Fault, World

State = Literal["NONE", "PENDING", "SCANNED", "CONFIRMED", "EXPIRED", "INVALID", "CANCELLED"]
OPEN: Final = ("PENDING", "SCANNED")


class SignInOff(Fault):
    """The settings do not offer signing in here."""

    code = "sign-in.off"


class SignInOpen(Fault):
    """Somebody is about to sign in already. Fact: `seconds` until that is over by itself."""

    code = "sign-in.open"


class SignInUnable(Fault):
    """The platform began no sign-in."""

    code = "sign-in.unable"


@dataclass(frozen=True)
class SignInView:
    """What a screen is told. `picture` only while somebody can still scan it."""

    state: State
    expires_in: int = 0  # seconds
    picture: DrawnCode | None = field(default=None, repr=False)


class _Open:
    """One sign-in from its begin to its end; the desk's lock is over its state."""

    def __init__(self, token: str, picture: DrawnCode, until: float, ended: Event) -> None:
        self.token = token
        self.picture = picture
        self.until = until  # World.monotonic()
        self.ended = ended  # set when there is nothing more to ask
        self.state: State = "PENDING"
        self.admitting = False  # confirmed, and no longer to be cancelled


class SignInFlow:
    """`begin`, `view` and `cancel` from any thread; a thread of its own asks while one is open.

    `admit` gets the confirmed person and says whether that is durable and stands; it runs on that
    thread, once per sign-in at most.
    """

    def __init__(
        self,
        world: World,
        requests: Requests,
        settings: Settings,
        purpose: str,
        admit: Callable[[ResolvedPerson], bool],
    ) -> None:
        self._world = world
        self._requests = requests
        self._settings = settings
        self._purpose = purpose
        self._admit = admit
        self._changing = world.lock()
        self._beginning = False
        self._open: _Open | None = None  # the last one; over when its state says so

    def begin(self) -> SignInView:
        """Ask the platform for a code to show; it takes as long as the platform takes, at most
        `within`. Raises `SignInOff`, `SignInOpen`, `SignInUnable`, `RequestFault`s."""
        self._reserve()
        try:
            opened = self._begun()
        except Fault:
            with self._changing:
                self._beginning = False
            raise
        with self._changing:
            self._beginning = False
            self._open = opened
        self._world.spawn(lambda: self._follow(opened), name=f"sign-in {self._purpose}")
        return self.view()

    def view(self) -> SignInView:
        """How the last sign-in stands."""
        with self._changing:
            opened = self._open
            if opened is None:
                return SignInView("NONE")
            if opened.state not in OPEN:
                return SignInView(opened.state)
            left = max(0, round(opened.until - self._world.monotonic()))
            picture = opened.picture if opened.state == "PENDING" else None
            return SignInView(opened.state, left, picture)

    def cancel(self) -> None:
        """End the open sign-in, if there is one that is not confirmed yet."""
        with self._changing:
            opened = self._open
            if opened is None or opened.state not in OPEN or opened.admitting:
                return
            self._settle(opened, "CANCELLED")
        # So that the phone is told too; nobody waits for the answer.
        self._ask(SignInRequest(act="cancel", token=opened.token))

    def _reserve(self) -> None:
        if not self._settings.enabled:
            raise SignInOff
        with self._changing:
            opened = self._open
            if self._beginning:
                raise SignInOpen(seconds=round(self._settings.within))
            if opened is not None and opened.state in OPEN:
                left = max(0.0, opened.until - self._world.monotonic())
                raise SignInOpen(seconds=round(left))
            self._beginning = True

    def _begun(self) -> _Open:
        asked_at = self._world.monotonic()
        try:
            answer = self._ask(SignInRequest(act="begin", purpose=self._purpose))()
        except (MessageMalformed, MessageTooLarge) as fault:
            raise SignInUnable from fault
        usable = answer.state == "PENDING" and answer.token and answer.content
        if answer.error or not usable or not answer.expires_in:
            raise SignInUnable
        # From when it was asked: never longer than the platform means.
        until = asked_at + answer.expires_in
        return _Open(answer.token, draw(answer.content), until, self._world.event())

    def _follow(self, opened: _Open) -> None:
        """Ask until there is an end. An answer that does not come is asked for again: a poll uses
        nothing up, but for the confirmation itself, and losing that admits nobody."""
        while True:
            left = opened.until - self._world.monotonic()
            if left <= 0:
                self._end(opened, "EXPIRED")
            if opened.ended.wait(max(0.0, min(self._settings.poll, left))):
                return
            try:
                self._heard(opened, self._ask(SignInRequest(act="poll", token=opened.token))())
            except (RequestFault, MessageMalformed, MessageTooLarge):
                continue

    def _heard(self, opened: _Open, answer: SignInAnswer) -> None:
        """The platform's word, unless it comes too late to count."""
        if answer.error or answer.state == "PENDING":
            return
        if answer.state == "CONFIRMED":
            self._confirmed(opened, answer.person)
        elif answer.state == "SCANNED":
            with self._changing:
                if opened.state == "PENDING":
                    opened.state = "SCANNED"
        else:
            self._end(opened, answer.state)

    def _confirmed(self, opened: _Open, person: ResolvedPerson | None) -> None:
        with self._changing:
            if opened.state not in OPEN:
                return  # cancelled in the meantime
            opened.admitting = True
        admitted = person is not None and self._admit(person)  # waits for the store: no lock held
        with self._changing:
            self._settle(opened, "CONFIRMED" if admitted else "INVALID")

    def _end(self, opened: _Open, state: State) -> None:
        with self._changing:
            if opened.state in OPEN:
                self._settle(opened, state)

    def _settle(self, opened: _Open, state: State) -> None:
        """Under the lock."""
        opened.state = state
        opened.ended.set()

    def _ask(self, request: SignInRequest) -> Callable[[], SignInAnswer]:
        """What is called for the answer raises `RequestFault`s, `MessageMalformed`, …"""
        asked = self._requests.ask("sign-in", encode(request), within=self._settings.within)
        return lambda: decode(asked.result(), SignInAnswer)

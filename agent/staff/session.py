"""Who of the staff is signed in at this terminal: confirmed person → journal → session.

A session begins with a durable event and ends with its time, a sign-out, the next person's sign-in,
or the process. Nothing of the person is kept but the reference.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from agent.identify.identity import Identity
from agent.identify.platform_code import identity_of
from agent.messages.reasons import Reason
from config.model import Kept
from config.model import SignInSettings as Settings
from offline_store.clock import Clock
from offline_store.events.happened import Check, used
from offline_store.events.reference import Reference
from offline_store.events.terminal import SignIn
from offline_store.store import Entry, Store, Turn, Unstored
from sync.contract.services import ResolvedPerson
from sync.faults import MessageMalformed
from trust.references import References
from world import Fault, World

CREDENTIAL: Final = "sign-in"
# In place of a scene: who signs in has gone through no gate, so no gate counts it.
PURPOSE: Final = "staff-sign-in"
SIGNED_IN: Final = "signed-in"
SIGNED_OUT: Final = "signed-out"
GREETED: Final = 8  # hex digits of the person reference, all that is shown of anybody


class StaffNeeded(Fault):
    """The settings keep this for staff, and no member of it is signed in. Fact: `capability`."""

    code = "sign-in.staff-needed"


@dataclass(frozen=True)
class Session:
    """Somebody of the staff, from one moment to another (unix milliseconds)."""

    person: str  # person reference, 64 hex
    since_ms: int
    until_ms: int
    tap: Reference  # its event
    ends: float = field(repr=False)  # World.monotonic(): the clock may be set meanwhile


class Staff:
    """One terminal's staff session; any thread. `settings` may be replaced by a reload."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        store: Store,
        references: References,
        settings: Settings,
    ) -> None:
        self._world = world
        self._clock = clock
        self._store = store
        self._references = references
        self.settings = settings
        self._changing = world.lock()
        self._session: Session | None = None

    def current(self) -> Session | None:
        """Who is signed in now, if anybody."""
        with self._changing:
            return self._stands(self._session)

    def require(self, capability: Kept) -> None:
        """Raises `StaffNeeded` where the settings want somebody to be signed in for it."""
        if capability in self.settings.required_for and self.current() is None:
            raise StaffNeeded(capability=capability)

    def enter(self, person: ResolvedPerson) -> bool:
        """Begin the session of the person that the platform has confirmed. False, and no session,
        for a person on the blacklist, for an answer that names no person, and when it cannot be
        stored."""
        try:
            identity = identity_of(person, CREDENTIAL, self._references)
            record = self._store.turn(lambda turn: Entry(self._entry(turn, identity)))
        except (MessageMalformed, Unstored):
            return False
        event = record.event()
        if not isinstance(event, SignIn) or event.verdict != "accepted":
            return False
        lasting = self._lasting()
        session = Session(
            person=identity.person,
            since_ms=event.clock.time_ms,
            until_ms=event.clock.time_ms + lasting * 1000,
            tap=record.reference,
            ends=self._world.monotonic() + lasting,
        )
        with self._changing:
            self._session = session
        return True

    def leave(self) -> None:
        """End the session. Leaving never waits: a fault of the store keeps no member signed in."""
        with self._changing:  # looked at and taken away at once: somebody may sign in meanwhile
            session, self._session = self._stands(self._session), None
        if session is not None:
            with suppress(Unstored):
                self._store.turn(lambda turn: Entry(self._exit(session)))

    def _stands(self, session: Session | None) -> Session | None:
        """The session, unless it is over or nobody signs in here any more."""
        over = session is None or self._world.monotonic() >= session.ends
        return session if self.settings.enabled and not over else None

    def _lasting(self) -> int:
        """Seconds."""
        return round(self.settings.hours * 3600)

    def _entry(self, turn: Turn, identity: Identity) -> SignIn:
        listed = turn.lists.find_blacklisted(
            card=identity.card, number=identity.number, person=identity.person
        )
        versions = turn.lists.versions()
        check = Check(
            subject="holder",
            status="listed" if listed else "normal",
            source=f"list:blacklist@{versions.get('blacklist', 0)}",
        )
        return SignIn(
            clock=self._clock.read(),
            scene=PURPOSE,
            credential=CREDENTIAL,
            card=identity.card,
            person=identity.person,
            verdict="refused" if listed else "accepted",
            reason=Reason.BLACKLISTED if listed else SIGNED_IN,
            authentication=identity.authentication,
            checks=(check,),
            lists=used(versions),
            lasting_s=0 if listed else self._lasting(),
        )

    def _exit(self, session: Session) -> SignIn:
        return SignIn(
            clock=self._clock.read(),
            scene=PURPOSE,
            credential=CREDENTIAL,
            person=session.person,
            verdict="accepted",
            reason=SIGNED_OUT,
            session=session.tap,
        )

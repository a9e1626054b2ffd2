"""The made-up city's status service (卡鉴权): who has died, whose card is lost, who may do what.

Everybody is known by card id, card number or social security number, and stands well unless it is
said otherwise. `silent` comes too late for anybody, `slow` waits first, `error` answers with that
code.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from simulators.people import Cast
from sync.contract.services import StatusAnswer, StatusFinding, StatusRequest, decode, encode
from sync.contract.topics import Place
from trust import canonical

SILENCE = 12.0  # seconds: nobody may wait for a status so long (config.model.StatusSettings.within)


@dataclass(frozen=True)
class Stand:
    """How one person with one card stands; the words are those of the contract."""

    holder: str = "normal"
    card: str = "normal"
    business: str = "normal"


@dataclass
class StatusDesk:
    """A handler for `Platform(services={"status": desk.handle})`, with switches to throw."""

    wait: Callable[[float], None]
    now: Callable[[], float]
    people: dict[str, Stand] = field(default_factory=dict)  # by each name that somebody has
    silent: bool = False
    slow: float = 0.0  # seconds before each answer
    error: str = ""
    asked: int = 0

    def settle(self, stand: Stand, *names: str) -> None:
        """Enter somebody under card id, card number and social security number."""
        self.people.update((canonical.id_number(name), stand) for name in names if name)

    def change(self, name: str, **standing: str) -> None:
        """From now on whoever has that name stands otherwise. Raises `KeyError`."""
        before = self.people[canonical.id_number(name)]
        after = replace(before, **standing)
        for other, stand in self.people.items():
            if stand is before:
                self.people[other] = after

    def look_up(self, request: StatusRequest) -> Stand | None:
        """How whoever the request is about stands, by all that is entered of card and person."""
        card = _known(self.people, request.card_id, request.card_number)
        person = _known(self.people, request.number)
        if not card and not person:
            return None
        both = [*person, *card]
        return Stand(
            holder=_worst(stand.holder for stand in both),
            card=_worst(stand.card for stand in card or person),
            business=_worst(stand.business for stand in both),
        )

    def handle(self, place: Place, payload: bytes) -> bytes:
        """Request payload in, answer payload out."""
        self.asked += 1
        if self.silent or self.slow:
            self.wait(SILENCE if self.silent else self.slow)
        if self.error:
            return encode(StatusAnswer(error=self.error))
        found = self.look_up(decode(payload, StatusRequest))
        if found is None:
            return encode(StatusAnswer())
        at = int(self.now())
        return encode(
            StatusAnswer(
                holder=StatusFinding(status=found.holder, at=at),
                card=StatusFinding(status=found.card, at=at),
                business=StatusFinding(status=found.business, at=at),
            )
        )


def _known(people: Mapping[str, Stand], *names: str) -> list[Stand]:
    spelled = map(canonical.id_number, names)
    return [people[name] for name in spelled if name in people]


def _worst(statuses: Iterable[str]) -> str:
    return next((status for status in statuses if status != "normal"), "normal")


def desk_of(cast: Cast, *, wait: Callable[[float], None], now: Callable[[], float]) -> StatusDesk:
    """A desk that knows the cards of a cast: all stand well."""
    desk = StatusDesk(wait, now)
    for card in cast.cards:
        stand = Stand()
        desk.settle(stand, cast.card_id(card), card.card_number)
        person = canonical.id_number(cast.person(card.person).number)
        desk.people.setdefault(person, Stand())
    return desk

"""The caller is the key server: its HSM answers what step 1 asked, and step 2 brings the answer.

One more `apdu.social_security.authentication.Authenticator` for the one flow. What the flow asks is
noted; when it wants the first answer, the question goes out as the step's output, and the reader's
thread waits for the next step under the lease's time, the card still powered.
"""

from collections.abc import Callable
from typing import ClassVar

from agent.facade import fields
from agent.facade.disclosure import CARD_SIDE, NEW_PIN, PlannedDisclosure
from agent.facade.visit import LeasedSession
from apdu.social_security.authentication import CardParameters, Mode, Pending
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.keys import RKSSSE, STK, Key


class Later:
    """A `Pending` whose value comes with the caller's next step."""

    def __init__(self, fetch: Callable[[], bytes]) -> None:
        self._fetch = fetch

    def result(self) -> bytes:
        return self._fetch()


class SteppedKey:
    """One key's proof per step, and the PIN command in the step after it (spec: 4 fields out, or 5
    with the PIN that the caller's HSM is to encipher)."""

    mode: ClassVar[Mode] = "hsm"
    terminal_number: ClassVar[str] = ""

    def __init__(self, visit: LeasedSession, keys: CityKeys) -> None:
        self._visit = visit
        self._keys = keys

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        """Never asked: these steps prove keys, not the card."""
        raise AssertionError("the steps have no message for the card's proof")

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        """See `Authenticator`. Four fields go out: algorithm, key address, factor, original."""
        question = [card.algorithm.code, self._keys.address(key), _hex(factor), _hex(original)]
        return Later(lambda: fields.keys(self._visit.ask(fields.joined(question)), [original])[0])

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        """See `Authenticator`. The fields go out with the PIN in plain text where there is a new
        one, so its disclosure is journaled first."""
        question = [
            card.algorithm.code,
            self._keys.address(STK),
            _hex(factor),
            _hex(header),
            new_pin.decode("ascii"),
        ]
        disclosure = PlannedDisclosure(NEW_PIN, card.card_id) if new_pin else None
        return Later(
            lambda: fields.command(
                self._visit.ask(fields.joined(question), disclosure), 5 + header[4]
            )
        )

    def release(self) -> None:
        """Nothing was leased."""


class SteppedBasic:
    """Both questions of the basic read in one step: 8 fields out, two keys in (spec)."""

    mode: ClassVar[Mode] = "hsm"
    terminal_number: ClassVar[str] = ""

    def __init__(self, visit: LeasedSession) -> None:
        self._visit = visit
        self._card: CardParameters | None = None
        self._asked: list[tuple[bytes, bytes]] = []  # factor, original: internal, then external
        self._answers: list[bytes] = []

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        """See `Authenticator`. The question goes out with the first `result()`."""
        self._card = card
        self._asked.append((factor, original))
        return Later(lambda: self._answer(0))

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        """See `Authenticator`. It goes out in the same step as `internal`."""
        self._asked.append((factor, original))
        return Later(lambda: self._answer(1))

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        """Never asked: the basic read sends no PIN command."""
        raise AssertionError("the basic read asks for no PIN command")

    def release(self) -> None:
        """Nothing was leased."""

    def _answer(self, number: int) -> bytes:
        if not self._answers:
            told = self._visit.ask(fields.joined(self._question()), self._disclosure())
            self._answers = fields.keys(told, [original for _, original in self._asked])
        return self._answers[number]

    def _question(self) -> list[str]:
        card = self._card
        assert card is not None, "internal is asked first"
        asked = [_hex(value) for pair in self._asked for value in pair]
        return [
            card.region,
            _hex(card.historical_bytes),
            card.algorithm.code,
            card.card_id,
            *asked,
            *[""] * (4 - len(asked)),  # 1.0 and 2.0 ask nothing external
        ]

    def _disclosure(self) -> PlannedDisclosure:
        assert self._card is not None
        return PlannedDisclosure(CARD_SIDE, self._card.card_id)


def _hex(value: bytes) -> str:
    return value.hex().upper()

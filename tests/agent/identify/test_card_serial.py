"""A card whose ATR names another serial than its data: a doubt; refused where a city wants that."""

from dataclasses import replace

import pytest

from agent.messages.reasons import Reason
from agent.tap.tap import TapReport
from config.model import SceneSettings
from contracts.scenes.stand import WINDOW, Stand, play
from offline_store.events.terminal import Disclosure
from simulators.cards import Algorithm, Generation, Holder, Interface
from simulators.ceremony import CardOrder, card_number
from tests.agent.events import as_kind, noted
from tests.agent.facade.counter import Counter
from tests.agent.facade.counter import play as play_counter

REFUSING = SceneSettings(
    kind="library-gate", options={"repeat_window": WINDOW}, card_serial="refuse"
)
EDITIONS = [
    (Generation.V1, Algorithm.DES3),
    (Generation.V2, Algorithm.DES3),
    (Generation.V3, Algorithm.SM4),
]


def orders(kind: tuple[Generation, Algorithm]) -> tuple[CardOrder, CardOrder]:
    """A card, and the one that it is to pass for."""
    his = CardOrder(
        Holder("519900190001010014", "冯乔装"), *kind, "0000AAAA", card_number("A0000001")
    )
    return his, replace(his, serial="0000BBBB", holder=Holder("519900190001010022", "林青禾"))


def emulator(stand: Stand, kind: tuple[Generation, Algorithm]) -> TapReport:
    """Somebody taps his own card behind one that says it is another person's."""
    his, victim = orders(kind)
    third = kind[0] is Generation.V3
    interface = Interface.CONTACTLESS if third else Interface.CONTACT
    reader = stand.door if third else stand.slot
    presence = reader.insert(stand.cast.city.card_behind(his, victim, interface))
    return stand.taps.handle(stand.entry, reader, presence)


@pytest.mark.parametrize("kind", EDITIONS)
def test_a_card_behind_anothers_data_is_a_doubt_and_refused_where_the_city_wants_it(
    kind: tuple[Generation, Algorithm],
) -> None:
    def recording(stand: Stand) -> None:
        assert emulator(stand, kind).accepted
        assert noted(stand.store.taps()[0]) == {"doubts": ("serial",)}

    def refusing(stand: Stand) -> None:
        report = emulator(stand, kind)
        assert (report.reason, report.accepted) == (Reason.CARD_SERIAL, False)
        event = stand.store.taps()[0]
        assert noted(event) == {"doubts": ("serial",)}
        assert event.card != "" != event.person, "whoever is shown is in the record"
        assert stand.tap("lin").accepted, "and nobody else is turned away"

    play(recording)
    play(refusing, scene=REFUSING)


def test_who_leaves_is_let_out_whatever_his_card_says() -> None:
    def scenario(stand: Stand) -> None:
        card = stand.cast.city.card_behind(*orders(EDITIONS[2]), Interface.CONTACTLESS)
        presence = stand.door_out.insert(card)
        report = stand.taps.handle(stand.exit, stand.door_out, presence)
        assert report.reason == Reason.ACCEPTED_EXIT

    play(scenario, scene=REFUSING)


@pytest.mark.parametrize("kind", EDITIONS)
@pytest.mark.parametrize("call", ["iReadCardBas", "iReadCard"])
def test_the_national_interface_hands_out_nothing_of_it_where_the_city_wants_that(
    kind: tuple[Generation, Algorithm], call: str
) -> None:
    def read(counter: Counter) -> int:
        his, victim = orders(kind)
        counter.slot.insert(counter.stand.cast.city.card_behind(his, victim, Interface.CONTACT))
        counter.settle()
        rest = ["2", f"|{his.card_number}|", "SSSEEF06|09|$"] if call == "iReadCard" else []
        answer = counter.call(call, "1", *rest)
        assert ("林青禾" in answer.output) == (answer.result == 0)
        return answer.result

    def recording(counter: Counter) -> None:
        assert read(counter) == 0
        assert as_kind(counter.disclosures()[0], Disclosure).doubts == ("serial",)

    def refusing(counter: Counter) -> None:
        assert read(counter) < 0
        (found,) = counter.disclosures()
        event = as_kind(found, Disclosure)
        assert (event.verdict, event.reason) == ("refused", "card-serial")

    play_counter(recording)
    play_counter(refusing, scene=REFUSING)

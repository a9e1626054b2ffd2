"""The made-up city's status service answers in the contract's words, or misbehaves when told to."""

from simulators.city.status import SILENCE, Stand, StatusDesk, desk_of
from simulators.people import load_cast
from sync.contract.services import StatusAnswer, StatusRequest, decode, encode
from sync.contract.topics import Place

HERE = Place("onecard/v1", "519900", "window-1")


def desk() -> tuple[StatusDesk, list[float]]:
    waits: list[float] = []
    return desk_of(load_cast(), wait=waits.append, now=lambda: 1_790_000_000.0), waits


def ask(
    desk: StatusDesk, card_id: str = "", card_number: str = "", number: str = ""
) -> StatusAnswer:
    request = StatusRequest(card_id=card_id, card_number=card_number, number=number)
    return decode(desk.handle(HERE, encode(request)), StatusAnswer)


def test_everybody_of_the_cast_stands_well_by_card_and_by_number() -> None:
    cast = load_cast()
    made, _ = desk()
    for card in cast.cards:
        number = cast.person(card.person).number
        for about in ({"card_id": cast.card_id(card)}, {"number": number}):
            answer = ask(made, **about)
            assert (answer.holder.status, answer.card.status) == ("normal", "normal")
            assert answer.card.at == 1_790_000_000


def test_who_is_not_there_is_unknown() -> None:
    made, _ = desk()
    assert ask(made, card_id="00" * 16).card.status == "unknown"


def test_a_change_holds_under_each_name_of_the_same_card() -> None:
    made, _ = desk()
    made.settle(Stand(), "id", "number")
    made.change("id", card="lost")
    assert ask(made, card_number="number").card.status == "lost"
    assert ask(made, card_number="number").holder.status == "normal"


def test_who_has_died_has_died_whichever_card_is_shown() -> None:
    made, _ = desk()
    made.settle(Stand(), "one")
    made.settle(Stand(card="lost"), "other")
    made.settle(Stand(holder="deceased"), "person")
    assert ask(made, card_id="one", number="person").holder.status == "deceased"
    assert ask(made, card_id="one", number="person").card.status == "normal"
    assert ask(made, card_id="other", number="person").card.status == "lost"


def test_switches() -> None:
    made, waits = desk()
    made.slow = 0.5
    ask(made)
    made.silent = True
    ask(made)
    assert waits == [0.5, SILENCE]
    made.error, made.silent, made.slow = "busy", False, 0.0
    assert ask(made).error == "busy"
    assert made.asked == 3

"""The made-up city's sign-in service: tokens, phones, time, and one terminal's business."""

import itertools

import pytest

from simulators.city.signin import LIFE, SignInService
from simulators.people import load_cast
from sync.contract.services import SignInAnswer, SignInRequest, decode, encode
from sync.contract.topics import Place

CAST = load_cast()
DESK, OTHER = (Place("onecard/v1", "519900", terminal) for terminal in ("desk-1", "desk-2"))


class City:
    def __init__(self) -> None:
        self.now = 1000.0
        drawn = itertools.count()
        self.service = SignInService(
            CAST, lambda: self.now, lambda size: next(drawn).to_bytes(size, "big"), staff=["lin"]
        )

    def ask(self, request: SignInRequest, place: Place = DESK) -> SignInAnswer:
        return decode(self.service.handle(place, encode(request)), SignInAnswer)

    def begin(self) -> SignInAnswer:
        return self.ask(SignInRequest(act="begin", purpose="staff"))

    def poll(self, begun: SignInAnswer, place: Place = DESK) -> SignInAnswer:
        return self.ask(SignInRequest(act="poll", token=begun.token), place)


@pytest.fixture
def city() -> City:
    return City()


def test_from_pending_to_a_person_that_comes_once(city: City) -> None:
    begun, phone = city.begin(), city.service.phone("lin")
    assert (begun.state, begun.expires_in) == ("PENDING", LIFE)
    assert city.poll(begun).state == "PENDING"
    assert phone.scan(begun.content)
    assert city.poll(begun).state == "SCANNED"
    assert phone.confirm()
    confirmed = city.poll(begun)
    assert confirmed.state == "CONFIRMED"
    assert confirmed.person is not None
    assert confirmed.person.number == CAST.person("lin").number
    assert city.poll(begun) == SignInAnswer(state="INVALID")


@pytest.mark.parametrize("how", ["refuses", "is not staff"])
def test_who_refuses_or_may_not_makes_it_invalid(city: City, how: str) -> None:
    begun = city.begin()
    phone = city.service.phone("lin" if how == "refuses" else "wang")
    assert phone.scan(begun.content)
    assert phone.refuse() if how == "refuses" else phone.confirm()
    assert city.poll(begun) == SignInAnswer(state="INVALID")


def test_time_ends_it_for_both_sides(city: City) -> None:
    begun, phone = city.begin(), city.service.phone("lin")
    assert phone.scan(begun.content)
    city.now += LIFE
    assert city.poll(begun).state == "EXPIRED"
    assert not phone.confirm()


def test_one_phone_scans_it_and_only_what_a_terminal_shows(city: City) -> None:
    begun = city.begin()
    assert not city.service.phone("lin").scan("https://elsewhere.example/")
    assert city.service.phone("lin").scan(begun.content)
    assert not city.service.phone("wang").scan(begun.content)


def test_another_terminals_token_is_nothing(city: City) -> None:
    begun = city.begin()
    assert city.poll(begun, OTHER).state == "INVALID"
    city.ask(SignInRequest(act="cancel", token=begun.token), OTHER)
    assert city.poll(begun).state == "PENDING"
    city.ask(SignInRequest(act="cancel", token=begun.token))
    assert city.poll(begun).state == "INVALID"
    assert not city.service.phone("lin").scan(begun.content)


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"act": "sing"}'])
def test_a_malformed_question_is_an_error(city: City, payload: bytes) -> None:
    assert decode(city.service.handle(DESK, payload), SignInAnswer).error == "malformed"

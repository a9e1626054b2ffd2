"""The made-up city's e-card service: single use, short life, and every other answer."""

import base64
import itertools

import pytest

from simulators.city.codes import LENGTH, LIFE, CodeService
from simulators.people import load_cast
from sync.contract.services import CodeAnswer, CodeRequest, decode, encode
from sync.contract.topics import Place

CAST = load_cast()
GATE, DESK = (Place("onecard/v1", "519900", terminal) for terminal in ("gate-1", "desk-2"))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> CodeService:
    drawn = itertools.count()
    return CodeService(CAST, clock, lambda size: next(drawn).to_bytes(size, "big"))


def ask(service: CodeService, code: bytes, place: Place = GATE) -> CodeAnswer:
    request = CodeRequest(code=base64.b64encode(code).decode(), kind="e-card")
    return decode(service.handle(place, encode(request)), CodeAnswer)


def test_a_code_is_resolved_to_its_person_and_card(service: CodeService) -> None:
    code = service.issue("lin")
    assert len(code) == LENGTH
    answer = ask(service, code)
    assert answer.outcome == "resolved"
    assert answer.person is not None
    assert answer.person.number == CAST.person("lin").number
    assert answer.person.card_id in {CAST.card_id(c) for c in CAST.cards if c.person == "lin"}


def test_a_code_is_good_for_one_terminal_once(service: CodeService, clock: Clock) -> None:
    code = service.issue("lin")
    assert [ask(service, code, place).outcome for place in (GATE, DESK, GATE)] == [
        "resolved",
        "used",
        "used",
    ]
    clock.now += 10 * LIFE
    assert ask(service, code).outcome == "used", "ever after"


def test_a_code_ends_with_its_life(service: CodeService, clock: Clock) -> None:
    young, old = service.issue("lin"), service.issue("wang")
    clock.now += LIFE - 0.001
    assert ask(service, young).outcome == "resolved"
    clock.now += 0.001
    assert ask(service, old).outcome == "expired"


def test_what_was_never_issued_is_forged_or_unknown(service: CodeService) -> None:
    assert ask(service, service.forged()).outcome == "forged"
    assert ask(service, b"LIB-12345678").outcome == "unknown"
    assert ask(service, b"").outcome == "unknown"


def test_another_provinces_code_is_foreign_until_it_may_be_resolved(service: CodeService) -> None:
    code = service.issue("lin", foreign=True)
    assert ask(service, code).outcome == "foreign"
    service.resolves_foreign = True
    assert [ask(service, code).outcome for _ in range(2)] == ["resolved", "used"]


def test_a_service_that_is_not_reached_uses_no_code_up(service: CodeService) -> None:
    code = service.issue("lin")
    service.reachable = False
    assert ask(service, code).error == "unreachable"
    service.reachable = True
    assert ask(service, code).outcome == "resolved"


@pytest.mark.parametrize("payload", [b"", b"{", b'{"code": "*"}', b'{"v": 2}', b"\xff" * 20_000])
def test_a_malformed_question_is_an_error(service: CodeService, payload: bytes) -> None:
    assert decode(service.handle(GATE, payload), CodeAnswer).error == "malformed"


def test_no_code_or_person_shows_in_a_repr(service: CodeService) -> None:
    code = service.issue("lin")
    shown = f"{vars(service)['_issued'][code]} {ask(service, code)!r}"
    shown += repr(CodeRequest(code=base64.b64encode(code).decode()))
    for secret in (CAST.person("lin").number, CAST.person("lin").name, code.decode()):
        assert secret not in shown

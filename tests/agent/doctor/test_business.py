"""`doctor` on the national interface: who may be whom, who was turned away, what keeps all away."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from agent.doctor.business import DAY, SHOWN
from agent.doctor.findings import Finding
from agent.facade.web_envelope import WebCallRefused
from config.model import AgentSettings as Settings
from config.model import FacadeClient, FacadeSettings
from tests.agent.doctor.cases import BUSINESS, box, examined, has_words, settings, status

ORIGIN, HOST = "https://his.example", "localhost:8686"
NOW = 1_790_000_000
PAGE = FacadeClient(name="his", origin=ORIGIN, host=HOST, users=("clerk",), purpose="made up")
PROGRAM = FacadeClient(name="lab", user="lab", purpose="made up")


def serving(*clients: FacadeClient) -> Settings:
    return msgspec.structs.replace(settings(), facade=FacadeSettings(port=8686, clients=clients))


def refusal(code: str = "facade.client-unknown", **told: Any) -> Mapping[str, Any]:
    usual = {"user": "clerk", "origin": "", "host": "", "times": 2, "last": NOW - 60}
    return {**usual, "code": code, "facts": {"caller": "made up"}, **told}


def found(
    *refusals: Mapping[str, Any],
    clients: Sequence[FacadeClient] = (PAGE, PROGRAM),
    fault: str = "",
    runs: bool = True,
) -> Mapping[str, Sequence[Finding]]:
    """What `doctor` finds of the interface, by id."""
    facade = {"fault": fault, "refusals": refusals} if runs else None
    at = box(time=float(NOW))
    findings = examined(at, of=serving(*clients), running=status(facade=facade))
    of_it = [finding for finding in findings if finding.id in BUSINESS]
    for finding in of_it:
        has_words(finding)
    return {name: [one for one in of_it if one.id == name] for name in {f.id for f in of_it}}


def test_without_the_interface_nothing_is_said_of_it() -> None:
    assert not [f for f in examined(running=status()) if f.id in BUSINESS]


def test_an_interface_that_serves_is_well() -> None:
    assert found().keys() == {"facade-serves"}


def test_what_keeps_all_callers_away_is_told() -> None:
    (down,) = found(fault="facade.port")["facade-down"]
    assert not down.well
    assert "facade-serves" not in found(fault="facade.port")


def test_a_running_agent_that_does_not_know_the_interface_yet_is_told() -> None:
    findings = examined(of=serving(PAGE), running=status())
    assert [f for f in findings if f.id == "not-loaded" and f.facts["setting"] == "facade"]


def test_a_page_that_any_user_can_be_is_told() -> None:
    anybody = msgspec.structs.replace(PAGE, users=())
    (told,) = found(clients=(anybody, PROGRAM))["facade-any-user"]
    assert (told.well, told.facts["origin"]) == (True, ORIGIN)
    assert "facade-any-user" not in found()


@pytest.mark.parametrize(
    "told",
    [
        {"origin": ORIGIN, "host": "127.0.0.1:8686"},
        {"origin": ORIGIN, "host": HOST, "code": "facade.user-unknown"},
        {"user": "lab", "code": "facade.too-many"},
    ],
)
def test_who_is_in_the_settings_and_refused_is_not_served(told: dict[str, str]) -> None:
    (one,) = found(refusal(**told))["facade-refused"]
    assert not one.well
    assert one.facts["times"] == 2


@pytest.mark.parametrize(
    "told", [{"origin": "https://evil.example", "host": HOST}, {"user": "games"}]
)
def test_a_stranger_is_refused_as_he_should_be(told: dict[str, str]) -> None:
    (one,) = found(refusal(**told))["facade-refused"]
    assert one.well


@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example"])
def test_a_request_that_is_no_call_is_told_and_no_failure(origin: str) -> None:
    no_call = refusal(
        origin=origin, host=HOST, code=WebCallRefused.code, facts={"problem": "made up"}
    )
    told = found(no_call)
    assert "facade-refused" not in told
    (one,) = told["facade-no-call"]
    assert (one.well, one.facts["times"]) == (True, 2)


def test_requests_that_are_no_calls_hide_no_caller_who_is_not_served() -> None:
    no_call = refusal(origin=ORIGIN, code=WebCallRefused.code, facts={"problem": "made up"})
    (one,) = found(*[no_call] * SHOWN, refusal(user="lab"))["facade-refused"]
    assert not one.well


def test_only_the_last_refusals_of_a_day_are_told() -> None:
    many = [refusal(origin=f"https://page-{n}.example") for n in range(2 * SHOWN)]
    assert len(found(*many)["facade-refused"]) == SHOWN
    assert "facade-refused" not in found(refusal(last=NOW - DAY - 1))

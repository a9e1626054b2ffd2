"""Whoever asks waits longer than the answer may take, whatever the settings."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.equipment.gate import Equipment
from agent.facade import desk
from agent.psam.leases import PATIENCE as PSAM
from config import waits
from config.checks import contradictions
from config.faults import WrongValue
from config.model import (
    AgentSettings,
    CodeRule,
    FacadeSettings,
    Hsm,
    LaneSettings,
    Reader,
    SceneSettings,
    StatusServiceSettings,
    StatusSettings,
    Sync,
    TerminalSettings,
    WatchdogSettings,
)
from offline_store.store import PATIENCE as JOURNAL
from tests import product
from world.real import RealWorld

WINDOW = AgentSettings(
    terminal=TerminalSettings(id="window-1", city="519900"),
    scene=SceneSettings(kind="service-window"),
    lanes=(LaneSettings(name="window", direction="counter", documents=("id",), taps=False),),
    sync=Sync(host="localhost"),
    status=StatusSettings(
        services=(StatusServiceSettings(name="city", kind="mqtt"),), default="city"
    ),
    facade=FacadeSettings(),
)
SOURCE = (product.ROOT / "agent" / "facade" / "c" / "sscard.c").read_text(encoding="utf-8")


def settings(**parts: Any) -> AgentSettings:
    return msgspec.structs.replace(WINDOW, **parts)


def too_long(agent: AgentSettings) -> list[str]:
    """The keys of the settings that make somebody wait too short."""
    found = contradictions(agent, "x.toml")
    return [str(p.facts["key"]) for p in found if isinstance(p, WrongValue)]


def test_the_limits_are_the_librarys_own() -> None:
    told = dict(re.findall(r"#define (CARD_CALL|PIN_CALL) (\d+)", SOURCE))
    assert float(told["CARD_CALL"]) == waits.LIBRARY_CARD
    assert float(told["PIN_CALL"]) == waits.LIBRARY_PIN


def test_what_is_waited_for_beside_the_card_is_counted() -> None:
    assert desk.BEGUN_WITHIN + PSAM + JOURNAL <= waits.BESIDE


def test_the_usual_settings_fit() -> None:
    assert too_long(WINDOW) == []


@pytest.mark.parametrize("seconds", [44.0, 50.1, 60.0, 3600.0])
def test_a_pin_that_may_be_typed_longer_than_the_library_waits_is_refused(seconds: float) -> None:
    slow = settings(facade=FacadeSettings(pin_timeout=seconds))
    assert too_long(slow) == ["facade.pin_timeout"]
    (problem,) = waits.too_long_waits(slow, "x.toml")
    longest = float(str(problem.facts["allowed"]).split()[1])
    assert too_long(settings(facade=FacadeSettings(pin_timeout=longest))) == []


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("hsm.within", {"hsm": Hsm(within=10)}),
        ("watchdog.card_silent", {"watchdog": WatchdogSettings(card_silent=60)}),
        ("watchdog.card_silent", {"watchdog": WatchdogSettings(card_silent=3600)}),
    ],
)
def test_a_read_that_may_take_longer_than_the_library_waits_is_refused(
    key: str, parts: dict[str, Any]
) -> None:
    status = msgspec.structs.replace(WINDOW.status, within=9.5)
    assert too_long(settings(**{**parts, "status": status})) == [key]


def test_who_is_not_asked_is_not_waited_for() -> None:
    status = msgspec.structs.replace(WINDOW.status, within=10.0)
    slow = settings(hsm=Hsm(within=10, enabled=False), status=status)
    assert too_long(slow) == []
    assert too_long(settings(hsm=Hsm(within=10), facade=None)) == []


@given(
    pin=st.floats(0.1, 3600),
    hsm=st.floats(0.1, 10),
    status=st.floats(0.1, 10),
    silent=st.floats(0.1, 3600),
    psam=st.floats(0.1, 5),
)
def test_settings_that_are_taken_never_outlive_a_caller(
    pin: float, hsm: float, status: float, silent: float, psam: float
) -> None:
    agent = settings(
        facade=FacadeSettings(pin_timeout=pin),
        hsm=Hsm(within=hsm),
        status=msgspec.structs.replace(WINDOW.status, within=status),
        watchdog=WatchdogSettings(card_silent=silent, psam_silent=psam),
    )
    if not too_long(agent):
        beside = waits.BESIDE + silent + psam + hsm
        assert beside + status <= waits.LIBRARY_CARD
        assert waits.ENTRIES * pin + beside <= waits.LIBRARY_PIN


@pytest.mark.parametrize(
    ("parts", "seconds"),
    [
        ({}, 1.2 + 2 + 0.8 + waits.BOOKED),
        ({"hsm": Hsm(within=10)}, 1.2 + 10 + 0.8 + waits.BOOKED),
        (
            {"hsm": Hsm(within=10), "watchdog": WatchdogSettings(psam_silent=5)},
            5 + 10 + 0.8 + waits.BOOKED,
        ),
        ({"codes": (CodeRule(name="e-card", resolve="platform", within=4),)}, 4 + 0.8 + 2.0),
        ({"hsm": Hsm(within=10, enabled=False), "status": StatusSettings()}, waits.DRAIN),
    ],
)
def test_a_reload_waits_for_the_longest_tap(parts: dict[str, Any], seconds: float) -> None:
    assert waits.longest_tap(settings(**parts)) == pytest.approx(seconds)


def test_the_service_is_given_that_long_to_stop() -> None:
    unit = (product.ROOT / "packaging" / "onecard.service").read_text(encoding="utf-8")
    (given_,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    slowest = settings(
        hsm=Hsm(within=10),
        status=msgspec.structs.replace(WINDOW.status, within=10),
        watchdog=WatchdogSettings(psam_silent=5),
    )
    farewell = 3.0
    assert int(given_) > waits.longest_tap(slowest) + farewell


@pytest.mark.parametrize("sam", ["social-security", "transit"])
def test_a_psam_is_waited_for_as_long_as_the_settings_say(sam: str) -> None:
    slot = Reader(name="psam", match="*", interface="sam", sam=sam)  # type: ignore[arg-type]
    slow = settings(lanes=(), readers=(slot,), watchdog=WatchdogSettings(psam_silent=4.5))
    gate = Equipment(RealWorld(), slow)
    waited = [slot._silent for slot in gate.sams._slots]
    waited += [slot._silent for slot in gate.transit._slots]
    assert waited == [4.5]


def test_the_gate_waits_as_long_as_the_settings_say() -> None:
    bare = settings(lanes=(), hsm=Hsm(within=10))
    assert Equipment(RealWorld(), bare)._drain == waits.longest_tap(bare)

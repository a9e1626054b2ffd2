"""Drivers are found by name, and a name that is not there is answered with those that are."""

import pytest

from agent.messages.texts import LANGUAGES, Texts
from drivers import registry
from drivers.console import ConsoleBarrier, ConsolePrompts
from drivers.pcsc.readers import PcscReaders
from drivers.registry import DriverBroken, DriverUnknown


def test_own_drivers_are_found_by_name() -> None:
    assert registry.reader_driver("pcsc") is PcscReaders
    assert registry.barrier("console") is ConsoleBarrier
    assert registry.prompts("console") is ConsolePrompts


def test_unknown_driver_names_those_that_exist() -> None:
    with pytest.raises(DriverUnknown) as caught:
        registry.reader_driver("decard")
    assert caught.value.facts["driver"] == "decard"
    assert "pcsc" in str(caught.value.facts["installed"])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("osdp", "driver.osdp"),
        ("OSDP-reader", "driver.osdp"),
        ("wiegand", "driver.wiegand"),
        ("usb-wiegand-26", "driver.wiegand"),
    ],
)
def test_what_is_asked_for_by_the_name_of_its_wires_is_told_what_these_need(
    name: str, code: str
) -> None:
    with pytest.raises(DriverUnknown) as caught:
        registry.reader_driver(name)
    assert caught.value.code == code
    for language in LANGUAGES:
        assert "RS-485" in Texts(language).fault(caught.value) or code == "driver.wiegand"


def test_driver_that_cannot_be_imported_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from world.packages import EntryPoint

    broken = EntryPoint("vendor", "no_such_package.drivers:Gate", registry.BARRIERS)
    monkeypatch.setattr(registry, "entry_points", lambda **_: [broken])
    with pytest.raises(DriverBroken) as caught:
        registry.barrier("vendor")
    assert caught.value.facts["missing"] == "no_such_package"

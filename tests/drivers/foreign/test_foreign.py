"""A vendor's driver may do anything: its device is out of order, and nothing else notices."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.equipment.devices import DRIVER_GROUPS, Devices, driver_of
from apdu.channel import ReaderGone
from config.model import AgentSettings as Settings
from config.model import OutputSettings
from drivers import registry
from drivers.contract import (
    DeviceState,
    Interface,
    Prompt,
    Receipt,
    SignallingReader,
    SlotBinding,
)
from drivers.foreign.guard import (
    FIRST_RETRY,
    STEADY,
    DriverDefect,
    ForeignWorld,
    Guard,
    Origin,
    is_foreign_code,
)
from drivers.registry import DriverBroken
from tests.drivers.foreign import vendor
from tests.drivers.foreign.vendor import DEVICES, GROUPS, UNLOADABLE, kebab
from world import Fault
from world.real import RealWorld

PROMPT = Prompt("accepted", "请通过", "green", "short")
ORIGIN = {"package": "acme-drivers", "point": "acme_drivers:"}


@pytest.fixture(scope="module", autouse=True)
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with vendor.installed(tmp_path_factory.mktemp("site")):
        yield


@pytest.fixture(autouse=True)
def no_defect_of_ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing leaves a thread but what a vendor's own thread lets out."""
    left: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", left.append)
    yield
    monkeypatch.undo()
    assert all(args.exc_traceback is not None for args in left)
    for args in left:
        frame = args.exc_traceback
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        assert frame is not None
        assert is_foreign_code(frame.tb_frame.f_code.co_filename)


def made(group: str, name: str, world: RealWorld | None = None) -> Any:
    return driver_of(group, kebab(name))(world or RealWorld(), "eye", {})


def use(group: str, device: Any) -> None:
    """Everything that an agent does with a device of that kind, faults of its contract aside."""
    device.start()
    device.look()
    calls: Mapping[str, Sequence[Callable[[], object]]] = {
        "scanners": [device.release, device.take_back] if group == "scanners" else [],
        "barriers": [lambda: device.open("entry")],
        "prompts": [lambda: device.show(PROMPT)],
        "pinpads": [lambda: device.ask(), lambda: device.ask_new(), lambda: device.cancel()],
        "printers": [lambda: device.print(Receipt("t", ()))],
    }
    for call in calls.get(group, []):
        with suppress(DriverDefect):
            call()
    device.status()
    device.stop()
    assert device.status().name == "eye"


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", DEVICES)
def test_whatever_a_driver_does_only_its_device_is_out_of_order(group: str, name: str) -> None:
    device = made(group, name)
    use(group, device)
    status = device.status()
    if name == "Device":
        assert (status.state, status.fault) == (DeviceState.READY, "")
    assert "secret" not in f"{status}"


@pytest.mark.parametrize(
    ("group", "name", "where", "error"),
    [
        ("barriers", "RaisesInInit", "__init__", "ValueError"),
        ("barriers", "WrongInit", "__init__", "TypeError"),
        ("barriers", "RaisesInStart", "start", "ValueError"),
        ("barriers", "RaisesInStatus", "status", "ValueError"),
        ("barriers", "NoStatus", "status", "WrongType"),
        ("barriers", "RaisesWhenAsked", "open", "ValueError"),
        ("prompts", "RaisesWhenAsked", "show", "ValueError"),
        ("printers", "RaisesWhenAsked", "print", "ValueError"),
    ],
)
def test_the_fault_names_package_entry_point_and_what_it_was_asked(
    group: str, name: str, where: str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    device = made(group, name)
    device.start()
    with caplog.at_level(logging.ERROR), suppress(DriverDefect):
        use(group, device)
    status = device.status()
    assert (status.state, status.fault) == (DeviceState.PROTOCOL_ERROR, "driver.defect")
    expected = {"driver": kebab(name), "point": f"acme_drivers:{name}", "package": "acme-drivers"}
    assert status.facts.items() >= expected.items()
    assert f"where={where}, error={error}" in caplog.text
    assert "secret of somebody" not in caplog.text


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", UNLOADABLE)
def test_what_cannot_be_loaded_is_a_device_out_of_order(group: str, name: str) -> None:
    with pytest.raises(DriverBroken) as caught:
        driver_of(group, f"acme-{name}")
    assert caught.value.facts["package"] == "acme-drivers"
    point = f"acme_drivers_{name.replace('-', '_')}:Device"
    assert caught.value.facts["point"] == point
    kind = DRIVER_GROUPS[group]
    device: Any = registry.out_of_order(kind, f"acme-{name}", caught.value)
    device = device(RealWorld(), "eye", {})
    use_out_of_order(group, device)
    status = device.status()
    assert (status.state, status.fault) == (DeviceState.PROTOCOL_ERROR, "driver.broken")
    assert status.facts["point"] == point


def use_out_of_order(group: str, device: Any) -> None:
    device.start()
    device.look()
    if group == "barriers":
        assert not device.senses
        with pytest.raises(Fault):
            device.open("entry")
    if group == "prompts":
        device.show(PROMPT)
    device.stop()


def test_a_broken_driver_of_our_own_is_no_device_out_of_order() -> None:
    fault = DriverBroken(kind=registry.BARRIERS, driver="console", missing="x")
    with pytest.raises(DriverBroken):
        registry.out_of_order(registry.BARRIERS, "console", fault)


def test_a_good_driver_works_as_one_of_ours() -> None:
    barrier = made("barriers", "Device")
    barrier.start()
    assert barrier.senses
    barrier.open("exit")
    crossing = barrier.events.get(60)
    assert crossing.direction == "exit"
    assert barrier.status().attached == "acme"
    barrier.stop()
    pad = made("pinpads", "Device")
    with pad.ask() as pin:
        assert bytes(pin.digits) == b"123456"


def test_what_is_no_event_is_dropped_and_told() -> None:
    scanner = made("scanners", "OddEvents")
    scanner.start()
    assert scanner.events.get(60).content == b"good"
    scanner.stop()
    assert len(scanner.events) == 0


def test_times_of_another_clock_and_parts_of_another_type_are_no_event() -> None:
    scanner = made("scanners", "OtherClocks")
    scanner.start()
    assert scanner.events.get(60).content == b"good"
    scanner.stop()


@pytest.mark.parametrize(
    ("group", "call"),
    [
        ("barriers", lambda device: device.open("entry")),
        ("prompts", lambda device: device.show(PROMPT)),
        ("printers", lambda device: device.print(Receipt("t", ()))),
        ("pinpads", lambda device: device.ask()),
        ("pinpads", lambda device: device.ask_new()),
    ],
)
def test_a_fault_whose_facts_cannot_be_told_is_a_defect(
    group: str, call: Callable[[Any], object]
) -> None:
    device = made(group, "FaultsWithoutFacts")
    with suppress(DriverDefect):
        call(device)
    told = next(defect for _, defect in device._guard._found.values())
    assert told.code == "driver.defect"
    assert device.status().state is DeviceState.PROTOCOL_ERROR


def test_a_document_whose_fault_cannot_be_told_is_no_event() -> None:
    reader = made("documents", "FaultlessEvents")
    reader.start()
    assert reader.events.get(60).fault.code == "fault"
    reader.stop()
    assert len(reader.events) == 0


def test_a_pin_of_another_form_is_a_defect_and_wiped() -> None:
    pad = made("pinpads", "OddPins")
    for ask in (pad.ask, pad.ask_new):
        with pytest.raises(DriverDefect):
            ask()
    assert pad._inner.typed == b""
    with pytest.raises(DriverDefect):
        made("pinpads", "Device").ask(minimum=4, maximum=5)


def test_events_that_come_out_of_nothing_are_told_once_and_take_no_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paused = RealWorld().event()

    class Patient(RealWorld):
        """Whose fifth pause does not end."""

        def event(self) -> Any:
            return Pauses(paused)

    scanner = made("scanners", "EventsOutOfNothing", Patient())
    with caplog.at_level(logging.ERROR):
        scanner.start()
        assert paused.wait(60.0)
        scanner.stop()
    assert scanner._inner.asked == len(Pauses.SECONDS)
    assert caplog.text.count("where=event,") == 1
    assert scanner.status().fault == "driver.defect"


class Pauses:
    """An event of a world in which the fifth wait lasts until it is set."""

    SECONDS: tuple[float, ...] = (0.01, 0.02, 0.04, 0.08, 0.16)

    def __init__(self, told: Any) -> None:
        self.told, self.real, self.waited = told, RealWorld().event(), list[float]()

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        if len(self.waited) < len(self.SECONDS):
            return False
        assert tuple(self.waited) == self.SECONDS
        self.told.set()
        return bool(self.real.wait(60.0))

    def is_set(self) -> bool:
        return bool(self.real.is_set())

    def set(self) -> None:
        self.real.set()


def test_a_call_that_works_again_is_no_defect_any_more() -> None:
    world = RealWorld()
    guard = Guard(world, Origin("d", "p", "m:n"), "eye")
    with pytest.raises(DriverDefect):
        guard.ask("open", lambda: 1 // 0)
    told = made("barriers", "Device").status()
    assert guard.status(told).fault == "driver.defect"
    guard.ask("open", lambda: None)
    assert guard.status(told).fault == ""


class Clocked(RealWorld):
    """Time passes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time


def test_a_thread_that_fails_is_begun_again_until_the_device_is_stopped() -> None:
    world = Clocked()
    guard = Guard(world, Origin("d", "p", "m:n"), "eye")
    began: list[float] = []
    third = world.event()

    def thread() -> None:
        began.append(world.monotonic())
        if len(began) == 3:
            third.set()
        raise ZeroDivisionError

    task = ForeignWorld(world, guard.keep_running).spawn(thread, name="acme")
    assert third.wait(60.0)
    ready = made("barriers", "Device").status()
    assert guard.status(ready).state is DeviceState.PROTOCOL_ERROR
    guard.stop()
    assert task.join(60.0)
    world.time += STEADY
    assert guard.status(ready).state is DeviceState.READY, "it has run since"
    assert FIRST_RETRY < STEADY


def readers(name: str) -> Any:
    bindings = [SlotBinding("door", "*", Interface.CONTACTLESS)]
    driver: Any = registry.reader_driver(kebab(name))
    return driver(RealWorld(), bindings)


@pytest.mark.parametrize("name", vendor.READERS)
def test_whatever_a_family_of_readers_does_its_readers_are_there(name: str) -> None:
    family = readers(name)
    family.start()
    family.look()
    (door,) = family.readers()
    assert (door.name, door.interface) == ("door", Interface.CONTACTLESS)
    signalling: object = door
    assert isinstance(signalling, SignallingReader)
    door.signal(PROMPT)
    door.give_up()
    try:
        handle = door.open(1)
    except Fault:
        assert name not in ("Readers", "BadCards")
    else:
        if name == "BadCards":
            with pytest.raises(ReaderGone):
                handle.transmit(b"\x00")
            assert not handle.present()
        else:
            assert handle.transmit(b"\x00") == b"\x90\x00"
        handle.close()
    assert isinstance(family.attached(), list | tuple)
    assert family.looked()
    status = door.status()
    if name == "Readers":
        assert (status.state, status.fault) == (DeviceState.READY, "")
    else:
        assert (status.state, status.fault) == (DeviceState.PROTOCOL_ERROR, "driver.defect")
        assert status.facts["package"] == "acme-drivers"
    family.stop()


@pytest.mark.parametrize("name", UNLOADABLE)
def test_a_family_that_cannot_be_loaded_has_its_readers_out_of_order(name: str) -> None:
    with pytest.raises(DriverBroken) as caught:
        registry.reader_driver(f"acme-{name}")
    made: Any = registry.out_of_order(registry.READERS, f"acme-{name}", caught.value)
    family = made(RealWorld(), [SlotBinding("door", "*", Interface.SAM)])
    family.start()
    (door,) = family.readers()
    assert door.status().fault == "driver.broken"
    with pytest.raises(DriverBroken):
        door.open()
    family.stop()


def test_code_of_a_vendor_is_known_by_its_file() -> None:
    made("barriers", "Device")
    import acme_drivers  # type: ignore[import-not-found]

    assert is_foreign_code(acme_drivers.__file__)
    assert not is_foreign_code(registry.__file__)
    assert not is_foreign_code(threading.__file__)
    assert not is_foreign_code(str(Path(acme_drivers.__file__).parent / "other.py"))


def test_devices_go_on_beside_one_that_cannot_be_loaded(settings: Settings) -> None:
    devices = Devices(RealWorld(), settings)
    devices.start()
    states = {fitted.device.name: fitted.status().fault for fitted in devices}
    assert states == {"panel": "", "horn": "driver.broken", "bell": "driver.defect"}
    for stop in devices.stops().values():
        stop()


@pytest.fixture
def settings() -> Settings:
    import msgspec

    from tests.agent.doctor.cases import settings

    prompts = (
        OutputSettings(name="panel"),
        OutputSettings(name="horn", driver="acme-syntax"),
        OutputSettings(name="bell", driver="acme-raises-in-init"),
    )
    return msgspec.structs.replace(settings(), prompts=prompts)

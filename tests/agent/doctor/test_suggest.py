"""What `onecard devices suggest` prints can be pasted as it is, whatever is plugged in."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import hypothesis
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.doctor.suggest import Suggestions, slot_pattern
from agent.equipment.devices import DRIVER_GROUPS, KINDS, driver_of
from agent.messages.texts import LANGUAGES, Language, Texts
from config.load import parse
from config.model import AgentSettings as Settings
from drivers import registry
from drivers.attached import attached
from drivers.known import known
from simulators.devices.machine import Machine, UsbIdentity
from world.real import RealWorld

WORLD = RealWorld()
MINIMAL = """
profile = "library-gate"

[terminal]
id = "gate-1"
city = "519900"

[[readers]]
name = "door"
match = "ACS*"
interface = "contactless"
"""
# Every driver of the table, so that these tests do not depend on what is installed here.
ALL: Mapping[str, Sequence[str]] = {
    kind: ["pcsc", *(choice.driver for choice in known().choice.values() if choice.kind == kind)]
    for kind in KINDS
}
CH340 = UsbIdentity("1a86", "7523", "", "1a86", "USB Serial")
NEWLAND = UsbIdentity("1eab", "1d06", "FM100", "Newland", "FM430")
SAM_V = UsbIdentity("0400", "c35a")
SLOTS = ("Onecard Contactless B 00 00", "Onecard Contactless B 00 01", "Other SAM [X] (7) 01 00")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def settings(text: str = MINIMAL) -> Settings:
    return parse(text.encode(), "box.toml")


def suggested(
    machine: Machine,
    *,
    text: str = MINIMAL,
    slots: Sequence[str] = (),
    driver: str | None = None,
    installed: Mapping[str, Sequence[str]] = ALL,
) -> Suggestions:
    found = attached(WORLD, machine.sys, machine.dev)
    return Suggestions(WORLD, settings(text), found, slots, installed=installed, driver=driver)


def pasted(suggestions: Suggestions, language: Language = "en", text: str = MINIMAL) -> Settings:
    return settings(text + "\n" + suggestions.toml(Texts(language)))


def everything(machine: Machine) -> None:
    machine.add_serial(NEWLAND)
    machine.add_serial(CH340)
    machine.add_serial(CH340)
    machine.add_uart()
    machine.add_camera(UsbIdentity("0c45", "6366", "SN1", "Sonix", "USB Camera"))
    machine.add_camera(UsbIdentity("0c45", "6366", "SN2", "Sonix", "USB Camera"))
    machine.add_keyboard(UsbIdentity("046d", "c31c", "", "Logitech", "Keyboard"))
    machine.add_hid_pos(UsbIdentity("1eab", "0010", "", "Newland", "HID POS"))
    machine.add_usb(SAM_V)
    machine.add_printer(UsbIdentity("04b8", "0e15", "", "EPSON", "TM-T20II"))
    machine.add_sound()


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_at_once_is_pasted_and_loads(machine: Machine, language: Language) -> None:
    everything(machine)
    with_new = pasted(suggested(machine, slots=SLOTS), language)
    assert [device.name for device in with_new.scanners] == [
        "scanner",
        "camera",
        "camera-2",
        "scanner-2",
    ]
    assert [device.driver for device in with_new.documents] == ["sam-v"]
    assert with_new.documents[0].options == {"usb": "0400:c35a"}
    assert [reader.interface for reader in with_new.readers[1:]] == [
        "contactless",
        "contactless",
        "sam",
    ]
    new = with_new.lanes[-1]
    assert new.scanners == ("scanner", "camera", "camera-2", "scanner-2")
    assert new.readers == ("reader", "reader-2")
    assert (new.documents, new.printer) == (("id-reader",), "printer")
    assert new.prompts == ("speaker",)


def test_what_was_pasted_is_not_suggested_again(machine: Machine) -> None:
    everything(machine)
    text = MINIMAL + suggested(machine, slots=SLOTS).toml(Texts("zh"))
    again = suggested(machine, text=text, slots=SLOTS)
    assert not [each.found for each in again.all if each.certain]
    assert {each.found.class_ for each in again.all} == {"serial", "keyboard"}, "what is unsure"


def test_each_way_of_what_is_uncertain_loads_without_its_number_signs(machine: Machine) -> None:
    machine.add_serial(CH340)
    (unsure,) = suggested(machine).all
    assert not unsure.certain
    text = suggested(machine).toml(Texts("zh"))
    assert tomllib.loads(text) == {}, "behind # nothing counts"
    blocks = re.findall(r"(?:^# (?:\[\[\w+\]\]|\w+ = .*)\n)+", text, flags=re.MULTILINE)
    assert len(blocks) == len(unsure.tables) == len(known().classes["serial"])
    for block, table in zip(blocks, unsure.tables, strict=True):
        lane = ""
        if table.kind in ("readers", "scanners", "documents"):
            lane = f'[[lanes]]\nname = "x"\ndirection = "exit"\n{table.kind} = ["{table.name}"]\n'
        loaded = settings(MINIMAL + re.sub(r"^# ", "", block, flags=re.MULTILINE) + lane)
        assert getattr(loaded, table.kind)[-1].name == table.name


def test_told_what_it_is_the_port_is_certain(machine: Machine) -> None:
    machine.add_serial(CH340)
    with_new = pasted(suggested(machine, driver="serial-scanner"))
    (scanner,) = with_new.scanners
    assert scanner.driver == "serial-scanner"
    assert with_new.lanes[-1].scanners == (scanner.name,)


def test_drivers_that_are_not_installed_are_not_suggested(machine: Machine) -> None:
    machine.add_serial(NEWLAND)
    machine.add_serial(CH340)
    text = suggested(machine, installed={"barriers": ["lcus-relay"]}).toml(Texts("en"))
    assert "serial-scanner" not in text
    assert '# driver = "lcus-relay"' in text


def test_nothing_new_is_nothing_said(machine: Machine) -> None:
    assert suggested(machine).toml(Texts("zh")) == ""


def test_twins_say_why_they_go_by_their_sockets(machine: Machine) -> None:
    machine.add_serial(NEWLAND)
    machine.add_serial(NEWLAND)
    text = suggested(machine).toml(Texts("en"))
    assert text.count("by-path): plugged") == 2
    assert len(set(re.findall(r'port = "(\S+)"', text))) == 2


@pytest.mark.parametrize(
    "options", ['port = "{dev}/serial/by-id/usb-New*"', 'port = "/nowhere/x|{dev}/ttyUSB0"']
)
def test_a_port_that_a_pattern_or_another_name_means_is_not_new(
    machine: Machine, options: str
) -> None:
    machine.add_serial(NEWLAND)
    barrier = '[[barriers]]\nname = "b"\ndriver = "tripod"\noptions = { %s }\n'
    text = MINIMAL + barrier % options.replace("{dev}", str(machine.dev))
    assert suggested(machine, text=text).all == []


@pytest.mark.parametrize("usb", ["0400:C35A", "0400:c35a:123", "1-1", "dead:beef|0400:*"])
def test_a_usb_device_is_known_by_number_or_place(machine: Machine, usb: str) -> None:
    machine.add_usb(SAM_V)
    document = '[[documents]]\nname = "d"\ndriver = "sam-v"\n'
    lane = '[[lanes]]\nname = "x"\ndirection = "exit"\ndocuments = ["d"]\n'
    text = MINIMAL + document + f'options = {{ usb = "{usb}" }}\n' + lane
    assert suggested(machine, text=text).all == []


def test_names_that_are_taken_are_not_given_again(machine: Machine) -> None:
    machine.add_serial(NEWLAND)
    text = MINIMAL + '[[barriers]]\nname = "scanner"\n[[prompts]]\nname = "scanner-2"\n'
    assert suggested(machine, text=text).all[0].tables[0].name == "scanner-3"


def test_lanes_pasted_before_keep_their_names(machine: Machine) -> None:
    text = MINIMAL
    for number in range(1, 5):
        machine.add_serial(UsbIdentity("1eab", "1d06", f"S{number}", "Newland", "FM430"))
        text += suggested(machine, text=text).toml(Texts("en"))
    assert [lane.name for lane in settings(text).lanes][1:] == ["new", "new-2", "new-3", "new-4"]


def test_slots_that_a_pattern_takes_are_not_new(machine: Machine) -> None:
    names = [s.found.path for s in suggested(machine, slots=("ACS X 00 00", *SLOTS)).all]
    assert names == list(SLOTS)


def test_a_slots_pattern_outlives_plugging_and_tells_slots_apart() -> None:
    assert fnmatchcase("Onecard Contactless B 07 01", slot_pattern(SLOTS[1], SLOTS))
    for slot in SLOTS:
        pattern = slot_pattern(slot, SLOTS)
        assert [each for each in SLOTS if fnmatchcase(each, pattern)] == [slot]
    alike = ("ACS ACR122U 00 00", "ACS ACR122U 01 00")
    assert [slot_pattern(slot, alike) for slot in alike] == [
        "ACS ACR122U 00 00",
        "ACS ACR122U 01 00",
    ]


# Each example makes a machine and loads a configuration.
relaxed = hypothesis.settings(
    max_examples=40, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
HOSTILE = st.one_of(
    st.text(st.characters(exclude_characters="\0"), max_size=400),
    st.sampled_from(['"', "\\", "\n[[lanes]]\n", "'''", '"""', "\x1b[2J", "\u202e", "]]", "#"]),
)


@relaxed
@given(label=HOSTILE, name=st.binary(min_size=1, max_size=255), slot=HOSTILE)
@example(label="", name=b"x", slot="\xa0")
def test_hostile_names_are_only_strings_and_comments(
    tmp_path_factory: pytest.TempPathFactory, label: str, name: bytes, slot: str
) -> None:
    """A device names itself, and a by-id link is made of it."""
    if b"/" in name or b"\0" in name or name in (b".", b".."):
        name = b"x"
    machine = Machine(tmp_path_factory.mktemp("machine"))
    label = label.encode(errors="replace").decode()
    maker = UsbIdentity("1eab", "1d06", label, label, label)
    machine.add_serial(maker, link=name.decode("utf-8", "surrogateescape"))
    machine.add_hid_pos(maker)
    suggestions = suggested(machine, slots=[slot] if slot else [])
    text = suggestions.toml(Texts("en"))
    assert all(line.isprintable() for line in text.splitlines())
    loaded = pasted(suggestions)
    assert len(loaded.scanners) == 2
    if slot and not fnmatchcase(slot, "ACS*"):
        assert fnmatchcase(slot, loaded.readers[-1].match)


CHOICES = [
    (name, choice)
    for name, choice in known().choice.items()
    if choice.driver in registry.installed(DRIVER_GROUPS[choice.kind])
]


@pytest.mark.parametrize("name", [name for name, _ in CHOICES])
def test_the_suggested_options_are_those_of_the_driver(machine: Machine, name: str) -> None:
    choice = known().choice[name]
    blanks = {"{path}": "/dev/serial/by-id/usb-x", "{usb}": "0400:c35a"}
    options = {key: blanks.get(str(v), v) or "10 01" for key, v in choice.options.items()}
    if choice.kind != "readers":
        driver_of(choice.kind, choice.driver)(WORLD, "x", options)

"""What is wrong is named by its cause, with the exact remedy, and nothing else is blamed."""

import os
from pathlib import Path

import pytest

from agent.api.status import device_status
from agent.equipment.devices import Placed
from agent.psam.slot import SamStatus
from config.model import DeviceSettings
from drivers.contract import DeviceState, DeviceStatus
from simulators.devices.machine import Machine, UsbIdentity
from tests.agent.doctor.cases import (
    FAST,
    NFC,
    PLATFORM,
    POLKIT,
    PSAM,
    RULE,
    box,
    examined,
    expecting,
    machine,
    only,
    sentence,
    settings,
    status,
    with_device,
)
from tests.offline_store.support import MemoryKeys


def test_a_reader_that_the_daemon_has_not_loaded_yet_is_told_so() -> None:
    running = status()
    running["readers"] = [r for r in running["readers"] if r["name"] != "door"]
    found = [f for f in examined(running=running) if f.id == "not-loaded"]
    assert [f.facts for f in found] == [{"setting": "readers.door"}]


def test_a_terminal_that_is_well_has_no_bad_finding() -> None:
    found = examined(
        of=settings(sync=PLATFORM), running=status(sync={"state": "online", "last_fault": None})
    )
    assert all(finding.well for finding in found), found
    assert found[0].id == "daemon-runs"


def test_while_pcscd_is_down_its_slots_are_not_the_trouble() -> None:
    running = status(DeviceState.ABSENT, sams=[SamStatus("psam", "", (), "psam.missing")])
    found = examined(box(refusal=ConnectionRefusedError()), running=running)
    assert [finding.id for finding in found if not finding.well] == ["pcscd-down"]


def test_what_no_psam_has_is_named() -> None:
    two = [SamStatus("a", "1" * 12, ("3DES",), ""), SamStatus("b", "2" * 12, ("SSF33",), "")]
    (found,) = (f for f in examined(running=status(sams=two)) if f.id == "psam-lacks")
    assert (found.well, found.facts) == (False, {"algorithms": "SM4"})


def test_a_psam_without_ssf33_only_is_told_but_no_trouble() -> None:
    one = [SamStatus("a", "1" * 12, ("3DES", "SM4"), "")]
    (found,) = (f for f in examined(running=status(sams=one)) if f.id == "psam-lacks")
    assert (found.well, found.facts) == (True, {"algorithms": "SSF33"})


def test_the_fault_behind_a_finding_comes_with_its_facts() -> None:
    link = {
        "state": "offline",
        "last_fault": {"code": "sync.unknown-host", "facts": {"host": "mqtt.city.example"}},
    }
    found = examined(of=settings(sync=PLATFORM), running=status(sync=link), keys=MemoryKeys())
    causes = {finding.id: finding.cause for finding in found if finding.cause}
    assert causes["platform-offline"] == ("sync.unknown-host", {"host": "mqtt.city.example"})
    assert causes["secret-unusable"][0] == "keystore.missing"


def test_without_pcsc_readers_nobody_asks_for_pcscd() -> None:
    found = examined(box(refusal=ConnectionRefusedError()), of=settings(driver="other"))
    assert not any(finding.id.startswith("pcscd") for finding in found)


def test_a_psam_that_belongs_here_is_well_however_its_number_is_written() -> None:
    of = expecting("0A0000000001", "519900000001")
    assert only(examined(of=of, running=status()), "psam-answers").well
    running = status(sams=[SamStatus("psam", "0a0000000001", ("3DES", "SSF33", "SM4"), "")])
    assert only(examined(of=of, running=running), "psam-answers").well


def test_a_psam_that_is_the_same_or_expected_has_not_changed() -> None:
    same = examined(running=status(), psam_before=PSAM.terminal_number)
    expected = examined(of=expecting(PSAM.terminal_number), running=status(), psam_before="5" * 12)
    silent = status(sams=[SamStatus("psam", "", (), "psam.missing")])
    gone = examined(running=silent, psam_before="5" * 12)
    for found in (same, expected, gone):
        assert "psam-changed" not in {finding.id for finding in found}


def test_the_missing_group_is_named_with_the_exact_command() -> None:
    found = only(with_device("no-permission", "device.denied"), "device-no-permission")
    assert found.facts["group"] == "dialout"
    assert "usermod -aG dialout onecard && systemctl restart onecard" in sentence(found)


@pytest.mark.parametrize(
    ("port", "rule"),
    [
        ("1-1", 'ATTR{idVendor}=="0400", ATTR{idProduct}=="c35a", GROUP="onecard"'),
        ("usb 1-1 0400:C35A", 'ATTR{idVendor}=="0400", ATTR{idProduct}=="c35a"'),
        ("1-2.4", 'SUBSYSTEM=="usb", KERNEL=="1-2.4", GROUP="onecard", MODE="0660"'),
        ("/dev/ttyUSB7", 'KERNEL=="ttyUSB7", GROUP="dialout", MODE="0660"'),
        ("/dev/video3", 'KERNEL=="video3", GROUP="video"'),
        ("/dev/gpiochip0", 'KERNEL=="gpiochip0", GROUP="gpio"'),
    ],
)
@pytest.mark.parametrize("group", ["root", ""])
def test_what_belongs_to_no_group_gets_a_rule(
    tmp_path: Path, port: str, rule: str, group: str
) -> None:
    Machine(tmp_path).add_usb(UsbIdentity("0400", "c35a"))
    found = with_device(
        "no-permission", "device.denied", port=port, box=box(group=group), root=tmp_path
    )
    assert rule in sentence(only(found, "device-needs-rule"))


def test_sound_is_for_the_group_audio() -> None:
    speaker = DeviceSettings(name="eye", driver="voice")
    found = with_device("no-permission", "device.denied", of=speaker, port="alsa")
    assert only(found, "device-no-permission").facts["group"] == "audio"


def test_what_has_no_file_of_its_own_keeps_the_faults_sentence() -> None:
    found = with_device("no-permission", "device.denied", port="somewhere else")
    assert only(found, "device-fault").cause is not None


@pytest.mark.parametrize("fault", ["device.protocol", "scanner.garbled"])
def test_a_wrong_speed_is_named_as_the_configuration_has_it(fault: str) -> None:
    found = only(with_device("protocol-error", fault, of=FAST), "serial-garbled")
    assert "baudrate = 115200" in sentence(found)


def test_a_pty_and_a_serial_server_are_serial_lines_too() -> None:
    for port in (os.ttyname(os.openpty()[1]), "socket://10.0.0.9:4001"):
        assert only(with_device("protocol-error", port=port), "serial-garbled-default")


def test_the_drivers_own_fault_brings_its_own_remedy() -> None:
    found = only(with_device("no-answer", "document.module", sw="60"), "device-fault")
    assert found.cause is not None
    code, facts = found.cause
    assert (code, facts["device"], facts["sw"]) == ("document.module", "eye", "60")


def test_while_a_rule_of_polkit_is_there_or_hidden_it_is_not_the_trouble() -> None:
    action = {POLKIT: b"<policyconfig/>"}
    rule = {RULE: b'action.id == "org.debian.pcsc-lite.access_pcsc"'}
    for files in ({**action, **rule}, {}, rule):
        found = machine(files, DeviceState.NO_PERMISSION)
        assert "polkit-rule-missing" not in {f.id for f in found}
        assert only(found, "reader-no-permission")
    assert "polkit-rule-missing" not in {f.id for f in machine(action)}, "nobody is refused"


def test_the_command_against_the_nfc_modules_names_those_that_are_loaded() -> None:
    found = only(machine({"proc/modules": NFC}), "nfc-module-loaded")
    assert str(found.facts["command"]).endswith("modprobe -r pn533_usb pn533 nfc")
    other = machine({"proc/modules": b"nfc 131072 0 - Live\npn544 1 0\n\xff\xfe\n"})
    assert "nfc-module-loaded" not in {f.id for f in other}


def test_readers_of_other_families_are_devices() -> None:
    """A PN532 has no slot at pcscd: its port is what is looked at."""
    fault = DeviceStatus("door", DeviceState.ABSENT, fault="device.absent")
    looked = {
        "readers": [device_status(Placed("readers", "pn532", ["entry"], fault))],
        "attached": [],
    }
    found = examined(of=settings(driver="pn532"), looked=looked)
    assert only(found, "device-absent").facts["port"] == "ACS*"
    assert only(found, "not-loaded").facts == {"setting": "readers.psam"}


def test_facts_hold_no_secret() -> None:
    keys = MemoryKeys(**{"city-reference": b"a made-up reference key, 32 bytes"})
    shown = repr(examined(keys=keys, running=status()))
    assert "made-up" not in shown

"""Every finding of `doctor` can be reached, has words in both languages, and says what to do."""

import ast
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest

from agent.devices import Placed
from agent.doctor import Case, Finding, devices, examine
from agent.doctor.box import ENOUGH_SPACE
from agent.sam import SamStatus
from agent.status import device_status, sam_status
from agent.texts import LANGUAGES, Texts, blanks, catalogue
from config.model import Agent as Settings
from config.model import Device, Keys, Lane, Reader, Scene, Sync, Terminal
from drivers.contract import DeviceState, DeviceStatus
from simulators.certificates import Authority
from simulators.devices.machine import Machine, UsbIdentity
from tests import product
from tests.offline_store.support import MemoryKeys
from world import Stream
from world.real import RealWorld


class Box(RealWorld):
    """A machine whose condition is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal: OSError | None = None
        self.free = ENOUGH_SPACE
        self.space_fault: OSError | None = None
        self.time = 1_790_000_000.0
        self.synchronised = True
        self.group = "dialout"

    def connect(self, address: tuple[str, int] | str, timeout: float) -> Stream:
        if self.refusal is not None:
            raise self.refusal
        return _Closed()

    def free_space(self, path: Path) -> int:
        if self.space_fault is not None:
            raise self.space_fault
        return self.free

    def file_group(self, path: Path) -> str:
        if not self.group:
            raise FileNotFoundError(path)
        return self.group

    def now(self) -> float:
        return self.time

    def clock_synchronised(self) -> bool:
        return self.synchronised


class _Closed:
    """A stream that nobody reads."""

    def settimeout(self, seconds: float | None) -> None: ...

    def recv(self, size: int) -> bytes:
        return b""

    def sendall(self, data: bytes) -> None: ...

    def close(self) -> None: ...


def settings(*, driver: str = "pcsc", sync: Sync | None = None) -> Settings:
    return Settings(
        terminal=Terminal(id="gate-1", city="519900"),
        scene=Scene(kind="library-gate"),
        lanes=(Lane(name="entry", direction="entry", readers=("door",)),),
        readers=(
            Reader(name="door", driver=driver, match="ACS*", interface="contactless"),
            Reader(name="psam", driver=driver, match="*SAM*", interface="sam"),
        ),
        sync=sync,
        keys=Keys(path="/var/lib/onecard/keys"),
    )


def expecting(*numbers: str) -> Settings:
    of = settings()
    terminal = msgspec.structs.replace(of.terminal, psam_numbers=numbers)
    return msgspec.structs.replace(of, terminal=terminal)


PLATFORM = Sync(host="mqtt.city.example", port=8883)
PSAM = SamStatus("psam", "519900000001", ("3DES", "SSF33", "SM4"), "")


def readers(state: DeviceState = DeviceState.READY) -> dict[str, Any]:
    door = DeviceStatus("door", state, attached="ACS ACR1281 00 00")
    psam = DeviceStatus("psam", DeviceState.READY, attached="ACS SAM 00 01")
    return {
        "readers": [device_status(Placed("readers", "pcsc", [], one)) for one in (door, psam)],
        "attached": ["ACS ACR1281 00 00", "ACS SAM 00 01"],
    }


def status(
    state: DeviceState = DeviceState.READY,
    *,
    sams: Sequence[SamStatus] = (PSAM,),
    fault: str = "",
    parked: int = 0,
    lost: int = 0,
    sync: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """As /v1/status answers."""
    return {
        **readers(state),
        "agent": "0.1.0",
        "sams": [sam_status(sam) for sam in sams],
        "store": {
            "fault": fault,
            "last_fault": fault,
            "unreceipted": 3,
            "quarantined": parked,
            "unreadable": lost,
        },
        "sync": sync,
    }


def examined(
    box: Box | None = None,
    *,
    of: Settings | None = None,
    keys: MemoryKeys | None = None,
    running: Mapping[str, Any] | None = None,
    looked: Mapping[str, Any] | None = None,
    root: Path = Path("/nowhere"),
    psam_before: str = "",
) -> list[Finding]:
    seen = running or looked or readers()
    case = Case(
        box or Box(),
        of or settings(),
        keys or MemoryKeys(**{"city-reference": bytes(32)}),
        pcscd_socket="/run/pcscd/pcscd.comm",
        status=running,
        devices=[*seen["readers"], *seen.get("devices", [])],
        attached=seen["attached"],
        root=root,
        psam_before=psam_before,
    )
    return list(examine(case))


def box(**condition: Any) -> Box:
    made = Box()
    for name, value in condition.items():
        setattr(made, name, value)
    return made


def offline(code: str) -> Mapping[str, Any]:
    return {"state": "offline", "last_fault": {"code": code, "facts": {}}}


SCANNER = Device(name="eye", driver="serial-scanner", options={"port": "/dev/ttyUSB0"})
FAST = Device(name="eye", driver="serial-scanner", options={"port": "/dev/x", "baudrate": 115200})
USB_READER = Device(name="eye", driver="sam-v", options={"usb": "0400:C35A"})


def with_device(
    state: str,
    fault: str = "",
    *,
    of: Device = SCANNER,
    port: str = "/dev/ttyUSB0",
    box: Box | None = None,
    root: Path = Path("/nowhere"),
    **facts: str,
) -> list[Finding]:
    """A scanner stands at the entry, and that is how it is."""
    told = DeviceStatus(
        "eye",
        DeviceState(state),
        fault=fault,
        holder=facts.get("holder", ""),
        facts={"device": "eye", "port": port, **facts},
    )
    entry = Lane(name="entry", direction="entry", readers=("door",), scanners=("eye",))
    fitted = msgspec.structs.replace(settings(), lanes=(entry,), scanners=(of,))
    running = status()
    running["devices"] = [device_status(Placed("scanners", of.driver, ["entry"], told))]
    return examined(box, of=fitted, running=running, root=root)


def machine(files: Mapping[str, bytes], state: DeviceState = DeviceState.READY) -> list[Finding]:
    """These files are on it."""
    with TemporaryDirectory(prefix="onecard-doctor-") as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return examined(running=status(state), root=Path(folder))


POLKIT = "usr/share/polkit-1/actions/org.debian.pcsc-lite.policy"
RULE = "etc/polkit-1/rules.d/50-onecard-pcscd.rules"
NFC = b"pn533_usb 20480 0 - Live 0x0\npn533 45056 1 pn533_usb, Live 0x0\nnfc 131072 1 pn533,\n"

FINDINGS: dict[str, tuple[bool, Callable[[], list[Finding]]]] = {
    "daemon-runs": (True, lambda: examined(running=status())),
    "daemon-absent": (False, examined),
    "not-loaded": (
        False,
        lambda: examined(of=settings(sync=PLATFORM), running=status(sync=None)),
    ),
    "pcscd-runs": (True, examined),
    "pcscd-down": (False, lambda: examined(box(refusal=ConnectionRefusedError()))),
    "pcscd-denied": (False, lambda: examined(box(refusal=PermissionError()))),
    **{
        f"reader-{state.value}": (
            state is DeviceState.READY,
            lambda state=state: examined(running=status(state)),  # type: ignore[misc]
        )
        for state in DeviceState
    },
    "psam-answers": (True, lambda: examined(running=status())),
    "psam-silent": (
        False,
        lambda: examined(running=status(sams=[SamStatus("psam", "", (), "psam.missing")])),
    ),
    "psam-unfit": (
        False,
        lambda: examined(
            running=status(sams=[SamStatus("psam", "1" * 12, ("SM4",), "psam.lacks-read-key")])
        ),
    ),
    "psam-of-another": (
        False,
        lambda: examined(of=expecting("519900000002"), running=status()),
    ),
    "psam-changed": (True, lambda: examined(running=status(), psam_before="5" * 12)),
    "polkit-rule-missing": (
        False,
        lambda: machine({POLKIT: b"<policyconfig/>"}, DeviceState.NO_PERMISSION),
    ),
    "nfc-module-loaded": (False, lambda: machine({"proc/modules": NFC})),
    "device-ready": (True, lambda: with_device("ready")),
    "device-absent": (False, lambda: with_device("absent", "device.absent")),
    "device-ambiguous": (
        False,
        lambda: with_device("absent", "device.ambiguous", found="/dev/a, /dev/b"),
    ),
    "device-busy": (False, lambda: with_device("busy", "device.busy", holder="minicom (42)")),
    "device-released": (False, lambda: with_device("busy", "device.released")),
    "device-no-permission": (False, lambda: with_device("no-permission", "device.denied")),
    "device-needs-rule": (
        False,
        lambda: with_device("no-permission", "device.denied", box=box(group="root")),
    ),
    "device-unreachable": (
        False,
        lambda: with_device("no-answer", "device.unreachable", port="socket://10.0.0.9:4001"),
    ),
    "device-silent": (False, lambda: with_device("no-answer", "device.silent")),
    "device-garbled": (
        False,
        lambda: with_device("protocol-error", "device.protocol", of=USB_READER, port="usb 1-2 x"),
    ),
    "serial-garbled": (False, lambda: with_device("protocol-error", "device.protocol", of=FAST)),
    "serial-garbled-default": (False, lambda: with_device("protocol-error", "device.protocol")),
    "device-fault": (False, lambda: with_device("no-answer", "document.module")),
    "camera-dark": (False, lambda: with_device("ready", "camera.dark", port="/dev/video0")),
    "camera-frozen": (False, lambda: with_device("no-answer", "camera.frozen")),
    "psam-lacks": (
        False,
        lambda: examined(running=status(sams=[SamStatus("psam", "1" * 12, ("3DES",), "")])),
    ),
    "psam-none": (False, lambda: examined(running=status(sams=[]))),
    "secrets-there": (True, examined),
    "keys-copyable": (True, examined),
    "secret-unusable": (False, lambda: examined(keys=MemoryKeys())),
    "clock-synchronised": (True, examined),
    "clock-holdover": (False, lambda: examined(box(synchronised=False))),
    "clock-unset": (False, lambda: examined(box(time=60.0))),
    "space": (True, examined),
    "space-low": (False, lambda: examined(box(free=ENOUGH_SPACE - 1))),
    "data-unusable": (
        False,
        lambda: examined(box(space_fault=OSError(errno.ENOENT, "No such file or directory"))),
    ),
    "journal-well": (True, lambda: examined(running=status())),
    "journal-fault": (False, lambda: examined(running=status(fault="journal.disk-full"))),
    "journal-quarantined": (False, lambda: examined(running=status(parked=2))),
    "journal-unreadable": (False, lambda: examined(running=status(lost=5))),
    "platform-none": (True, examined),
    "platform-online": (
        True,
        lambda: examined(
            of=settings(sync=PLATFORM), running=status(sync={"state": "online", "last_fault": None})
        ),
    ),
    "platform-offline": (
        False,
        lambda: examined(
            of=settings(sync=PLATFORM), running=status(sync=offline("sync.broker-refused"))
        ),
    ),
}
CERTIFICATES = {
    "certificate-valid": True,
    "certificate-ends-soon": True,
    "certificate-expired": False,
    "certificate-unreadable": False,
}


@pytest.mark.parametrize("finding", FINDINGS)
def test_finding_is_reached_and_is_well_or_not(finding: str) -> None:
    well, examine = FINDINGS[finding]
    found = [f for f in examine() if f.id == finding]
    assert found
    assert {f.well for f in found} == {well}
    for each in found:
        _has_words(each)


def _has_words(finding: Finding) -> None:
    for language in LANGUAGES:
        words = catalogue(language)["finding"]
        assert finding.id in words
        assert blanks(words[finding.id]) <= finding.facts.keys(), finding
        assert "–" not in Texts(language).finding(
            finding.id, **{name: value or "x" for name, value in finding.facts.items()}
        )


def test_no_finding_is_without_a_test_and_no_words_without_a_finding() -> None:
    made = {*devices.BY_FAULT.values(), *devices.BY_STATE.values()}
    for path in (product.ROOT / "agent" / "doctor").glob("*.py"):
        for node in ast.walk(product.tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                made |= set(_literals(node.args[0]))
    made |= {f"reader-{state.value}" for state in DeviceState}
    made |= {f"clock-{quality}" for quality in ("synchronised", "holdover", "unset")}
    made |= {"journal-quarantined", "journal-unreadable"}
    assert made == FINDINGS.keys() | CERTIFICATES.keys()
    for language in LANGUAGES:
        assert set(catalogue(language)["finding"]) == made


def _literals(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_literals(node.body), *_literals(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_not_well_says_what_to_do(language: str) -> None:
    """At least two sentences: what is wrong, and what now."""
    bad = {name for name, (well, _) in FINDINGS.items() if not well}
    bad |= {name for name, well in CERTIFICATES.items() if not well}
    end = "。" if language == "zh" else "."
    for name in bad:
        text = catalogue("zh" if language == "zh" else "en")["finding"][name]
        assert text.rstrip().endswith(end), name
        assert sum(text.count(mark) for mark in (".", "。", ":", "：", ";", "；")) >= 2, name


def certificate(tmp_path: Path, box: Box, *, days: int) -> list[Finding]:
    authority = Authority(tmp_path)
    issued = authority.issue("gate-1", valid=timedelta(days=3650))
    ends = datetime.now(UTC) + timedelta(days=3650)
    box.time = (ends - timedelta(days=days)).timestamp()
    return examined(box, of=settings(sync=Sync(host="h", certificate=str(issued.certificate))))


@pytest.mark.parametrize(
    ("days", "finding"),
    [(60, "certificate-valid"), (29, "certificate-ends-soon"), (-1, "certificate-expired")],
)
def test_certificates_are_judged_by_their_last_day(tmp_path: Path, days: int, finding: str) -> None:
    """qz tray #150: which certificate, until when, what to do."""
    (found,) = (f for f in certificate(tmp_path, Box(), days=days) if "certificate" in f.id)
    assert (found.id, found.well) == (finding, CERTIFICATES[finding])
    assert str(found.facts["path"]).endswith(".pem")
    assert len(str(found.facts["until"])) == len("2026-09-21")
    _has_words(found)


@pytest.mark.parametrize("content", [None, b"not PEM"])
def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "agent.pem"
    if content is not None:
        path.write_bytes(content)
    found = examined(of=settings(sync=Sync(host="h", ca=str(path))))
    (finding,) = (f for f in found if "certificate" in f.id)
    assert (finding.id, finding.well) == ("certificate-unreadable", False)
    assert finding.facts["path"] == str(path)
    _has_words(finding)


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


def only(findings: list[Finding], of: str) -> Finding:
    (finding,) = (f for f in findings if f.id == of)
    return finding


def sentence(finding: Finding, language: str = "en") -> str:
    return Texts("en" if language == "en" else "zh").finding(finding.id, **finding.facts)


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
    speaker = Device(name="eye", driver="voice")
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

"""Terminals as `doctor` meets them: what runs, what is attached, what is wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from agent.api.status import device_status, sam_status
from agent.doctor.box import ENOUGH_SPACE
from agent.doctor.examine import examine
from agent.doctor.findings import ExaminedTerminal, Finding
from agent.equipment.devices import Placed
from agent.messages.texts import LANGUAGES, Texts, blanks, catalogue
from agent.psam.slot import SamStatus
from agent.reader_service import PCSCD_SOCKET
from config.model import AgentSettings as Settings
from config.model import (
    DeviceSettings,
    Keys,
    LaneSettings,
    Reader,
    SceneSettings,
    Sync,
    TerminalSettings,
)
from drivers.contract import DeviceState, DeviceStatus
from tests.offline_store.support import MemoryKeys
from trust.sm2 import sm2
from world import Fault, Stream
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
        terminal=TerminalSettings(id="gate-1", city="519900"),
        scene=SceneSettings(kind="library-gate"),
        lanes=(LaneSettings(name="entry", direction="entry", readers=("door",)),),
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


SECRETS = {"city-reference": bytes(32), "issuer-k1.pub": sm2().public(bytes([1] * 32))}
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
    facade: Mapping[str, Any] | None = None,
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
        "lists": {"blacklist": 7},
        "arrived": {"blacklist": 1_789_990_000_000},
        "facade": facade,
        "settings": {"taken_ms": 1_789_980_000_000, "refused": None},
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
    pcscd_socket: str = PCSCD_SOCKET,
    wrong: Sequence[Fault] = (),
    silent: bool = False,
    in_force: Settings | None = None,
) -> list[Finding]:
    seen = running or looked or readers()
    case = ExaminedTerminal(
        box or Box(),
        of or settings(),
        keys or MemoryKeys(**SECRETS),
        pcscd_socket=pcscd_socket,
        status=running,
        devices=[*seen["readers"], *seen.get("devices", [])],
        attached=seen["attached"],
        root=root,
        psam_before=psam_before,
        file="/etc/onecard/onecard.toml",
        wrong=wrong,
        silent=silent,
        in_force=msgspec.json.decode(msgspec.json.encode(in_force)) if in_force else None,
    )
    return list(examine(case))


def box(**condition: Any) -> Box:
    made = Box()
    for name, value in condition.items():
        setattr(made, name, value)
    return made


def online(
    *, since: float = 0.0, receipt: float | None = None, fault: float | None = None
) -> Mapping[str, Any]:
    """A link that is up; how many seconds ago since when, last receipt and last fault were."""
    now = Box().time
    trouble = {"code": "sync.receipt-overdue", "facts": {}, "at": now - (fault or 0.0)}
    return {
        "state": "online",
        "since": now - since,
        "last_receipt": None if receipt is None else now - receipt,
        "last_fault": None if fault is None else trouble,
    }


def waiting(link: Mapping[str, Any], count: int, oldest: float | None = None) -> dict[str, Any]:
    """A terminal with that link and `count` records without receipt; the oldest's age."""
    running = status(sync=link)
    time = None if oldest is None else int((Box().time - oldest) * 1000)
    running["store"] |= {"unreceipted": count, "oldest_unreceipted_ms": time}
    return running


def offline(code: str) -> Mapping[str, Any]:
    return {"state": "offline", "last_fault": {"code": code, "facts": {}}}


SCANNER = DeviceSettings(name="eye", driver="serial-scanner", options={"port": "/dev/ttyUSB0"})
FAST = DeviceSettings(
    name="eye", driver="serial-scanner", options={"port": "/dev/x", "baudrate": 115200}
)
USB_READER = DeviceSettings(name="eye", driver="sam-v", options={"usb": "0400:C35A"})


def with_device(
    state: str,
    fault: str = "",
    *,
    of: DeviceSettings = SCANNER,
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
    entry = LaneSettings(name="entry", direction="entry", readers=("door",), scanners=("eye",))
    fitted = msgspec.structs.replace(settings(), lanes=(entry,), scanners=(of,))
    running = status()
    running["devices"] = [device_status(Placed("scanners", of.driver, ["entry"], told))]
    return examined(box, of=fitted, running=running, root=root)


def machine(
    files: Mapping[str, bytes | str], state: DeviceState = DeviceState.READY
) -> list[Finding]:
    """These files are on it: bytes, or where a link leads."""
    with TemporaryDirectory(prefix="onecard-doctor-") as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.symlink_to(content)
            else:
                path.write_bytes(content)
        return examined(running=status(state), root=Path(folder))


POLKIT = "usr/share/polkit-1/actions/org.debian.pcsc-lite.policy"
RULE = "etc/polkit-1/rules.d/50-onecard-pcscd.rules"
NFC = b"pn533_usb 20480 0 - Live 0x0\npn533 45056 1 pn533_usb, Live 0x0\nnfc 131072 1 pn533,\n"
VPCD = b"""FRIENDLYNAME "Virtual PCD"
DEVICENAME   /dev/null:0x8C7B
LIBPATH      /usr/lib/pcsc/drivers/serial/libifdvpcd.so
CHANNELID    0x8C7B
"""
TCP = b"""  sl  local_address rem_address   st tx:rx tr:tm->when retrnsmt uid timeout inode
   0: 00000000:8C7B 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4712 1
"""
NOT_ITS_READER: Mapping[str, bytes | str] = {
    "proc/77/comm": b"pcscd\n",
    "proc/77/status": b"Name:\tpcscd\nUid:\t998\t998\t998\t998\n",
    "sys/bus/usb/devices/1-1/idVendor": b"072f\n",
    "sys/bus/usb/devices/1-1/idProduct": b"2200\n",
    "sys/bus/usb/devices/1-1/busnum": b"1\n",
    "sys/bus/usb/devices/1-1/devnum": b"4\n",
    "sys/bus/usb/devices/1-1/1-1:1.0/bInterfaceClass": b"0b\n",
    "dev/bus/usb/001/004": b"",
}
LISTENING: Mapping[str, bytes | str] = {
    "proc/net/tcp": TCP,
    "proc/77/comm": b"pcscd\n",
    "proc/77/fd/5": "socket:[4711]",  # a link
    "proc/78/comm": b"mosquitto\n",
    "proc/78/fd/5": "socket:[4712]",
}
# Reached in test_judging.py: id, and whether it is well.
JUDGED = {
    "settings-wrong": False,
    "settings-wrong-too": False,
    "settings-refused": False,
    "secrets-not-looked-at": True,
    "issuer-none": False,
    "platform-refuses": False,
    "records-waiting": False,
    "list-held": True,
    "list-missing": False,
    "psam-transit-none": False,
    "barrier-console": False,
    "barrier-none": True,
    "codes-no-platform": False,
    "settings-not-read": False,
    "status-service-fails": False,
    "daemon-silent": False,
    "pcscd-not-looked-at": True,
}
# Reached in test_business.py and test_browsers.py: id, and whether it is well; some are only for
# certain callers.
BUSINESS = {
    "facade-serves": True,
    "facade-down": False,
    "facade-any-user": True,
    "facade-refused": False,
    "facade-no-call": True,
    "browser-policy-names": True,
    "browser-policy-missing": False,
    "browser-policy-blocks": False,
    "browser-policy-unreadable": False,
    "browser-page-insecure": False,
}
# Reached in test_tls.py: id, and whether it is well.
TLS = {
    "certificate-valid": True,
    "certificate-ends-soon": True,
    "certificate-expired": False,
    "certificate-not-yet-valid": False,
    "certificate-undated": True,
    "tls-unusable": False,
    "tls-key-exposed": False,
    "file-denied": False,
    "file-not-looked-at": True,
}


def only(findings: list[Finding], of: str) -> Finding:
    (finding,) = (f for f in findings if f.id == of)
    return finding


def sentence(finding: Finding, language: str = "en") -> str:
    return Texts("en" if language == "en" else "zh").finding(finding.id, **finding.facts)


def has_words(finding: Finding) -> None:
    for language in LANGUAGES:
        words = catalogue(language)["finding"]
        assert finding.id in words
        assert blanks(words[finding.id]) <= finding.facts.keys(), finding
        assert "–" not in Texts(language).finding(
            finding.id, **{name: value or "x" for name, value in finding.facts.items()}
        )

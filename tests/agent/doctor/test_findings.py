"""Every finding of `doctor` can be reached, has words in both languages, and says what to do."""

import ast
import errno
from collections.abc import Callable

import pytest

from agent.doctor import devices
from agent.doctor.box import LEAST_SPACE
from agent.doctor.findings import Finding
from agent.messages.texts import LANGUAGES, catalogue
from agent.psam.slot import SamStatus
from drivers.contract import DeviceState
from tests import product
from tests.agent.doctor.cases import (
    BUSINESS,
    FAST,
    JUDGED,
    LISTENING,
    NFC,
    NOT_ITS_READER,
    PLATFORM,
    POLKIT,
    TLS,
    USB_READER,
    VPCD,
    box,
    examined,
    expecting,
    has_words,
    machine,
    offline,
    settings,
    status,
    with_device,
)
from tests.offline_store.support import MemoryKeys
from trust.keystore import KeyStoreUnusable


class Locked(MemoryKeys):
    """A key store that the system does not let anybody look into."""

    def names(self) -> list[str]:
        raise KeyStoreUnusable(path="/var/lib/onecard/keys", cause="Input/output error")


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
    "pcscd-may-not-open": (False, lambda: machine(NOT_ITS_READER, DeviceState.ABSENT)),
    "reader-virtual": (False, lambda: machine({"etc/reader.conf.d/vpcd": VPCD})),
    "pcscd-listens": (False, lambda: machine(LISTENING)),
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
    "key-store-unusable": (False, lambda: examined(keys=Locked())),
    "clock-synchronised": (True, examined),
    "clock-holdover": (True, lambda: examined(box(synchronised=False))),
    "clock-unset": (False, lambda: examined(box(time=60.0))),
    "space": (True, examined),
    "space-low": (False, lambda: examined(box(free=LEAST_SPACE - 1))),
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


@pytest.mark.parametrize("finding", FINDINGS)
def test_finding_is_reached_and_is_well_or_not(finding: str) -> None:
    well, examine = FINDINGS[finding]
    found = [f for f in examine() if f.id == finding]
    assert found
    assert {f.well for f in found} == {well}
    for each in found:
        has_words(each)


def test_no_finding_is_without_a_test_and_no_words_without_a_finding() -> None:
    made = {*devices.BY_FAULT.values(), *devices.BY_STATE.values()}
    for path in (product.ROOT / "agent" / "doctor").glob("*.py"):
        for node in ast.walk(product.tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                made |= set(_literals(node.args[0]))
    made |= {f"reader-{state.value}" for state in DeviceState}
    made |= {f"clock-{quality}" for quality in ("synchronised", "holdover", "unset")}
    made |= {"journal-quarantined", "journal-unreadable"}
    assert made == FINDINGS.keys() | TLS.keys() | BUSINESS.keys() | JUDGED.keys()
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
    bad |= {name for name, well in (TLS | BUSINESS | JUDGED).items() if not well}
    end = "。" if language == "zh" else "."
    for name in bad:
        text = catalogue("zh" if language == "zh" else "en")["finding"][name]
        assert text.rstrip().endswith(end), name
        assert sum(text.count(mark) for mark in (".", "。", ":", "：", ";", "；")) >= 2, name

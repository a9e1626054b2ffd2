"""What runs: the daemon, the reader service, who may use it, and who takes its readers away."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from agent.doctor.findings import ExaminedTerminal, Finding
from agent.doctor.reader_nodes import reader_nodes
from agent.doctor.virtual import virtual

PCSC = "pcsc"
POLKIT_ACTION: Final = Path("usr/share/polkit-1/actions/org.debian.pcsc-lite.policy")
POLKIT_RULES: Final = (Path("etc/polkit-1/rules.d"), Path("usr/share/polkit-1/rules.d"))
POLKIT_NAME: Final = b"org.debian.pcsc-lite"
# The kernel's NFC driver takes the chip of ACR122-like readers before pcscd can (spec devices.md).
NFC_MODULES: Final = ("pn533_usb", "pn533", "nfc")


def daemon(case: ExaminedTerminal) -> Iterator[Finding]:
    """One finding: the daemon runs, is absent, or is there and does not answer."""
    if case.silent:
        yield Finding("daemon-silent", False, {"socket": case.settings.terminal.socket})
    elif case.status is None:
        yield Finding("daemon-absent", False, {"socket": case.settings.terminal.socket})
    else:
        yield Finding("daemon-runs", True, {"version": str(case.status["agent"])})


def readers(case: ExaminedTerminal) -> Iterator[Finding]:
    """The reader service and what can stand between it and its readers."""
    if not any(reader.driver == PCSC for reader in case.settings.readers):
        return
    yield _pcscd(case)
    yield from _polkit(case)
    yield from _nfc(case)
    yield from reader_nodes(case)
    yield from virtual(case)


def _pcscd(case: ExaminedTerminal) -> Finding:
    try:
        case.world.connect(case.pcscd_socket, 1.0).close()
    except PermissionError:
        if _agent_may(case):
            return Finding("pcscd-not-looked-at", True, {"user": case.user})
        return Finding("pcscd-denied", False, {"socket": case.pcscd_socket})
    except OSError:
        return Finding("pcscd-down", False, {"socket": case.pcscd_socket})
    return Finding("pcscd-runs", True)


def _agent_may(case: ExaminedTerminal) -> bool:
    """Whoever asks may not use it, but the agent that runs may."""
    denied = any(d["driver"] == PCSC and d["state"] == "no-permission" for d in case.devices)
    return case.status is not None and not denied


def _polkit(case: ExaminedTerminal) -> Iterator[Finding]:
    """Only where pcscd refuses the agent: an agent that runs as root needs no rule."""
    refused = any(
        device["driver"] == PCSC and device["state"] == "no-permission" for device in case.devices
    )
    if refused and case.read(POLKIT_ACTION) and not _has_rule(case):
        yield Finding("polkit-rule-missing", False, {"user": case.user})


def _has_rule(case: ExaminedTerminal) -> bool:
    """Also when the rules may not be read: then they are not what we can complain of."""
    for folder in POLKIT_RULES:
        try:
            names = case.world.list_folder(case.root / folder)
        except FileNotFoundError:
            continue
        except OSError:
            return True
        if any(POLKIT_NAME in case.read(folder / name) for name in names):
            return True
    return False


def _nfc(case: ExaminedTerminal) -> Iterator[Finding]:
    lines = case.read(Path("proc/modules")).decode(errors="replace").splitlines()
    loaded = {line.split(" ")[0] for line in lines}
    modules: Sequence[str] = [module for module in NFC_MODULES if module in loaded]
    if any(module.startswith("pn533") for module in modules):
        names = " ".join(modules)
        command = (
            f"printf 'blacklist %s\\n' {names} > /etc/modprobe.d/onecard.conf; modprobe -r {names}"
        )
        yield Finding(
            "nfc-module-loaded", False, {"modules": ", ".join(modules), "command": command}
        )

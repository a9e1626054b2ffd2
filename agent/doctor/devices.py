"""Everything that is no PC/SC slot: what keeps a device from working, and who can mend it how."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from agent.doctor.findings import RULES, ExaminedTerminal, Finding
from agent.doctor.service import PCSC
from agent.equipment.devices import configured
from agent.scenes.bus.vehicle import GNSS
from config.model import AgentSettings as Settings
from config.model import DeviceSettings, OutputSettings, Reader
from drivers.contract import DeviceDenied
from drivers.io.sysfs import Tree

USB_PLACE: Final = re.compile(r"(?:usb )?([0-9]+-[0-9]+(?:\.[0-9]+)*)(?: |\Z)")  # `usb.place`
SOUND: Final = ("voice",)  # drivers whose device is a sound card, which has no path of its own
DENIED: Final = DeviceDenied.code
# Groups that mean nobody in particular: joining them is no remedy.
NOBODYS: Final = ("root", "0")
USUAL_GROUP: Final = {
    "tty": "dialout",
    "video": "video",
    "event": "input",
    "gpio": "gpio",
    "lp": "lp",
}

# By the fault's code; the states come after these.
BY_FAULT: Final = {
    "device.ambiguous": "device-ambiguous",
    "device.released": "device-released",
    "device.unreachable": "device-unreachable",
    "camera.dark": "camera-dark",
    "camera.frozen": "camera-frozen",
}
BY_STATE: Final = {"absent": "device-absent", "busy": "device-busy"}
# Faults that say no more than the state does; what a driver calls otherwise, its own words tell.
ORDINARY: Final = (
    "device.absent",
    "device.lost",
    "device.busy",
    "device.silent",
    "device.protocol",
    "device.no-answer",
    "scanner.garbled",
    "gnss.garbled",
    "",
)


def devices(case: ExaminedTerminal) -> Iterator[Finding]:
    """One finding a device of the settings, without PC/SC readers (`agent.doctor.slots`)."""
    for kind, device in _all(case.settings):
        if kind == "readers" and device.driver == PCSC:
            continue
        found = case.device(kind, device.name)
        if found is None:
            yield Finding("not-loaded", False, {"setting": f"{kind}.{device.name}"})
        else:
            yield _finding(case, device, found)


def _all(settings: Settings) -> Iterator[tuple[str, Reader | DeviceSettings | OutputSettings]]:
    """With the receiver, which is in no table of devices."""
    yield from configured(settings)
    if settings.journey.gnss:
        yield "journey", DeviceSettings(name=GNSS, driver="nmea", options=settings.journey.gnss)


def _finding(
    case: ExaminedTerminal,
    device: Reader | DeviceSettings | OutputSettings,
    found: Mapping[str, Any],
) -> Finding:
    state, fault, told = found["state"], found["fault"], found["facts"]
    port = str(told.get("port") or found["attached"] or _wanted(device))
    facts = {"equipment": found["kind"], "name": device.name, "driver": device.driver, "port": port}
    if fault in BY_FAULT:
        return Finding(BY_FAULT[fault], False, {**facts, "found": str(told.get("found", ""))})
    if state == "ready":
        return Finding("device-ready", True, facts)
    if state == "no-permission":
        return _denied(case, facts, {"device": device.name, **told})
    if fault not in ORDINARY:
        return Finding(
            "device-fault",
            False,
            {**facts, "fault": fault},
            (fault, {"device": device.name, **told}),
        )
    if state in BY_STATE:
        return Finding(BY_STATE[state], False, {**facts, "holder": found["holder"]})
    if state == "no-answer":
        return Finding("device-silent", False, facts)
    return _garbled(case, device, facts)


def _wanted(device: Reader | DeviceSettings | OutputSettings) -> str:
    """Where the settings say that it is."""
    if isinstance(device, Reader):
        return device.match
    places = (device.options.get(key) for key in ("port", "usb", "source"))
    return next((place for place in places if isinstance(place, str)), device.name)


def _denied(case: ExaminedTerminal, facts: Mapping[str, str], told: Mapping[str, Any]) -> Finding:
    """The command that lets the agent's user in: a group to join, or a rule that names one."""
    port = facts["port"]
    if usb := USB_PLACE.match(port):
        return _needs_rule(facts, f'{_usb_rule(case, usb[1])}, GROUP="{case.user}", MODE="0660"')
    if not port.startswith("/"):
        if facts["driver"] in SOUND:
            return _join(case, facts, "audio")
        return Finding("device-fault", False, {**facts, "fault": DENIED}, (DENIED, told))
    node = case.world.real_path(Path(port))
    try:
        group = case.world.file_group(node)
    except OSError:
        group = NOBODYS[0]
    if group not in NOBODYS:
        return _join(case, facts, group)
    usual = (name for prefix, name in USUAL_GROUP.items() if node.name.startswith(prefix))
    group = next(usual, case.user)
    return _needs_rule(facts, f'KERNEL=="{node.name}", GROUP="{group}", MODE="0660"')


def _usb_rule(case: ExaminedTerminal, place: str) -> str:
    """By its numbers, so that it holds at every socket; by its socket where they are not told."""
    tree = Tree(case.world, case.root / "sys", case.root / "dev")
    usb = tree.usb(tree.sys / "bus" / "usb" / "devices" / place)
    if usb is None:
        return f'SUBSYSTEM=="usb", KERNEL=="{place}"'
    return f'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{usb.vendor}", ATTR{{idProduct}}=="{usb.product}"'


def _join(case: ExaminedTerminal, facts: Mapping[str, str], group: str) -> Finding:
    command = f"usermod -aG {group} {case.user} && systemctl restart onecard"
    return Finding("device-no-permission", False, {**facts, "group": group, "command": command})


def _needs_rule(facts: Mapping[str, str], rule: str) -> Finding:
    command = f"echo '{rule}' >> {RULES} && udevadm control --reload && udevadm trigger"
    return Finding("device-needs-rule", False, {**facts, "command": command})


def _garbled(
    case: ExaminedTerminal,
    device: Reader | DeviceSettings | OutputSettings,
    facts: Mapping[str, str],
) -> Finding:
    """It answers what nobody understands: on a serial line the speed is the first suspect."""
    if not _is_serial(case, facts["port"]):
        return Finding("device-garbled", False, facts)
    baud = device.options.get("baudrate")
    if not isinstance(baud, int):
        return Finding("serial-garbled-default", False, facts)
    return Finding("serial-garbled", False, {**facts, "baud": baud})


def _is_serial(case: ExaminedTerminal, port: str) -> bool:
    """A tty, or a serial server's address."""
    if "://" in port:
        return port.startswith("socket:")
    node = case.world.real_path(Path(port))
    return node.name.startswith("tty") or node.parent.name == "pts"

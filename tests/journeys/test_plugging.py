"""A technician plugs in a device that nobody has configured, has it suggested, pastes that, and
reloads; later it is unplugged and plugged again. The agent runs all the time.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.cli.client import Client
from drivers.hotplug import Hotplug
from drivers.io import keeper
from simulators.device_box.local import LocalAgent
from simulators.devices.scan_module import ScanModule
from simulators.people import load_cast
from simulators.site import AgentProcess, until
from trust.keystore import FileKeyStore
from world.real import RealWorld

LOCALES = {"zh": "zh_CN.UTF-8", "en": "en_US.UTF-8"}
OLD, NEW = "usb-Old_Scanner-if00", "usb-1a86_USB_Serial-if00-port0"
CONFIGURATION = """
[terminal]
id = "gate-1"
city = "{city}"
data = "{folder}/data"
socket = "{folder}/agent.sock"

[keys]
path = "{folder}/keys"

[scene]
kind = "library-gate"

[[scanners]]
name = "old"
driver = "serial-scanner"
options = {{ port = "{ports}/{old}" }}

[[lanes]]
name = "exit"
direction = "exit"
scanners = ["old"]
"""


class Terminal:
    """A box with one scanner, and another port that is still empty."""

    def __init__(self, folder: Path) -> None:
        cast = load_cast()
        keys = FileKeyStore(RealWorld(), folder / "keys")
        for name, secret in cast.city.terminal_secrets("gate-1").items():
            keys.write(name, secret)
        self.root = folder
        ports = folder / "dev" / "serial" / "by-id"
        self.config = folder / "onecard.toml"
        self.config.write_text(
            CONFIGURATION.format(city=cast.region, folder=folder, ports=ports, old=OLD)
        )
        (folder / "data").mkdir()
        self.module = ScanModule()
        self.old = ScanModule().plugged_at(ports / OLD)
        self.new = self.module.plugged_at(ports / NEW)
        self._client = Client(RealWorld(), str(folder / "agent.sock"))
        # No pcscd is there, whatever this machine has.
        self.environment = {"PCSCLITE_CSOCK_NAME": str(folder / "no-pcscd")}

    def onecard(self, *arguments: str, language: str = "en", good: bool = True) -> str:
        command = [str(Path(sys.executable).parent / "onecard"), *arguments]
        told = subprocess.run(
            [*command, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={
                **os.environ,
                **self.environment,
                "LANG": LOCALES[language],
                "LC_ALL": LOCALES[language],
                "COLUMNS": "200",
            },
        )
        assert (told.returncode == 0) == good, told.stdout + told.stderr
        return told.stdout

    def device(self, name: str) -> dict[str, Any]:
        """As the agent tells of it."""
        return _named(self._client.get("/v1/devices"), name)

    def printed_device(self, name: str) -> dict[str, Any]:
        """As a program sees it, with the last fault's sentence."""
        return _named(msgspec.json.decode(self.onecard("devices", "--json")), name)

    def until_state(self, name: str, state: str) -> None:
        until(lambda: self.device(name)["state"] == state, f"{name} is not {state}")


def _named(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    assert answer["version"] == 1
    (found,) = (device for device in answer["devices"] if device["name"] == name)
    return dict(found)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    with terminal.old:
        yield terminal
        terminal.new.unplug()


@pytest.fixture
def agent(terminal: Terminal) -> Iterator[AgentProcess]:
    agent = AgentProcess(terminal.root, terminal.config, terminal.environment)
    agent.start()
    yield agent
    agent.stop()


def test_from_plugging_to_service_without_a_restart(
    terminal: Terminal, agent: AgentProcess
) -> None:
    terminal.until_state("old", "ready")
    terminal.new.plug()

    suggested = terminal.onecard("devices", "suggest", "--root", str(terminal.root))
    assert NEW in suggested
    assert OLD not in suggested, "it is configured"
    assert "# [[scanners]]" in suggested, "what it is cannot be told"
    suggested = terminal.onecard(
        "devices", "suggest", "--root", str(terminal.root), "--as", "serial-scanner"
    )
    with terminal.config.open("a") as file:
        file.write(suggested)
    terminal.onecard("config", "check")
    pid = agent.pid
    agent.reload()
    until(lambda: any(d["name"] == "scanner" for d in agent.status()["devices"]), "not reloaded")
    terminal.until_state("scanner", "ready")
    terminal.module.show(b"LIB-0001")
    until(lambda: terminal.device("scanner")["presented"] == 1, "the code is not seen")
    assert terminal.device("scanner")["lanes"] == ["new"]
    assert terminal.onecard("devices", "suggest", "--root", str(terminal.root)) == (
        "Everything that is attached is in the configuration.\n"
    )

    terminal.new.unplug()
    terminal.until_state("scanner", "absent")
    away = terminal.printed_device("scanner")
    assert (away["kind"], away["driver"], away["lost"]) == ("scanners", "serial-scanner", 1)
    assert away["fault"] in ("device.lost", "device.absent")
    assert "scanner" in away["sentence"]
    told = terminal.onecard("devices", language="zh")
    assert "扫码器 scanner · 未找到" in told
    assert "请检查" in told
    assert terminal.device("old")["state"] == "ready", "the others go on"
    told = terminal.onecard("doctor", good=False)
    wrong = [line for line in told.splitlines() if line.startswith("✗") and NEW in line]
    assert len(wrong) == 1, told

    terminal.new.plug()
    terminal.until_state("scanner", "ready")
    assert agent.pid == pid
    terminal.module.show(b"LIB-0002")
    until(lambda: terminal.device("scanner")["presented"] == 2, "the code is not seen")


def test_a_plug_is_noticed_and_not_waited_for(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drivers' own back-off is an hour here: only the folders' change can bring it back."""
    monkeypatch.setattr(keeper, "FIRST_RETRY", 3600.0)
    monkeypatch.setattr(keeper, "LAST_RETRY", 3600.0)
    agent = LocalAgent(terminal.root, terminal.config, terminal.environment)
    agent.start()
    try:
        for lost in (1, 2, 3):
            terminal.until_state("old", "ready")
            terminal.old.unplug()
            terminal.until_state("old", "absent")
            assert terminal.device("old")["lost"] == lost
            terminal.old.plug()
        terminal.until_state("old", "ready")
    finally:
        agent.stop()


def test_control_without_hotplug_nothing_brings_it_back_in_time(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "FIRST_RETRY", 3600.0)
    monkeypatch.setattr(Hotplug, "start", lambda self: None)
    agent = LocalAgent(terminal.root, terminal.config, terminal.environment)
    agent.start()
    try:
        terminal.until_state("old", "ready")
        terminal.old.unplug()
        terminal.until_state("old", "absent")
        terminal.old.plug()
        RealWorld().wait(0.5)  # that nothing happens cannot be waited for
        assert terminal.device("old")["state"] == "absent"
    finally:
        agent.stop()


def test_lent_to_another_program_and_taken_back(terminal: Terminal, agent: AgentProcess) -> None:
    terminal.until_state("old", "ready")
    terminal.onecard("devices", "release", "old", "--seconds", "600")
    assert terminal.device("old")["fault"] == "device.released"
    assert "onecard devices take-back old" in terminal.onecard("doctor", good=False)
    terminal.onecard("devices", "take-back", "old")
    terminal.until_state("old", "ready")


def test_without_an_agent_the_devices_are_looked_at_all_the_same(terminal: Terminal) -> None:
    assert terminal.printed_device("old")["state"] == "ready"
    terminal.old.unplug()
    assert terminal.printed_device("old")["state"] == "absent"


def test_options_that_a_driver_does_not_take_are_told_before_the_reload(
    terminal: Terminal,
) -> None:
    text = terminal.config.read_text()
    terminal.config.write_text(text.replace("options = {", "options = { bautrate = 9600,"))
    told = subprocess.run(
        [str(Path(sys.executable).parent / "onecard"), "config", "check", str(terminal.config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 69
    said = told.stderr.replace("\n", "")
    assert "scanners[old].options" in said
    assert "bautrate" in said

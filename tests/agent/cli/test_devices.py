"""`onecard devices` and `devices suggest`: what people read, and the keys that programs need."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from agent.api.status import device_status
from agent.cli import devices
from agent.cli.app import build
from agent.cli.context import Context
from agent.equipment.devices import Placed
from agent.messages.texts import Language, Texts
from config.faults import ConfigAbsent
from drivers.contract import DeviceState, DeviceStatus
from simulators.devices.machine import Machine, UsbIdentity

CONFIGURATION = """
profile = "library-gate"

[terminal]
id = "gate-1"
city = "519900"
language = "{language}"
socket = "{folder}/agent.sock"

[[readers]]
name = "door"
match = "ACS*"
interface = "contactless"

[[lanes]]
name = "exit"
direction = "exit"
scanners = ["eye"]
barrier = "gate"

[[scanners]]
name = "eye"
driver = "serial-scanner"
options = {{ port = "/dev/serial/by-id/usb-eye" }}
"""


def placed(kind: str, name: str, lanes: list[str], state: str, **more: Any) -> dict[str, Any]:
    status = DeviceStatus(name, DeviceState(state), **more)
    return device_status(Placed(kind, f"{kind}-driver", lanes, status))


SEEN = {
    "version": 1,
    "devices": [
        placed("readers", "door", ["entry"], "ready", attached="ACS 00 00", presented=7),
        placed("readers", "psam", [], "ready"),
        placed(
            "scanners",
            "eye",
            ["exit"],
            "busy",
            fault="device.busy",
            facts={"holder": "minicom (42)"},
            lost=2,
            counters={"garbled": 3, "repeated": 1},
        ),
        placed("barriers", "gate", ["entry", "exit"], "ready", fault="device.silent"),
    ],
    "attached": ["ACS 00 00"],
}


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        devices, "look", lambda context, settings: msgspec.json.decode(msgspec.json.encode(SEEN))
    )
    monkeypatch.setattr(devices, "_slots", lambda context: [])
    monkeypatch.setenv("COLUMNS", "200")


def told(folder: Path, *arguments: str, language: Language = "en") -> str:
    config = folder / "onecard.toml"
    config.write_text(CONFIGURATION.format(folder=folder, language=language))
    context = Context(texts=Texts(language))
    result = CliRunner().invoke(build(context), [*arguments, "--config", str(config)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_devices_stand_below_their_lane_with_state_counts_and_trouble(tmp_path: Path) -> None:
    lines = told(tmp_path, "devices").splitlines()
    text = [line.strip("│├└─ ") for line in lines]
    assert text[0] == "gate-1"
    branches = [line for line in text if line.startswith(("Lane", "In no"))]
    assert sorted(branches[:2]) == ["Lane entry (entry)", "Lane exit (exit)"]
    assert branches[2:] == ["In no lane"]
    eye = next(line for line in text if "eye" in line and "busy" in line)
    assert eye == "Scanner eye · busy · scanners-driver · 0 presented, 2 lost"
    assert "garbled 3 · repeated 1" in text
    assert any("minicom (42)" in line and "eye" in line for line in text), "its sentence"
    assert any(line.startswith("Last fault: gate") for line in text), "though it is ready again"
    assert any("Barrier gate" in line and "also in exit" in line for line in text)
    assert text.index("In no lane") < next(n for n, line in enumerate(text) if "psam" in line)


def test_each_device_is_told_once(tmp_path: Path) -> None:
    text = told(tmp_path, "devices", language="zh")
    for name in ("读卡器 door", "读卡器 psam", "扫码器 eye", "闸机 gate"):
        assert text.count(f"{name} ·") == 1


def test_json_is_versioned_and_has_the_sentence(tmp_path: Path) -> None:
    answer = msgspec.json.decode(told(tmp_path, "devices", "--json"))
    assert answer["version"] == 1
    assert set(answer) == {"version", "devices", "attached"}
    eye = next(device for device in answer["devices"] if device["name"] == "eye")
    assert "minicom (42)" in eye.pop("sentence")
    assert eye == SEEN["devices"][2]  # type: ignore[index]


def test_suggestions_keys_are_a_contract(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.add_serial(UsbIdentity("1eab", "1d06", "FM100", "Newland", "FM430"))
    arguments = ("devices", "suggest", "--root", str(tmp_path))
    answer = msgspec.json.decode(told(tmp_path, *arguments, "--json"))
    text = told(tmp_path, *arguments)
    assert answer["version"] == 1
    assert answer["toml"].strip() == text.strip()
    (suggestion,) = answer["suggestions"]
    tables = suggestion.pop("tables")
    assert suggestion.pop("path").endswith("usb-Newland_FM430_FM100-if00-port0")
    assert suggestion == {
        "class": "serial",
        "usb": "1eab:1d06",
        "label": "Newland FM430",
        "what": "Newland",
        "note": "",
        "certain": True,
    }
    assert [(t["kind"], t["driver"]) for t in tables] == [("scanners", "serial-scanner")]
    assert tables[0]["toml"].splitlines()[0] == "[[scanners]]"


def test_a_new_box_without_a_configuration_gets_suggestions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "DEFAULT_CONFIG", tmp_path / "absent.toml")
    context = Context(texts=Texts("en"))
    arguments = ["devices", "suggest", "--root", str(tmp_path)]
    nothing = CliRunner().invoke(build(context), arguments)
    assert nothing.stdout.startswith("Nothing that a terminal could use")
    Machine(tmp_path).add_serial(UsbIdentity("1eab", "1d06", "FM100", "Newland", "FM430"))
    result = CliRunner().invoke(build(context), arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"# {tmp_path / 'absent.toml'} is not there yet")
    assert '[[scanners]]\nname = "scanner"' in result.stdout
    assert 'name = "new"' in result.stdout, "and a lane"


def test_a_configuration_that_was_named_and_is_not_there_is_an_error(tmp_path: Path) -> None:
    arguments = ["devices", "suggest", "--config", str(tmp_path / "onecrad.toml")]
    result = CliRunner().invoke(build(Context(texts=Texts("en"))), arguments)
    assert isinstance(result.exception, ConfigAbsent)


def test_a_long_path_is_not_wrapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    machine = Machine(tmp_path)
    machine.add_serial(UsbIdentity("1eab", "1d06", "X" * 90, "Newland", "FM430"))
    text = told(tmp_path, "devices", "suggest", "--root", str(tmp_path))
    assert any(line.endswith('-port0" }') for line in text.splitlines())

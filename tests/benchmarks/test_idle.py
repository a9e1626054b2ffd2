"""`bench idle` and the way from view to bytes on short runs, and that their goals can be missed."""

import pytest

from benchmarks import idle, view
from benchmarks.idle import Attached, at_rest, hold
from simulators.site import NotInTime


def test_camera_at_rest_is_a_running_camera() -> None:
    report = idle.run(["--settle", "0.5", "--window", "1"])
    assert report["name"] == "idle"
    assert isinstance(report["holds"], bool)
    frames, looked = report["camera_frames_per_s"], report["camera_looked_per_s"]
    assert isinstance(frames, float)
    assert isinstance(looked, float)
    assert frames >= looked > 0


def test_device_that_does_not_become_ready_is_no_measurement() -> None:
    nobody = Attached("camera", "scanners", "camera", {"source": "/dev/nobody"})
    with pytest.raises(NotInTime):
        at_rest("devices", [nobody], ready=0.2)


def test_several_devices_are_one_figure() -> None:
    lamp = Attached("lamp", "prompts", "console")
    gate = Attached("gate", "barriers", "console")
    figures = at_rest("devices", [lamp, gate], settle=0.0, window=0.2)
    assert {*figures} == {"devices_cpu_percent", "devices_switches_per_s", "devices_threads"}


def test_control_a_goal_can_be_missed() -> None:
    assert hold({"camera_cpu_percent": 10.0}, {"camera_cpu_percent_max": 10.0})
    assert not hold({"camera_cpu_percent": 10.1}, {"camera_cpu_percent_max": 10.0})


def test_codes_in_view_come_out_each_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "REST", 0.1)
    took = view.measure(2)
    assert len(took) == 2
    assert min(took) > 0

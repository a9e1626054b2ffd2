"""Statuses as JSON: the exact keys, because others read them (pywebdriver #141)."""

import msgspec

from agent.api.status import device_status, sam_status, tap_status
from agent.equipment.devices import Placed
from agent.messages.reasons import Reason
from agent.psam.slot import SamStatus
from agent.tap.tap import TapReport
from drivers.contract import DeviceState, DeviceStatus
from offline_store.events.row import Record


def test_a_devices_keys_are_a_contract() -> None:
    status = DeviceStatus(
        "door",
        DeviceState.NO_ANSWER,
        "ACS 00 00",
        "card.mute",
        2,
        7,
        facts={"device": "door"},
        counters={"garbled": 3},
    )
    assert device_status(Placed("readers", "pcsc", ["entry"], status)) == {
        "name": "door",
        "kind": "readers",
        "driver": "pcsc",
        "lanes": ["entry"],
        "state": "no-answer",
        "attached": "ACS 00 00",
        "fault": "card.mute",
        "facts": {"device": "door"},
        "lost": 2,
        "presented": 7,
        "holder": "",
        "counters": {"garbled": 3},
    }


def test_a_psams_keys_are_a_contract() -> None:
    assert sam_status(SamStatus("psam", "519900000001", ("SM4", "3DES"), "")) == {
        "reader": "psam",
        "terminal_number": "519900000001",
        "algorithms": ["SM4", "3DES"],
        "fault": "",
    }


def test_a_taps_keys_are_a_contract() -> None:
    record = Record(epoch="e" * 32, seq=3, body="{}", hash="0" * 64, mac="1" * 64)
    report = TapReport("door", "entry", Reason.ACCEPTED, True, {"detect": 5}, record)
    assert tap_status(report) == {
        "reader": "door",
        "lane": "entry",
        "reason": "accepted",
        "accepted": True,
        "stages_us": {"detect": 5},
        "record": msgspec.to_builtins(record),
    }
    unstored = TapReport("door", "entry", Reason.NOT_STORED, False, {}, None)
    assert tap_status(unstored)["record"] is None

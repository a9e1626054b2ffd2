"""`doctor` is green only when people are served and records received, and red only when not."""

import msgspec
import pytest

from agent.api.status import device_status, standing_status
from agent.doctor.box import ENOUGH_SPACE, LEAST_SPACE
from agent.doctor.findings import Finding
from agent.equipment.devices import Placed
from agent.status_check.faults import TimedOut
from config.faults import UnknownKey, WrongValue
from config.model import AgentSettings as Settings
from config.model import (
    CodeRule,
    DeviceSettings,
    JourneySettings,
    LaneSettings,
    Offline,
    OutputSettings,
    Reader,
    SceneSettings,
    Sync,
    Transit,
    Vehicle,
)
from drivers.contract import DeviceState, DeviceStatus
from tests.agent.doctor.cases import (
    JUDGED,
    PLATFORM,
    SECRETS,
    box,
    examined,
    has_words,
    online,
    only,
    settings,
    status,
    waiting,
)
from tests.offline_store.support import MemoryKeys
from trust.keystore import KeyStoreUnusable
from world import Fault

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
OF_A_CITY = settings(sync=PLATFORM)


def changed(of: Settings, **parts: object) -> Settings:
    return msgspec.structs.replace(of, **parts)


def wrong(findings: list[Finding]) -> list[str]:
    """Ids of what is not well; that it has words is looked at on the way."""
    for finding in findings:
        has_words(finding)
        assert finding.well is JUDGED.get(finding.id, finding.well) or finding.warning
    return [finding.id for finding in findings if not finding.well]


# Records are received


@pytest.mark.parametrize(
    ("link", "count", "oldest"),
    [
        (online(), 0, None),
        (online(since=DAY, receipt=HOUR), 0, None),
        (online(since=DAY, receipt=MINUTE, fault=2 * MINUTE), 1, 1.0),
        # The network came later than the agent; since then there was nothing to send.
        (online(since=DAY, fault=DAY + 1), 0, None),
        # A backlog of three days goes up.
        (online(since=10 * MINUTE, receipt=1.0), 90_000, 3 * DAY),
        (online(since=MINUTE, receipt=3 * DAY), 90_000, 3 * DAY),
        (online(since=DAY, receipt=DAY), 1, MINUTE),
    ],
)
def test_records_that_are_received_are_no_trouble(
    link: dict[str, object], count: int, oldest: float | None
) -> None:
    assert wrong(examined(of=OF_A_CITY, running=waiting(link, count, oldest))) == []


@pytest.mark.parametrize(
    ("link", "count", "oldest", "found"),
    [
        # Nobody answers: each batch is overdue.
        (online(since=HOUR, fault=1.0), 14, 2 * MINUTE, "platform-refuses"),
        (online(since=1.0, fault=10.0), 14, 2 * MINUTE, "platform-refuses"),
        # The receipts' issuer is not known, or a list was refused.
        (online(since=HOUR, receipt=HOUR, fault=1.0), 0, None, "platform-refuses"),
        (online(since=HOUR), 14, 6 * MINUTE, "records-waiting"),
        (online(since=DAY, receipt=6 * MINUTE), 14, 6 * MINUTE, "records-waiting"),
        # Others are receipted, one never.
        (online(since=DAY, receipt=1.0), 1, 2 * HOUR, "records-waiting"),
    ],
)
def test_records_that_are_not_received_are_trouble_though_the_link_is_up(
    link: dict[str, object], count: int, oldest: float | None, found: str
) -> None:
    assert wrong(examined(of=OF_A_CITY, running=waiting(link, count, oldest))) == [found]


def test_the_fault_behind_it_is_told() -> None:
    running = waiting(online(since=HOUR, fault=1.0), 14, HOUR)
    found = only(examined(of=OF_A_CITY, running=running), "platform-refuses")
    assert found.facts == {"count": 14}
    assert found.cause == ("sync.receipt-overdue", {})


def test_without_the_issuers_key_nothing_of_the_platform_can_be_opened() -> None:
    keys = MemoryKeys(**{name: key for name, key in SECRETS.items() if "issuer" not in name})
    assert wrong(examined(of=OF_A_CITY, keys=keys)) == ["daemon-absent", "issuer-none"]
    assert "issuer-none" not in wrong(examined(keys=keys)), "without a platform"


# The terminal does what it is for


def test_a_terminal_without_card_readers_needs_no_psam() -> None:
    eye = DeviceSettings(name="eye", driver="camera", options={"source": "/dev/video0"})
    lane = LaneSettings(name="entry", direction="entry", scanners=("eye",))
    running = status(sams=[])
    running["devices"] = []
    box = changed(settings(), readers=(), lanes=(lane,), scanners=(eye,))
    assert not [f for f in examined(of=box, running=running) if f.id.startswith("psam")]


def test_cards_without_a_psam_are_served_where_an_hsm_can_be_asked() -> None:
    running = waiting(online(), 0)
    running["sams"] = []
    found = only(examined(of=OF_A_CITY, running=running), "psam-none")
    assert (found.well, found.warning) == (True, True)
    no_hsm = changed(OF_A_CITY, hsm=msgspec.structs.replace(OF_A_CITY.hsm, enabled=False))
    assert wrong(examined(of=no_hsm, running=running)) == ["psam-none"]


@pytest.mark.parametrize("kind", ["bus", "metro-gate"])
def test_where_purses_pay_a_transit_psam_is_needed(kind: str) -> None:
    paying = changed(
        settings(), scene=SceneSettings(kind=kind), transit=Transit(line="1", station="M1")
    )
    assert wrong(examined(of=paying, running=status())) == ["psam-transit-none"]
    transit = Reader(name="psam", match="*SAM*", interface="sam", sam="transit")
    fitted = changed(paying, readers=(paying.readers[0], transit))
    assert wrong(examined(of=fitted, running=status())) == []


def gate(driver: str, direction: str = "entry", **of: object) -> Settings:
    """A lane behind a barrier of that driver."""
    lane = LaneSettings(name="lane", direction=direction, readers=("door",), barrier="gate")  # type: ignore[arg-type]
    barrier = OutputSettings(name="gate", driver=driver)
    return changed(settings(), lanes=(lane,), barriers=(barrier,), **of)


def test_a_gate_whose_barrier_is_a_console_lets_nobody_through() -> None:
    for direction in ("entry", "exit"):
        found = only(examined(of=gate("console", direction), running=status()), "barrier-console")
        assert (found.well, found.facts) == (False, {"lane": "lane", "name": "gate"})
    assert "barrier-console" not in wrong(examined(of=gate("tripod"), running=status()))
    window = gate("console", "counter", scene=SceneSettings(kind="service-window"))
    assert "barrier-console" not in wrong(examined(of=window, running=status()))


def test_where_readers_are_simulated_the_console_is_the_gate() -> None:
    found = examined(of=gate("console"), running=status(), pcscd_socket="/tmp/pcscd.comm")
    assert only(found, "barrier-console").warning
    assert "barrier-console" not in wrong(found)


def test_lists_are_told_with_their_age_and_a_blacklist_that_never_came_is_trouble() -> None:
    running = waiting(online(), 0)
    held = only(examined(of=OF_A_CITY, running=running), "list-held")
    assert held.facts == {"list": "blacklist", "version": 7, "since": "09-21 19:26"}
    running["lists"] = {}
    assert wrong(examined(of=OF_A_CITY, running=running)) == ["list-missing"]
    assert wrong(examined(running={**running, "sync": None})) == [], "no platform, no lists"


def test_a_metro_gate_needs_fares_and_lines_too() -> None:
    metro = changed(
        gate("tripod", scene=SceneSettings(kind="metro-gate"), sync=PLATFORM),
        transit=Transit(line="1", station="M1"),
    )
    missing = [
        finding.facts["list"]
        for finding in examined(of=metro, running=waiting(online(), 0))
        if finding.id == "list-missing"
    ]
    assert missing == ["fares", "lines"]


EYE = DeviceSettings(name="eye", driver="camera", options={"source": "/dev/video0"})


def scanning(rule: CodeRule, sync: Sync | None) -> Settings:
    """A lane where codes of that rule are shown."""
    lane = LaneSettings(name="entry", direction="entry", readers=("door",), scanners=("eye",))
    return changed(settings(sync=sync), lanes=(lane,), scanners=(EYE,), codes=(rule,))


@pytest.mark.parametrize("rule", ["ministry-three-level", "ministry-two-level", "onecard-ticket"])
def test_codes_that_are_verified_here_need_their_keys(rule: str) -> None:
    running = waiting(online(), 0)
    of = scanning(CodeRule(name=rule, resolve="offline"), PLATFORM)
    missing = only(examined(of=of, running=running), "list-missing")
    running["lists"][missing.facts["list"]] = 1
    assert "list-missing" not in wrong(examined(of=of, running=running))
    refused = scanning(CodeRule(name=rule, resolve="refuse"), PLATFORM)
    assert "list-missing" not in wrong(examined(of=refused, running=waiting(online(), 0)))


@pytest.mark.parametrize("resolve", ["platform", "offline"])
def test_codes_that_only_a_platform_can_tell_are_told_where_there_is_none(resolve: str) -> None:
    rule = CodeRule(name="onecard-ticket", resolve=resolve)  # type: ignore[arg-type]
    found = only(examined(of=scanning(rule, None)), "codes-no-platform")
    assert (found.well, found.facts) == (False, {"code": "onecard-ticket"})
    assert "codes-no-platform" not in wrong(examined(of=scanning(rule, PLATFORM)))
    unseen = changed(scanning(rule, None), lanes=settings().lanes)
    assert "codes-no-platform" not in wrong(examined(of=unseen))


@pytest.mark.parametrize("unknown", ["refuse", "accept"])
def test_a_status_service_that_does_not_answer_is_trouble_where_people_are_refused_for_it(
    unknown: str,
) -> None:
    offline = Offline(unknown=unknown)  # type: ignore[arg-type]
    asking = changed(
        OF_A_CITY, scene=SceneSettings(kind="library-gate", check="ask", offline=offline)
    )
    running = waiting(online(), 0)
    assert "status-service-fails" not in wrong(examined(of=asking, running=running))
    fault = TimedOut(service="sichuan", milliseconds=800)
    running["standing"] = standing_status({"sichuan": fault})
    found = only(examined(of=asking, running=running), "status-service-fails")
    assert found.well is found.warning is (unknown == "accept")
    assert found.cause == (fault.code, fault.facts)
    by_lists = changed(OF_A_CITY, scene=SceneSettings(kind="library-gate", check="lists"))
    assert not [f for f in examined(of=by_lists, running=running) if f.id == found.id]


def test_a_receiver_that_does_not_answer_is_told() -> None:
    bus = changed(
        settings(),
        vehicle=Vehicle(id="bus-1"),
        journey=JourneySettings(gnss={"port": "/dev/ttyUSB7"}),
    )
    running = status()
    silent = DeviceStatus("gnss", DeviceState.NO_ANSWER, fault="device.silent")
    running["devices"] = [device_status(Placed("journey", "nmea", (), silent))]
    found = only(examined(of=bus, running=running), "device-silent")
    assert found.facts["port"] == "/dev/ttyUSB7"
    running["devices"] = []
    assert only(examined(of=bus, running=running), "not-loaded").facts == {
        "setting": "journey.gnss"
    }


def test_a_gate_without_a_barrier_is_a_warning() -> None:
    found = only(examined(running=status()), "barrier-none")
    assert (found.warning, found.facts) == (True, {"lane": "entry"})
    assert not [f for f in examined(of=gate("tripod"), running=status()) if f.id == found.id]


# Who looks, and at what


class Kept(MemoryKeys):
    """A key store of the service's that this process may not look into."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def names(self) -> list[str]:
        raise KeyStoreUnusable(path="/keys", cause="denied") from self.error


def test_an_agent_that_hangs_is_told_and_its_devices_are_left_alone() -> None:
    found = examined(silent=True, looked={"readers": [], "attached": []})
    assert wrong(found) == ["daemon-silent"]
    assert not [f for f in found if f.id.startswith(("reader-", "psam-", "device-", "pcscd-"))]


def test_a_reader_service_that_one_may_not_use_is_no_trouble_of_the_agents() -> None:
    refused = box(refusal=PermissionError())
    assert wrong(examined(refused, running=status())) == []
    only(examined(refused, running=status()), "pcscd-not-looked-at")
    denied = status(DeviceState.NO_PERMISSION)
    assert "pcscd-denied" in wrong(examined(refused, running=denied))


@pytest.mark.parametrize(
    ("condition", "id", "well"),
    [
        ({"free": ENOUGH_SPACE}, "space", True),
        ({"free": ENOUGH_SPACE - 1}, "space-low", True),
        ({"free": LEAST_SPACE - 1}, "space-low", False),
        ({"synchronised": False}, "clock-holdover", True),
        ({"time": 60.0}, "clock-unset", False),
    ],
)
def test_what_serves_people_for_now_is_a_warning(
    condition: dict[str, object], id: str, well: bool
) -> None:
    found = only(examined(box(**condition), running=status()), id)
    assert (found.well, found.warning) == (well, well and id not in ("space",))


def test_secrets_that_one_may_not_see_are_not_wrong() -> None:
    found = examined(running=status(), keys=Kept(PermissionError()))
    assert only(found, "secrets-not-looked-at").facts["user"] == "onecard"
    assert wrong(found) == []
    assert "key-store-unusable" in wrong(examined(keys=Kept(OSError(5, "Input/output error"))))


def test_a_wrong_file_is_told_with_the_settings_that_are_in_force() -> None:
    faults: list[Fault] = [UnknownKey(key="a"), WrongValue(key="b"), WrongValue(key="c")]
    found = examined(running=status(), wrong=faults)
    assert wrong(found) == ["settings-wrong", "settings-wrong-too", "settings-wrong-too"]
    first = only(found, "settings-wrong")
    assert first.facts == {"file": "/etc/onecard/onecard.toml", "since": "09-21 16:40"}
    assert [f.cause for f in found if f.id.startswith("settings")] == [
        (fault.code, fault.facts) for fault in faults
    ]


def test_a_file_that_the_agent_has_not_read_is_not_what_it_goes_by() -> None:
    file, old = gate("tripod"), gate("console")
    found = only(examined(of=file, running=status(), in_force=old), "settings-not-read")
    assert (found.well, found.facts["settings"]) == (False, "barriers")
    assert "settings-not-read" not in wrong(examined(of=file, running=status(), in_force=file))
    assert "settings-not-read" not in wrong(examined(of=file, running=status()))


def test_settings_that_were_refused_are_told_once_the_file_is_good_again() -> None:
    running = status()
    problem = {"code": "driver.unknown", "facts": {"driver": "horn"}}
    running["settings"]["refused"] = {"time_ms": 1_789_999_000_000, "problems": [problem]}
    found = only(examined(running=running), "settings-refused")
    assert found.facts["time"] == "09-21 21:56"
    assert found.cause == ("driver.unknown", {"driver": "horn"})
    assert wrong(examined(running=running, wrong=[UnknownKey(key="a")])) == ["settings-wrong"]

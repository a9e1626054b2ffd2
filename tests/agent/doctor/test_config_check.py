"""`onecard config check` has every driver look at its options, and touches no device."""

import os
from importlib.resources import files
from pathlib import Path

import pytest

from agent.doctor.config_check import require_usable
from agent.equipment.devices import DRIVER_GROUPS
from agent.identify.code import VERIFIED
from agent.messages.texts import LANGUAGES, Texts
from config.faults import ConfigFault, ConfigInvalid
from config.load import parse
from drivers import registry
from drivers.registry import installed
from world.real import RealWorld

GOOD = """
profile = "library-gate"

[terminal]
id = "gate-1"
city = "519900"

[[readers]]
name = "door"
match = "ACS*"
interface = "contactless"
"""
BARRIER = '[[barriers]]\nname = "board"\ndriver = "{driver}"\noptions = {{ {options} }}\n'


def problems(text: str) -> list[ConfigFault]:
    try:
        require_usable(RealWorld(), parse((GOOD + text).encode(), "box.toml"), "box.toml")
    except ConfigInvalid as fault:
        return list(fault.problems)
    except ConfigFault as fault:
        return [fault]
    return []


def test_a_city_s_own_record_table_has_to_fit(tmp_path: Path) -> None:
    shipped = (files("apdu.transit") / "layouts" / "rail.toml").read_text("utf-8")
    own = shipped.replace('cities = ["*"]', 'cities = ["9901"]').replace('"rail"', '"rail-9901"', 1)
    cases = {
        own: None,
        shipped: "rail, cities: twice",
        own.replace('name = "state"', 'name = "status"'): "rail-9901, state: int 1",
        own.replace(
            'offset = 6, length = 8, kind = "hex"', 'offset = 6, length = 8, kind = "int"'
        ): ("rail-9901, transaction: hex 8"),
        own.replace("number = 0x01", 'number = "one"'): "",
    }
    for text, problem in cases.items():
        path = tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        found = problems(f'[transit]\nlayouts = ["{path}"]\n')
        if problem is None:
            assert found == []
        else:
            assert [fault.code for fault in found] == ["config.layout-misfit"]
            assert problem in str(found[0].facts["problem"])
    [absent] = problems('[transit]\nlayouts = ["/nowhere/rail.toml"]\n')
    assert "/nowhere/rail.toml" in str(absent.facts["problem"])


def test_a_pipe_that_the_settings_name_is_told_at_once(tmp_path: Path) -> None:
    """Nobody writes into it, so to read it would be to wait without a word."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for text in (f'[transit]\nlayouts = ["{pipe}"]\n', f'[keys]\nauthority = "{pipe}"\n'):
        [found] = problems(text)
        assert str(pipe) in str(found.facts)
        assert "not a file" in str(found.facts)


def test_what_every_driver_takes_is_good() -> None:
    assert problems("") == []
    assert problems(BARRIER.format(driver="lcus-relay", options='port = "/dev/not-there"')) == []


@pytest.mark.parametrize(
    ("driver", "options", "code", "key"),
    [
        ("lcus-relay", "", "config.missing-key", "port"),
        ("lcus-relay", 'prot = "x", port = "/dev/x"', "config.unknown-key", "prot"),
        ("lcus-relay", 'port = "/dev/x", baudrate = "fast"', "config.wrong-value", "baudrate"),
        (
            "modbus-relay",
            'port = "/dev/x", sensors = { entri = 1 }',
            "config.unknown-key",
            "sensors.entri",
        ),
    ],
)
def test_an_option_that_the_driver_does_not_take_is_named_with_file_and_device(
    driver: str, options: str, code: str, key: str
) -> None:
    (fault,) = problems(BARRIER.format(driver=driver, options=options))
    assert fault.code == code
    assert fault.facts["file"] == "box.toml"
    assert fault.facts["key"] == f"barriers[board].options.{key}"


@pytest.mark.parametrize(
    ("kind", "driver"),
    [(kind, driver) for kind, group in DRIVER_GROUPS.items() for driver in installed(group)],
)
def test_an_option_that_no_driver_has_is_a_fault_and_no_other_exception(
    kind: str, driver: str
) -> None:
    found = problems(device_of(kind, driver))
    assert [fault.facts["key"] for fault in found if str(fault.facts["key"]).endswith("prot")] == [
        f"{kind}[more].options.prot"
    ]
    assert all(Texts(language).fault(fault) for fault in found for language in LANGUAGES)


def device_of(kind: str, driver: str) -> str:
    """A table with an option that no driver has; readers and inputs are in a lane of their own."""
    reader = 'match = "*"\ninterface = "contactless"\n' if kind == "readers" else ""
    text = f'[[{kind}]]\nname = "more"\ndriver = "{driver}"\n{reader}options = {{ prot = 1 }}\n'
    if kind in ("readers", "scanners", "documents"):
        text += f'[[lanes]]\nname = "more"\ndirection = "exit"\n{kind} = ["more"]\n'
    return text


def test_a_driver_without_options_is_told_so() -> None:
    (fault,) = problems('[[barriers]]\nname = "gate"\noptions = { port = "/dev/ttyUSB0" }\n')
    assert fault.code == "config.nothing-to-set"
    assert fault.facts["key"] == "barriers[gate].options.port"


def test_all_options_of_a_device_that_do_not_fit_are_told_at_once() -> None:
    options = 'prot = "x", baudrate = 5, exit = "left"'
    told = problems(BARRIER.format(driver="lcus-relay", options=options))
    keys = {str(fault.facts["key"]).rpartition(".")[2] for fault in told}
    assert keys == {"prot", "port", "baudrate", "exit"}


def test_what_only_the_driver_can_judge_is_told_in_its_words() -> None:
    options = 'port = "/dev/x", sensors = { entry = 9 }'
    (fault,) = problems(BARRIER.format(driver="modbus-relay", options=options))
    assert (fault.code, fault.facts["key"]) == ("config.driver-misfit", "barriers[board].options")
    assert "8 inputs" in str(fault.facts["problem"])


def test_a_driver_that_is_not_installed_is_told_with_those_that_are() -> None:
    (fault,) = problems(BARRIER.format(driver="no-such", options=""))
    assert (fault.code, fault.facts["key"]) == ("config.wrong-value", "barriers[board].driver")
    assert "console" in str(fault.facts["allowed"])


def test_a_driver_that_lacks_a_library_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise registry.DriverBroken(kind="onecard.readers", driver=name, missing="smartcard")

    monkeypatch.setattr(registry, "reader_driver", broken)
    (fault,) = problems("")
    assert fault.facts["problem"] == "smartcard"


def test_all_problems_are_told_at_once() -> None:
    text = BARRIER.format(driver="no-such", options="")
    text += '[[readers]]\nname = "sam"\ndriver = "none"\nmatch = "x"\ninterface = "sam"\n'
    assert len(problems(text)) == 2


def test_a_reason_that_does_not_exist_is_told_before_the_daemon_meets_it() -> None:
    (fault,) = problems('[results.repeatd]\nlamp = "red"\n')
    assert (fault.code, fault.facts["key"]) == ("config.unknown-key", "results.repeatd")
    assert fault.facts["nearest"] == "repeated"


class Service(RealWorld):
    """A box on which the service's user may read what is not `kept`."""

    def __init__(self, *kept: str) -> None:
        super().__init__()
        self.kept = kept

    def may_read(self, path: Path, user: str) -> bool:
        assert user == "onecard"
        return str(path) not in self.kept


def test_each_file_that_the_service_may_not_read_is_named_though_root_may() -> None:
    text = GOOD + (
        '[sync]\nhost = "mqtt.city.example"\nca = "/e/ca.pem"\ncertificate = "/e/own.pem"\n'
        'key = "/e/own.key"\n'
    )
    settings = parse(text.encode(), "/e/box.toml")
    require_usable(Service(), settings, "/e/box.toml")
    with pytest.raises(ConfigInvalid) as caught:
        require_usable(Service("/e/own.key", "/e/box.toml"), settings, "/e/box.toml")
    found = {(fault.facts["key"], fault.facts["path"]) for fault in caught.value.problems}
    assert found == {("", "/e/box.toml"), ("sync.key", "/e/own.key")}
    assert {fault.code for fault in caught.value.problems} == {"config.file-denied"}


def test_a_code_that_nobody_verifies_here_is_told_before_it_is_refused_each_time() -> None:
    rule = '[[codes]]\nname = "{name}"\nresolve = "{resolve}"\n'
    [found] = problems(rule.format(name="library-ticket", resolve="offline"))
    assert found.facts["key"] == "codes[library-ticket].resolve"
    assert "onecard-ticket" in str(found.facts["allowed"])
    assert problems(rule.format(name="library-ticket", resolve="platform")) == []
    for name in VERIFIED:
        assert problems(rule.format(name=name, resolve="offline")) == []


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("modbus-relay", 'port = "/dev/x", sensors = { entry = 1, exit = 1 }'),
        ("gpio", "entry = 4, sensors = { exit = 7, forced = 7 }"),
    ],
)
def test_an_input_that_would_tell_two_things_is_told(driver: str, options: str) -> None:
    board = BARRIER.format(driver=driver, options=options)
    assert [fault.code for fault in problems(board)] == ["config.driver-misfit"]
    assert problems(board.replace("exit = 1", "exit = 2").replace("exit = 7", "exit = 8")) == []


def test_a_program_is_refused_by_answers_only_where_they_are_asked_for() -> None:
    refuse = '[facade]\nstanding = "refuse"\n'
    [problem] = problems(refuse)
    assert (problem.code, problem.facts["key"]) == ("config.needs-key", "facade.standing")
    asking = '[scene]\ncheck = "ask"\n[[status.services]]\nname = "platform"\nkind = "mqtt"\n'
    assert "facade.standing" not in {fault.facts.get("key") for fault in problems(asking + refuse)}

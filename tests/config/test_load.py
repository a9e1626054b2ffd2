"""A wrong configuration names file, key, what was found and what is allowed; all at once."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import faults
from config.faults import ConfigFault
from config.load import MAX_BYTES, load, merge, parse, profiles, read_document, settle
from config.model import AgentSettings, SceneSettings
from world.real import RealWorld

EXAMPLE = Path(__file__).parents[2] / "packaging" / "onecard.toml"

WHOLE = """
[terminal]
id = "t1"
city = "519900"
[scene]
kind = "library-gate"
[[readers]]
name = "door"
match = "*PICC*"
interface = "contactless"
[[readers]]
name = "psam"
match = "*SAM*"
interface = "sam"
[[barriers]]
name = "gate"
[[prompts]]
name = "panel"
[[lanes]]
name = "entry"
direction = "entry"
readers = ["door"]
barrier = "gate"
prompts = ["panel"]
"""


def problems(text: str) -> list[ConfigFault]:
    with pytest.raises(ConfigFault) as caught:
        parse(text.encode(), "box.toml")
    assert all(problem.facts["file"] == "box.toml" for problem in caught.value.problems)
    return list(caught.value.problems)


def only(text: str) -> ConfigFault:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def changed(old: str, new: str) -> str:
    assert WHOLE.count(old) == 1, old
    return WHOLE.replace(old, new)


def test_a_whole_file_becomes_settings() -> None:
    agent = parse(WHOLE.encode(), "box.toml")
    assert agent.terminal.id == "t1"
    assert agent.lanes[0].readers == ("door",)
    assert agent.sync is None


def test_the_shipped_example_is_valid() -> None:
    agent = load(RealWorld(), EXAMPLE)
    assert agent.profile == "library-gate"
    assert agent.sync is not None


def test_the_shipped_example_shows_every_key() -> None:
    def keys(shape: type[msgspec.Struct]) -> set[str]:
        return {field.name for field in msgspec.structs.fields(shape)}

    text = EXAMPLE.read_text(encoding="utf-8")
    shapes = [
        AgentSettings,
        *(s for s in AgentSettings.__annotations__.values() if isinstance(s, type)),
    ]
    for key in set().union(*(keys(s) for s in shapes if issubclass(s, msgspec.Struct))):
        if key not in {"barriers", "prompts"}:  # from the profile
            assert any(
                form in text
                for form in (f"{key} =", f"[{key}]", f"[[{key}]]", f"[{key}.", f".{key}]")
            ), key


def test_several_problems_leave_as_one_fault() -> None:
    text = changed('city = "519900"', "city = 519900\ncolour = 1") + "[sync]\nport = 0\n"
    codes = sorted(f"{p.code} {p.facts['key']}" for p in problems(text))
    assert codes == [
        "config.missing-key sync.host",
        "config.unknown-key terminal.colour",
        "config.wrong-value sync.port",
        "config.wrong-value terminal.city",
    ]
    with pytest.raises(faults.ConfigInvalid) as caught:
        parse(text.encode(), "box.toml")
    assert caught.value.facts["count"] == 4


def test_an_unknown_key_suggests_the_nearest() -> None:
    problem = only(changed('match = "*PICC*"', 'match = "*PICC*"\noption = {}'))
    assert isinstance(problem, faults.UnknownKey)
    assert problem.facts["key"] == "readers[door].option"
    assert problem.facts["nearest"] == "options"
    assert "interface" in str(problem.facts["allowed"])


def test_an_unknown_keys_value_is_not_repeated() -> None:
    problem = only(WHOLE + '[sync]\nhost = "localhost"\npassword = "correct-horse"\n')
    assert "correct-horse" not in f"{problem} {problem!r}"


@pytest.mark.parametrize("key", ["key", "password_secret"])
def test_a_pasted_secret_is_not_repeated(key: str) -> None:
    text = WHOLE + f'[sync]\nhost = "localhost"\n{key} = "-----CORRECT HORSE"\n'
    wrong = [p for p in problems(text) if p.code == "config.wrong-value"]
    assert [p.facts["found"] for p in wrong] == ["str"]


def test_a_wrong_value_shows_found_and_allowed() -> None:
    problem = only(changed('interface = "contactless"', 'interface = "nfc"'))
    assert problem.facts == {
        "file": "box.toml",
        "key": "readers[door].interface",
        "found": '"nfc"',
        "allowed": '"contact" | "contactless" | "sam"',
    }


def test_a_lane_where_nobody_can_show_anything_is_refused() -> None:
    found = problems(changed('readers = ["door"]', "readers = []"))
    assert faults.MissingKey in map(type, found)
    assert {str(problem.facts["key"]) for problem in found} == {
        "readers[door]",
        "lanes[entry].readers",
    }


@pytest.mark.parametrize("rule", ["shortest = 9\nlongest = 8", 'prefix = "LIB-2026-"\nlongest = 8'])
def test_a_code_that_no_text_can_be_is_refused(rule: str) -> None:
    problem = only(f'{WHOLE}[[codes]]\nname = "ticket"\n{rule}\n')
    assert problem.facts["key"] == "codes[ticket].longest"
    assert problem.facts["allowed"] == "integer ≥ 9"


def test_codes_of_one_look_have_one_rule() -> None:
    rules = '[[codes]]\nname = "{}"\n{}\n'
    for look in ('prefix = "LIB-"', 'characters = "digits"\nshortest = 8\nlongest = 8'):
        problem = only(WHOLE + rules.format("ticket", look) + rules.format("badge", look))
        assert (problem.code, problem.facts["key"]) == ("config.wrong-value", "codes[badge]")
        assert problem.facts["allowed"] == "≠ codes[ticket]"
    apart = rules.format("ticket", 'prefix = "LIB-"') + rules.format("badge", 'prefix = "LI"')
    nominated = rules.format("tencent", "") + rules.format("bank", "")
    parse((WHOLE + apart + nominated).encode(), "box.toml")


@pytest.mark.parametrize("kind", ["scanners", "documents"])
def test_a_lane_may_live_of_scanners_or_documents_alone(kind: str) -> None:
    text = changed('readers = ["door"]', f'{kind} = ["eye"]').replace(
        'interface = "contactless"', 'interface = "sam"'
    )
    agent = parse(f'{text}\n[[{kind}]]\nname = "eye"\ndriver = "x"\n'.encode(), "box.toml")
    assert agent.lanes[0].readers == ()


def test_a_scanner_is_in_one_lane_and_a_name_means_one_device() -> None:
    lonely = WHOLE + '[[scanners]]\nname = "eye"\ndriver = "camera"\n'
    alone = only(lonely)
    assert isinstance(alone, faults.ReaderWithoutLane)
    assert (alone.facts["key"], alone.facts["list"]) == ("scanners[eye]", "scanners")
    twice = lonely.replace('readers = ["door"]', 'readers = ["door"]\nscanners = ["eye", "eye"]')
    assert isinstance(only(twice), faults.ReaderInTwoLanes)
    shared = changed('readers = ["door"]', 'readers = ["door"]\nscanners = ["gate"]')
    shared += '[[scanners]]\nname = "gate"\ndriver = "camera"\n'
    assert isinstance(only(shared), faults.DuplicateName)


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        (
            changed('prompts = ["panel"]', 'prompts = ["panel", "panel"]'),
            "lanes[entry].prompts",
            "panel",
        ),
        (
            changed('id = "t1"', 'id = "t1"\npsam_numbers = ["00000000000A", "00000000000a"]'),
            "terminal.psam_numbers",
            "00000000000A",
        ),
        ("[offline_codes]\ngate_groups = [3, 4, 3]\n", "offline_codes.gate_groups", "3"),
        ('[transit]\nlayouts = ["/a.toml", "/a.toml"]\n', "transit.layouts", "/a.toml"),
    ],
)
def test_what_stands_twice_in_a_list_is_named(text: str, key: str, found: str) -> None:
    problem = only(text if "[terminal]" in text else f"{WHOLE}{text}")
    assert isinstance(problem, faults.DuplicateName)
    assert (problem.facts["key"], problem.facts["found"]) == (key, found)


def test_a_table_without_name_is_named_by_its_place() -> None:
    text = WHOLE + '[[prompts]]\ndriver = "console"\n'
    assert only(text).facts["key"] == "prompts[#2].name"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "t1"', 'id = "t1\\n"', "terminal.id"),
        ('id = "t1"', 'id = "t1"\ndata = "var"', "terminal.data"),
        ('id = "t1"', f'id = "t1"\nsocket = "/{"s" * 107}"', "terminal.socket"),
        ('id = "t1"', "id = 1979-05-27", "terminal.id"),
        ('readers = ["door"]', 'readers = "door"', "lanes[entry].readers"),
        ('match = "*PICC*"', 'match = ""', "readers[door].match"),
        ('match = "*PICC*"', 'match = "a\\u0000b"', "readers[door].match"),
        ('match = "*PICC*"', 'match = "x"\noptions = {a = 1979-05-27}', "readers[door].options.a"),
    ],
)
def test_a_value_out_of_its_type_is_refused(old: str, new: str, key: str) -> None:
    problem = only(changed(old, new))
    assert isinstance(problem, faults.WrongValue)
    assert str(problem.facts["key"]).startswith(key)


@pytest.mark.parametrize(
    ("old", "new", "fault", "key"),
    [
        ('name = "psam"', 'name = "door"', faults.DuplicateName, "readers"),
        ('barrier = "gate"', 'barrier = "gte"', faults.UnknownName, "lanes[entry].barrier"),
        ('prompts = ["panel"]', 'prompts = ["x"]', faults.UnknownName, "lanes[entry].prompts"),
        ('prompts = ["panel"]', 'staff = ["x"]', faults.UnknownName, "lanes[entry].staff"),
        (
            'prompts = ["panel"]',
            'prompts = ["panel"]\nstaff = ["panel"]',
            faults.DuplicateName,
            "lanes[entry].prompts, lanes[entry].staff",
        ),
        ('interface = "sam"', 'interface = "contact"', faults.ReaderWithoutLane, "readers[psam]"),
        ('["door"]', '["door", "psam"]', faults.SamInLane, "lanes[entry].readers"),
        ('["door"]', '["door", "door"]', faults.ReaderInTwoLanes, "readers[door]"),
        ('["door"]', '["door", "slot"]', faults.UnknownName, "lanes[entry].readers"),
    ],
)
def test_lanes_and_devices_fit_together(
    old: str, new: str, fault: type[ConfigFault], key: str
) -> None:
    matching = [p for p in problems(changed(old, new)) if isinstance(p, fault)]
    assert [p.facts["key"] for p in matching] == [key]


def test_no_lane_is_refused() -> None:
    text = "lanes = []\n" + WHOLE[: WHOLE.index("[[lanes]]")]
    assert {p.facts["key"] for p in problems(text)} == {"lanes"}


@pytest.mark.parametrize(
    ("sync", "code", "key"),
    [
        ('host = "localhost"\nkey = "/k"', "config.needs-key", "sync.key"),
        ('host = "::1"\nca = "/a"\ncertificate = "/c"', "config.needs-key", "sync.certificate"),
        ('host = "127.0.0.1"\npassword_secret = "p"', "config.needs-key", "sync.password_secret"),
        ('host = "mqtt.city.example"', "config.plain-link", "sync.host"),
        ('host = "mqtts://city.example"\nca = "/a"', "config.wrong-value", "sync.host"),
    ],
)
def test_the_links_settings_fit_together(sync: str, code: str, key: str) -> None:
    problem = only(f"{WHOLE}[sync]\n{sync}\n")
    assert (problem.code, problem.facts["key"]) == (code, key)


CLIENT = 'name = "his"\nuser = "his"\npurpose = "p"\n'
LAB = CLIENT.replace("his", "lab", 1)
PAGE = 'origin = "https://his.example"\nhost = "localhost:1"\n'


@pytest.mark.parametrize(
    ("clients", "code", "key"),
    [
        ([CLIENT, CLIENT], "config.duplicate-name", "facade.clients"),
        ([CLIENT, LAB], "config.duplicate-name", "facade.clients[lab].user"),
        ([CLIENT, LAB + PAGE], "config.duplicate-name", "facade.clients[lab].user"),
        ([CLIENT.replace('user = "his"\n', "")], "config.missing-key", "facade.clients[his].user"),
        ([CLIENT + 'host = "localhost:1"'], "config.needs-key", "facade.clients[his].host"),
        ([CLIENT + 'lanes = ["exit"]'], "config.unknown-name", "facade.clients[his].lanes"),
        ([CLIENT + 'origin = "https://x/y"'], "config.wrong-value", "facade.clients[his].origin"),
        ([CLIENT + "pin_shortest = 3"], "config.wrong-value", "facade.clients[his].pin_shortest"),
        (
            [CLIENT + "pin_shortest = 8\npin_longest = 6"],
            "config.wrong-value",
            "facade.clients[his].pin_longest",
        ),
        ([CLIENT + 'users = ["clerk"]'], "config.needs-key", "facade.clients[his].users"),
        ([CLIENT + 'users = ["a b"]'], "config.wrong-value", "facade.clients[his].users[#1]"),
        (
            [CLIENT + PAGE, CLIENT.replace("his", "lab") + PAGE],
            "config.duplicate-name",
            "facade.clients[lab].origin",
        ),
        ([CLIENT + "capabilities = 1"], "config.wrong-value", "facade.clients[his].capabilities"),
    ],
)
def test_the_clients_of_the_interface_fit_together(clients: list[str], code: str, key: str) -> None:
    text = WHOLE + "[facade]\n" + "".join(f"[[facade.clients]]\n{c}\n" for c in clients)
    assert (code, key) in {(p.code, str(p.facts["key"]).split("[0]")[0]) for p in problems(text)}


@pytest.mark.parametrize("port", ["0", "00", "65536", "99999", "1x", "b:1", "", "-1", "1" * 30])
def test_a_client_s_port_is_one_that_a_page_can_have(port: str) -> None:
    page = '{CLIENT}origin = "https://his.example{origin}"\nhost = "localhost:{host}"\n'
    for name, origin, host in (("origin", f":{port}", "1"), ("host", "", port)):
        client = page.format(CLIENT=CLIENT, origin=origin, host=host)
        problem = only(f"{WHOLE}[facade]\nport = 8686\n[[facade.clients]]\n{client}")
        assert problem.code == "config.wrong-value"
        assert problem.facts["key"] == f"facade.clients[his].{name}"


@pytest.mark.parametrize("port", ["1", "80", "8686", "09999", "10000", "59999", "65499", "65535"])
def test_every_port_that_there_is_may_be_a_client_s(port: str) -> None:
    page = f'{CLIENT}origin = "https://his.example:{port}"\nhost = "localhost:{port}"\n'
    parse(f"{WHOLE}[facade]\nport = 8686\n[[facade.clients]]\n{page}".encode(), "box.toml")


def test_only_at_a_counter_may_cards_wait_for_a_program() -> None:
    gate = changed('direction = "entry"', 'direction = "entry"\ntaps = false')
    assert only(gate).facts["key"] == "lanes[entry].taps"
    parse(gate.replace('direction = "entry"', 'direction = "counter"').encode(), "box.toml")


def test_a_file_that_is_no_utf_8_says_what_it_is_and_where() -> None:
    with pytest.raises(faults.ConfigEncoding) as caught:
        parse(b"a = 1\n\n# \xff", "box.toml")
    assert caught.value.facts == {"file": "box.toml", "found": "–", "line": 3, "column": 3}


@pytest.mark.parametrize("save", [b"\xef\xbb\xbf%b", b"%b\r\n"])
def test_a_file_from_a_windows_editor_is_taken(save: bytes) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    raw = save % text.replace("\n", "\r\n").encode()
    assert parse(raw, "box.toml") == parse(text.encode(), "box.toml")


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b"a = 1\nb = = 2\n", 2, 5),
        (b"a = 1\nb = {", 2, 6),
        (b"a = " + b"1" * 5000, 1, 1),
        (b"a = " + b"[" * 5000, 1, 1),
    ],
)
def test_a_syntax_error_names_line_and_column(raw: bytes, line: int, column: int) -> None:
    with pytest.raises(faults.ConfigSyntax) as caught:
        parse(raw, "box.toml")
    assert (caught.value.facts["line"], caught.value.facts["column"]) == (line, column)


def test_an_absent_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(faults.ConfigAbsent) as caught:
        load(RealWorld(), tmp_path / "none.toml")
    assert caught.value.facts["file"] == str(tmp_path / "none.toml")


def test_an_unreadable_file_says_why(tmp_path: Path) -> None:
    class Denied(RealWorld):
        def open(self, path: Path, mode: str, *, regular: bool = False) -> IO[bytes]:
            raise PermissionError(13, "Permission denied", str(path))

    with pytest.raises(faults.ConfigUnreadable) as caught:
        load(Denied(), tmp_path / "box.toml")
    assert caught.value.facts["cause"] == "Permission denied"
    with pytest.raises(faults.ConfigUnreadable):
        load(RealWorld(), tmp_path)


def test_a_file_without_end_is_not_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(faults.ConfigTooLarge):
        load(RealWorld(), path)


def test_the_own_file_wins_over_its_profile() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "l": [{"name": "p", "x": 1, "y": 1}, {"name": "q"}]}
    over = {"a": {"y": [3]}, "l": [{"name": "r"}, {"name": "p", "y": 2}]}
    assert merge(base, over) == {
        "a": {"x": 1, "y": [3]},
        "l": [{"name": "p", "x": 1, "y": 2}, {"name": "q"}, {"name": "r"}],
    }


def test_merging_hides_no_duplicate() -> None:
    base = {"l": [{"name": "p"}]}
    merged = merge(base, {"l": [{"name": "p", "x": 1}, {"name": "p", "x": 2}]})
    assert merged == {"l": [{"name": "p", "x": 1}, {"name": "p", "x": 2}]}


def test_of_another_scene_than_the_profiles_no_options_are_left() -> None:
    same = 'profile = "library-gate"\n' + WHOLE
    other = same.replace('kind = "library-gate"', 'kind = "reading-room"')
    assert parse(same.encode(), "box.toml").scene.options == {"repeat_window": 8.0}
    assert parse(other.encode(), "box.toml").scene == SceneSettings(kind="reading-room")


def test_an_unknown_profile_lists_those_that_exist() -> None:
    problem = only('profile = "libary-gate"\n' + WHOLE)
    assert isinstance(problem, faults.UnknownProfile)
    assert problem.facts["allowed"] == "bus, library-gate, metro-gate, service-window"


# What a profile's lane calls its reader, and what it cannot do without.
NEEDS = {
    "bus": (["validator"], ""),
    "library-gate": (["door"], ""),
    "metro-gate": (["entry", "exit"], '[transit]\nline = "M1"\nstation = "M11"'),
    "service-window": (["desk"], '[sync]\nhost = "localhost"'),
}


@pytest.mark.parametrize("name", profiles())
def test_a_profile_needs_only_terminal_readers_and_whom_it_asks(name: str) -> None:
    readers, more = NEEDS[name]
    text = f"""
        profile = "{name}"
        [terminal]
        id = "t1"
        city = "519900"
        """
    for reader in readers:
        text += f"""
        [[readers]]
        name = "{reader}"
        match = "*"
        interface = "contactless"
        """
    text += more
    assert parse(text.encode(), "box.toml").profile == name


STATUS = """
[sync]
host = "localhost"
[status]
default = "platform"
[[status.services]]
name = "platform"
kind = "mqtt"
[[status.services]]
name = "sichuan"
kind = "https"
regions = ["51"]
mapping = "/etc/onecard/sichuan.toml"
"""


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ('default = "platform"', 'default = "nobody"', "config.unknown-name", "status.default"),
        ('host = "localhost"', "", "config.missing-key", "sync.host"),
        (
            'mapping = "/etc/onecard/sichuan.toml"',
            "",
            "config.missing-key",
            "status.services[sichuan].mapping",
        ),
        (
            'regions = ["51"]',
            'regions = ["5100"]',
            "config.wrong-value",
            "status.services[sichuan].regions[#1]",
        ),
        (
            'regions = ["51"]',
            'regions = ["51", "51"]',
            "config.duplicate-name",
            "status.services[…].regions",
        ),
        ('name = "sichuan"', 'name = "platform"', "config.duplicate-name", "status.services"),
        (
            'regions = ["51"]',
            'certificate = "/x"',
            "config.needs-key",
            "status.services[sichuan].certificate",
        ),
    ],
)
def test_a_mistake_in_the_status_services_is_named(old: str, new: str, code: str, key: str) -> None:
    assert parse((WHOLE + STATUS).encode(), "box.toml").status.default == "platform"
    assert STATUS.count(old) == 1
    problem = only(WHOLE + STATUS.replace(old, new))
    assert (problem.code, problem.facts["key"]) == (code, key)


def test_a_scene_that_asks_needs_somebody_to_ask() -> None:
    problem = only(changed('kind = "library-gate"', 'kind = "library-gate"\ncheck = "ask"'))
    assert (problem.code, problem.facts["key"]) == ("config.needs-key", "scene.check")


def test_the_platform_as_status_service_needs_the_link() -> None:
    problem = only(WHOLE + STATUS.replace('[sync]\nhost = "localhost"', ""))
    assert problem.facts["key"] == "status.services[platform].kind"


# What people and accidents make of a file: never anything but settings or a ConfigFault.

_TABLES = ("terminal", "scene", "readers", "lanes", "barriers", "prompts", "sync", "keys")
_NAMES = ("profile", "id", "city", "kind", "name", "match", "direction", "host", "options", "键")
_KEYS = st.sampled_from([*_TABLES, *_NAMES, ""])
_LEAVES = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text("a0-/\n键", max_size=8),
    st.sampled_from(["door", "entry", "sam", "contactless", "519900", "/x", "library-gate"]),
    st.dates(),
    st.datetimes(),
    st.times(),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


def settings_or_fault(attempt: Callable[[], AgentSettings]) -> None:
    try:
        agent = attempt()
    except ConfigFault as fault:
        if not fault.problems:
            pytest.fail(f"{fault!r} names no problem")
    else:
        assert isinstance(agent, AgentSettings)


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_config_fault(raw: bytes) -> None:
    settings_or_fault(lambda: parse(raw, "box.toml"))


@given(st.dictionaries(_KEYS, _VALUES, max_size=6))
def test_any_document_is_settings_or_a_config_fault(document: dict[str, object]) -> None:
    settings_or_fault(lambda: settle(document, "box.toml"))


@given(st.lists(_KEYS, min_size=1, max_size=3), _VALUES)
def test_any_single_change_is_settings_or_a_config_fault(way: list[str], value: object) -> None:
    document = tomllib.loads(WHOLE)
    table: object = document
    for key in way[:-1]:
        table = table.get(key, table) if isinstance(table, dict) else table
        table = table[0] if isinstance(table, list) else table
    if isinstance(table, dict):
        table[way[-1]] = value
    settings_or_fault(lambda: settle(document, "box.toml"))


@given(st.integers(0, len(WHOLE)), st.integers(0, 12), st.text("[]{}=\"'\n#.,a1-", max_size=4))
def test_any_slip_of_the_pen_is_settings_or_a_config_fault(at: int, cut: int, put: str) -> None:
    text = WHOLE[:at] + put + WHOLE[at + cut :]
    settings_or_fault(lambda: parse(text.encode(), "box.toml"))


def test_a_receiver_needs_a_vehicle() -> None:
    gnss = '[journey]\ngnss = { port = "/dev/ttyS1" }\n'
    problem = only(WHOLE + gnss)
    assert isinstance(problem, faults.NeedsKey)
    assert problem.facts["key"] == "journey.gnss"
    agent = parse((WHOLE + '[vehicle]\nid = "bus-1"\n' + gnss).encode(), "box.toml")
    assert agent.vehicle is not None
    assert agent.vehicle.id == "bus-1"


@pytest.mark.parametrize(
    ("key", "instead"), [("line", "vehicle.line"), ("station", "journey.gnss")]
)
def test_where_a_vehicle_is_stands_in_one_place(key: str, instead: str) -> None:
    standing = f'[transit]\n{key} = "9"\n'
    assert parse((WHOLE + standing).encode(), "box.toml").transit
    problem = only(f'{WHOLE}[vehicle]\nid = "bus-1"\n{standing}')
    assert isinstance(problem, faults.SaidTwice)
    assert (problem.facts["key"], problem.facts["allowed"]) == (f"transit.{key}", instead)


def test_the_file_of_the_command_line_may_be_a_pipe_and_one_that_settings_name_may_not(
    tmp_path: Path,
) -> None:
    """`--config <(…)` has a writer; a pipe that has none would be waited for without a word."""
    ours, theirs = os.pipe()
    os.write(theirs, WHOLE.encode())
    os.close(theirs)
    assert load(RealWorld(), Path(f"/proc/self/fd/{ours}")).terminal.id == "t1"
    os.close(ours)
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    with pytest.raises(faults.ConfigUnreadable) as caught:
        read_document(RealWorld(), pipe)
    assert caught.value.facts == {"file": str(pipe), "cause": "not a file"}


def test_a_key_of_very_many_parts_is_told_with_its_line() -> None:
    fault = only(f"{WHOLE}{'.'.join('a' * 12_000)} = 1\n")
    assert isinstance(fault, faults.ConfigSyntax)
    assert fault.facts["line"] == WHOLE.count("\n") + 1
    assert fault.facts["cause"] == "more than 100 dots in a key"

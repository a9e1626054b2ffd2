"""Whatever is done to a good file, it is settings or a fault; keys are checked as values are."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agent.doctor.config_check import require_usable
from config import faults
from config.load import parse, settle
from config.model import AgentSettings
from tests.config.mutations import DOCUMENTS, EXAMPLE, Document, mutated
from tests.config.test_load import WHOLE, only
from world.real import RealWorld

RAW = EXAMPLE.read_bytes()
MANY = examples(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def test_control_what_is_changed_was_good() -> None:
    for document in DOCUMENTS:
        assert isinstance(settle(document, "box.toml"), AgentSettings)


@MANY
@given(mutated())
def test_any_document_is_settings_or_one_fault(document: Document) -> None:
    try:
        agent = settle(document, "box.toml")
    except faults.ConfigFault:
        return
    with suppress(faults.ConfigFault):
        require_usable(RealWorld(), agent, "box.toml")


@MANY
@given(st.integers(0, len(RAW)), st.integers(0, 40), st.binary(max_size=8))
def test_any_bytes_are_settings_or_one_fault(at: int, without: int, instead: bytes) -> None:
    with suppress(faults.ConfigFault):
        parse(RAW[:at] + instead + RAW[at + without :], "box.toml")


@pytest.mark.parametrize(
    ("text", "fault", "key"),
    [
        ('[results.Repeated]\nlamp = "red"\n', faults.WrongKey, "results.Repeated"),
        ('[classes.Senior]\nlamp = "red"\n', faults.WrongKey, "classes.Senior"),
        ('[classes."敬老"]\nlamp = "red"\n', faults.WrongKey, 'classes."敬老"'),
        ('[classes.""]\nlamp = "red"\n', faults.WrongKey, 'classes.""'),
        (f"[classes.{'a' * 33}]\n", faults.WrongKey, f"classes.{'a' * 33}"),
        (
            '[results.repeated]\nwords = { bo = "x" }\n',
            faults.UnknownKey,
            "results.repeated.words.bo",
        ),
        (
            '[classes.senior.words]\nZH = "x"\n',
            faults.UnknownKey,
            "classes.senior.words.ZH",
        ),
    ],
)
def test_keys_are_checked_as_values_are(
    text: str, fault: type[faults.ConfigFault], key: str
) -> None:
    problem = only(WHOLE + text)
    assert type(problem) is fault
    assert problem.facts["key"] == key
    assert problem.facts["allowed"]


@pytest.mark.parametrize("host", ["a..b", ".", f"{'a' * 64}.city", "-" * 254, "中.example", ""])
def test_a_host_that_cannot_be_looked_up_is_refused(host: str) -> None:
    problem = only(WHOLE + f'[sync]\nca = "/ca.pem"\nhost = "{host}"\n')
    assert problem.facts["key"] == "sync.host"


@pytest.mark.parametrize("host", ["localhost", "mqtt.city.example", "10.0.0.1", "::1", "a.b."])
def test_control_a_host_that_can_be_looked_up_is_taken(host: str) -> None:
    agent = parse((WHOLE + f'[sync]\nca = "/ca.pem"\nhost = "{host}"\n').encode(), "box.toml")
    assert agent.sync is not None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[results.repeated]\nvoice = "a\\u0000b"\n', "results.repeated.voice"),
        ('[results.repeated]\nvoice = "../a"\n', "results.repeated.voice"),
        ('[results.repeated]\nwords = { zh = "\\u001b[2J" }\n', "results.repeated.words.zh"),
        (f'[sync]\nhost = "localhost"\nusername = "{"u" * 70_000}"\n', "sync.username"),
        (f'[sync]\nhost = "localhost"\nnamespace = "{"n/" * 40_000}n"\n', "sync.namespace"),
    ],
)
def test_words_that_a_device_or_a_wire_cannot_take_are_refused(text: str, key: str) -> None:
    problem = only(WHOLE + text)
    assert isinstance(problem, faults.WrongValue)
    assert problem.facts["key"] == key


@pytest.mark.parametrize("socket", ["/run/a.sock", "/run//a.sock", "/run/x/../a.sock"])
def test_business_programs_do_not_call_at_the_agents_own_socket(socket: str) -> None:
    text = WHOLE.replace("[scene]", 'socket = "/run/a.sock"\n[scene]')
    problem = only(text + f'[facade]\nsocket = "{socket}"\n')
    assert problem.facts["key"] == "facade.socket"

"""libsscard against a service that is absent, of another version, slow, or lies."""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.facade import wire
from agent.facade.c import build
from tests.agent.facade.c.conftest import Built, Caller, CallerOf, ended_well
from tests.agent.facade.c.service import Service, echo, sends, silent

GOOD = wire.answer(0, "好|".encode("gbk"))
HEAD = wire.MAGIC + bytes((wire.VERSION,))


def framed(body: bytes, length: int | None = None) -> bytes:
    return struct.pack(">I", len(body) if length is None else length) + body


@contextmanager
def calling(built: Built, socket: Path | str) -> Iterator[Caller]:
    caller = Caller(built.program, built.library, socket)
    yield caller
    ended_well(caller)


def test_every_text_is_the_chinese_above_it() -> None:
    source = (build.FOLDER / "texts.h").read_text(encoding="utf-8")
    texts = re.findall(r"/\* (.+) \*/\n#define TEXT_\w+ ((?:\\\n +\".*\" ?)+)", source)
    assert len(texts) == source.count("#define TEXT_")
    for chinese, literals in texts:
        pieces = re.findall(r'"(.*)"', literals)
        spelled = b"".join(
            bytes.fromhex(piece.replace("\\x", "")) if "\\x" in piece else piece.encode()
            for piece in pieces
        )
        assert spelled.decode("gbk") == chinese
        assert len(spelled) < 1024


def test_no_service_says_what_to_do(checked: Built, tmp_path: Path) -> None:
    with calling(checked, tmp_path / "nobody.sock") as caller:
        answer = caller.call("iReadCardBas 3")
    assert answer.result == -12
    assert "请启动 onecard 服务" in answer.text


def test_a_socket_file_that_a_dead_service_left_is_no_service(
    checked: Built, tmp_path: Path
) -> None:
    with Service(tmp_path / "left.sock"):
        pass
    assert (tmp_path / "left.sock").exists()
    with calling(checked, tmp_path / "left.sock") as caller:
        assert caller.call("iReadCardBas 3").result == -12


def test_a_service_that_starts_later_is_found(checked: Built, tmp_path: Path) -> None:
    with calling(checked, tmp_path / "late.sock") as caller:
        assert caller.call("iReadCardBas 3").result == -12
        with Service(tmp_path / "late.sock"):
            assert caller.call("iReadCardBas 3").result == 0
            caller.end()


def test_a_path_that_is_too_long_is_named(checked: Built) -> None:
    with calling(checked, "/" + "x" * 108) as caller:
        answer = caller.call("iReadCardBas 3")
    assert answer.result == -12
    assert "ONECARD_SSCARD_SOCKET" in answer.text


@pytest.mark.parametrize("body", [b"SSC\x02", b"SSC\x00" + b"\0" * 8, b"SSC\xff new fields"])
def test_a_service_of_another_version_says_to_install_its_library(
    checked: Built, caller_of: CallerOf, service: Service, body: bytes
) -> None:
    service.behaviour = sends(framed(body), then_end=True)
    caller = caller_of(checked)
    answer = caller.call("iReadCardBas 3")
    assert answer.result == -13
    assert "请装与本机一致的 libsscard" in answer.text
    service.behaviour = echo  # and once it is installed, all is well
    assert caller.call("iReadCardBas 3").result == 0


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(b"\xff\xff\xff\xff" + b"x" * 100, id="a huge length"),
        pytest.param(framed(b"x" * 100, wire.MAX_BODY + 1), id="a length just too large"),
        pytest.param(framed(b""), id="no body"),
        pytest.param(framed(b"SSC"), id="less than a head"),
        pytest.param(framed(HEAD), id="no result"),
        pytest.param(framed(HEAD + b"\0\0\0"), id="half a result"),
        pytest.param(framed(HEAD + b"\0" * 4), id="no output"),
        pytest.param(framed(b"GET /" + b" " * 40), id="another protocol"),
        pytest.param(framed(HEAD + b"\0" * 4 + b"\0\0\0\x05abcd"), id="an output that is short"),
        pytest.param(framed(HEAD + b"\0" * 4 + b"\0\0\0\x03abcd"), id="something behind it"),
        pytest.param(framed(HEAD + b"\0" * 4 + b"\xff\xff\xff\xffabcd"), id="a huge output"),
        pytest.param(wire.answer(1, b"fine"), id="a positive result"),
        pytest.param(wire.answer(0, b"cut\0short"), id="a NUL in the output"),
        pytest.param(GOOD[:-1], id="a body that ends early"),
        pytest.param(framed(HEAD, 60_000), id="a body that hardly begins"),
    ],
)
def test_a_lie_is_a_bad_checksum_and_the_next_call_a_new_line(
    checked: Built, caller_of: CallerOf, service: Service, lie: bytes
) -> None:
    service.behaviour = sends(lie, then_end=True)
    caller = caller_of(checked)
    answer = caller.call("iReadCardBas 3")
    assert answer.result == -15
    assert "onecard" in answer.text
    assert answer.whole
    service.behaviour = echo
    assert caller.call("iReadCardBas 3").text == "iReadCardBas|3|"


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_service_that_dies_before_its_answer_is_asked_once_only(
    checked: Built, caller_of: CallerOf, service: Service, cut: int
) -> None:
    service.behaviour = sends(GOOD[:cut], then_end=True)
    answer = caller_of(checked).call("iVerifyPIN 3")
    assert answer.result == -12
    assert "结果未知" in answer.text
    assert len(service.calls) == 1  # a PIN's tries are not spent twice


def test_an_answer_byte_by_byte_is_an_answer(
    checked: Built, caller_of: CallerOf, service: Service
) -> None:
    service.behaviour = sends(*(bytes((byte,)) for byte in GOOD))
    assert caller_of(checked).call("iReadCardBas 3").text == "好|"


@pytest.mark.parametrize("begun", [b"", GOOD[:2], GOOD[:-1]])
def test_a_service_that_does_not_answer_ends_the_call_in_time(
    hurried: Built, caller_of: CallerOf, service: Service, begun: bytes
) -> None:
    service.behaviour = sends(begun) if begun else silent
    caller = caller_of(hurried)
    late = caller.call("iReadCardBas 3")
    assert late.result == -12
    assert "没有应答" in late.text
    service.behaviour = echo  # what was late is not taken for the next answer
    assert caller.call("iReadCardBas 4").text == "iReadCardBas|4|"
    assert service.connections == 2


def test_two_answers_to_one_call_do_not_serve_the_next(
    checked: Built, caller_of: CallerOf, service: Service
) -> None:
    service.behaviour = sends(GOOD + wire.answer(0, b"of somebody else|"))
    caller = caller_of(checked)
    assert caller.call("iReadCardBas 3").text == "好|"
    service.behaviour = echo
    assert caller.call("iReadCardBas 4").text == "iReadCardBas|4|"


@given(body=st.binary(max_size=80), well_begun=st.booleans())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_answer_is_an_answer_or_an_error(
    checked: Built, caller_of: CallerOf, service: Service, body: bytes, well_begun: bool
) -> None:
    body = HEAD + body if well_begun else body
    service.behaviour = sends(framed(body), then_end=True)
    answer = caller_of(checked).call("iReadCardBas 3")
    assert answer.whole
    try:
        expected = wire.read_answer(body)
    except wire.FrameVersion:
        expected = (-13, b"")
    except wire.FrameFault:
        expected = (-15, b"")
    if expected[0] > 0 or b"\0" in expected[1]:
        expected = (-15, b"")
    assert answer.result == expected[0]
    assert answer.output == expected[1] or expected[0] in (-13, -15)

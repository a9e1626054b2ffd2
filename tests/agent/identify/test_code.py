"""Which code it is: first bytes nominate, layouts confirm, and nothing is guessed."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.identify.code import BUILT_IN, LONGEST, CodeIdentifier, Router
from agent.identify.identity import Presented, Unidentified
from agent.messages.reasons import Reason
from config.model import CodeRule

TICKET = CodeRule(
    name="ticket",
    resolve="platform",
    prefix="LIB-",
    characters="digits",
    shortest=12,
    longest=16,
)
SERVICE = CodeRule(name="service-code", resolve="platform", prefix="https://zwfw.city.example/")
ROUTER = Router([TICKET, SERVICE, CodeRule(name="ministry-three-level", resolve="offline")])


def three_level(first: int = 0x80, rest: int = 329) -> bytes:
    return bytes([first]) + rest.to_bytes(2, "big") + b"\x24" + bytes(rest - 1)


def name_of(content: bytes) -> str | None:
    routed = ROUTER.route(content)
    return routed.name if routed else None


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (three_level(), "ministry-three-level"),
        (three_level(0x55), "ministry-three-level"),
        (three_level(0xE4, rest=361), "ministry-three-level"),
        (b"\x81" + bytes(225), "ministry-two-level"),
        (b"\x54\x01" + bytes(80), "alipay-city"),
        (b"\x54\x02" + bytes(80), "alipay-city"),
        (b"\x02\x01" + bytes(80), "alipay-bus"),
        (b"TXA0123456789", "tencent"),
        (b"6223456789012345678", "bank"),
        (b"LIB-12345678", "ticket"),
        (b"https://zwfw.city.example/c?t=1", "service-code"),
        ("https://zwfw.city.example/张".encode(), "service-code"),
    ],
)
def test_each_code_is_known_by_its_name(content: bytes, name: str) -> None:
    assert name_of(content) == name


UNSEEN = ["\n", "\r\n", " ", "\t", "\0", "\ufeff", "\u200b", "\u3000", "\x03", "\u2028"]


@given(st.lists(st.sampled_from(UNSEEN), max_size=4), st.lists(st.sampled_from(UNSEEN), max_size=4))
def test_what_nobody_sees_around_a_text_is_no_part_of_it(
    before: list[str], after: list[str]
) -> None:
    for text in ("LIB-12345678", "TXA0123456789", "6223456789012345678", "OCT:made up"):
        content = f"{''.join(before)}{text}{''.join(after)}".encode()
        if content[:2] != b"\x02\x01":
            routed = ROUTER.route(content)
            assert routed is not None
            assert routed.content == text.encode()


@pytest.mark.parametrize(
    "content", [three_level(), b"\x54\x01" + b"\r\n", b"\x81" + bytes(224) + b"\n"]
)
def test_a_binary_code_is_passed_on_with_every_byte(content: bytes) -> None:
    routed = ROUTER.route(content)
    assert routed is not None
    assert routed.content == content


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"LIB-12345678\r\nLIB-87654321\r\n", [b"LIB-12345678", b"LIB-87654321"]),
        (three_level() + b"\r\nLIB-12345678", [three_level(), b"LIB-12345678"]),
        (b"\x54\x01" + bytes(80) + b"\rLIB-12345678", [b"\x54\x01" + bytes(80), b"LIB-12345678"]),
        (b"LIB-12345678\r\nwhatever", None),
        (b"\x81\r\n" + bytes(223), None),  # confirmed by its length
        (b"LIB-12345678\n", None),
        (b"\r\n", None),
        (b"", None),
    ],
)
def test_a_stretch_comes_apart_where_each_part_is_a_known_code(
    content: bytes, parts: list[bytes] | None
) -> None:
    assert list(ROUTER.apart(content)) == (parts or [content])


@pytest.mark.parametrize(
    "content",
    [
        three_level()[:-1],  # length field and length differ
        three_level().replace(b"\x24", b"\x25", 1),  # no issuer certificate
        b"\x80",
        b"U",  # 0x55 is a letter too
        "社保".encode(),  # UTF-8 Chinese begins at 0xE4
        b"\x53\x01" + bytes(80),
        b"62234567890123456x",
        b"TX0123456789\nLIB-1",  # several, or none
        b"OCT:made up\rTX",
        b"TX01234\x0056789",
        b"LIB-1234567",  # too short
        b"LIB-1234567890123",  # too long
        b"LIB-1234567a",
        b"lib-12345678",
        b"",
        b"\xff" * (LONGEST + 1),
    ],
)
def test_what_no_layout_confirms_is_unknown(content: bytes) -> None:
    assert name_of(content) is None


def test_the_citys_own_text_goes_before_one_that_is_only_nominated() -> None:
    own = CodeRule(name="own", prefix="TX-CITY-")
    routed = Router([own]).route(b"TX-CITY-0001")
    assert routed is not None
    assert routed.name == "own"


@given(st.binary(max_size=LONGEST + 8))
@example(b"\x80\x00\x00")
@example(b"62\0")
def test_any_bytes_are_routed_or_unknown(content: bytes) -> None:
    routed = ROUTER.route(content)
    if routed is not None:
        assert routed.content in content  # a text is passed on bare
        assert ROUTER.route(routed.content) == routed
        assert routed.name in {*BUILT_IN, "ticket", "service-code"}


@given(st.text(string.printable, min_size=1, max_size=600))
def test_a_long_or_odd_text_costs_no_more_than_its_length(text: str) -> None:
    ROUTER.route(text.encode())


class Known:
    """A resolver that says who it is."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []

    def resolve(self, name: str, content: bytes) -> Presented:
        self.asked.append((name, content))
        return Unidentified(f"code:{name}", Reason.BLACKLISTED)


def test_a_code_goes_to_the_resolver_that_its_rule_names() -> None:
    offline, platform = Known(), Known()
    desk = CodeIdentifier(ROUTER, {"offline": offline, "platform": platform})
    assert desk.read(b"LIB-12345678").credential == "code:ticket"
    assert desk.read(three_level()).credential == "code:ministry-three-level"
    assert [name for name, _ in platform.asked] == ["ticket"]
    assert [name for name, _ in offline.asked] == ["ministry-three-level"]


@pytest.mark.parametrize(
    ("content", "credential", "reason"),
    [
        (b"hello", "code", Reason.CODE_UNKNOWN),
        (b"TXA0123456789", "code:tencent", Reason.CODE_NOT_HERE),
        (b"LIB-12345678", "code:ticket", Reason.CODE_UNRESOLVED),
    ],
)
def test_every_other_code_is_refused_with_a_reason_of_its_own(
    content: bytes, credential: str, reason: Reason
) -> None:
    presented = CodeIdentifier(ROUTER, {}).read(content)
    assert isinstance(presented, Unidentified)
    assert (presented.credential, presented.reason) == (credential, reason)


def test_no_content_shows_in_what_is_passed_on() -> None:
    assert "12345678" not in repr(ROUTER.route(b"LIB-12345678"))

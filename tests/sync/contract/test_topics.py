"""Who sends stands in the topic; what is not of the tree is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.contract.topics import (
    Place,
    asker,
    envelope_name,
    request_filter,
    sender,
    shared,
    up_filter,
)
from sync.faults import MessageMalformed

GATE = Place("onecard/v1", "990100", "gate-1")


def test_a_terminal_has_a_tree_of_its_own() -> None:
    assert GATE.up("events") == "onecard/v1/990100/gate-1/up/events"
    assert GATE.down("receipt") == "onecard/v1/990100/gate-1/down/receipt"
    assert GATE.down("list", "blacklist") == "onecard/v1/990100/gate-1/down/list/blacklist"
    assert GATE.listens() == (
        "onecard/v1/990100/gate-1/down/#",
        "onecard/v1/990100/@all/down/#",
    )


def test_the_sender_is_read_from_the_topic() -> None:
    assert sender("onecard/v1", GATE.up("applied")) == GATE
    assert shared("platform", up_filter("onecard/v1", "events")) == (
        "$share/platform/onecard/v1/+/+/up/events"
    )


def test_kind_and_name_are_read_from_the_topic() -> None:
    assert envelope_name("onecard/v1", GATE.down("list", "blacklist")) == ("list", "blacklist")
    assert envelope_name("onecard/v1", GATE.down("receipt")) == ("receipt", "")


def test_a_request_says_who_asks_which_service() -> None:
    assert GATE.request("hsm") == "onecard/v1/990100/gate-1/up/request/hsm"
    assert GATE.response("hsm") == "onecard/v1/990100/gate-1/down/response/hsm"
    assert asker("onecard/v1", GATE.request("sign-in")) == (GATE, "sign-in")
    assert request_filter("onecard/v1", "code") == "onecard/v1/+/+/up/request/code"


@pytest.mark.parametrize(
    "topic",
    [
        "onecard/v1/990100/gate-1/up/request/hsm/x",
        "onecard/v1/990100/gate-1/up/request/",
        "onecard/v1/990100/gate-1/up/request/money",
        "onecard/v1/990100/gate-1/down/request/hsm",
        "onecard/v1/990100/@all/up/request/hsm",
        "onecard/v1/990100/gate-1/up/events",
    ],
)
def test_nobody_asks_outside_the_tree(topic: str) -> None:
    with pytest.raises(MessageMalformed):
        asker("onecard/v1", topic)


@given(st.text(max_size=60))
def test_a_foreign_topic_is_refused(topic: str) -> None:
    for read in (sender, asker, envelope_name):
        with pytest.raises(MessageMalformed):
            read("onecard/v1", topic)


@pytest.mark.parametrize(
    "topic",
    [
        "onecard/v1/990100/gate-1/down/events",
        "onecard/v1/a/b/c/up/events",
        "onecard/v1//gate-1/up/events",
        "onecard/v1/990100//up/events",
        "onecard/v1/990100/@all/up/events",
        "onecard/v1/990100/gate 1/up/events",
    ],
)
def test_nobody_sends_outside_the_tree(topic: str) -> None:
    with pytest.raises(MessageMalformed):
        sender("onecard/v1", topic)

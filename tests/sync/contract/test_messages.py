"""Whatever bytes come in: a message of the contract or a Fault, never more memory than promised."""

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.contract import messages
from sync.contract.messages import Applied, Range, Receipt, State
from sync.faults import MessageMalformed, MessageTooLarge
from tests.hostile import HOSTILE_JSON
from tests.sync.journal import EPOCH, Row, row

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


@given(bodies=st.lists(texts, min_size=1, max_size=60), limit=st.integers(1, 50))
def test_what_is_packed_comes_out_again(bodies: list[str], limit: int) -> None:
    rows = [row(seq, body) for seq, body in enumerate(bodies, 7)]
    packed = messages.pack(rows, limit)
    batch = messages.decode_batch(packed.payload)
    assert [item.body for item in batch.items] == bodies[:limit]
    assert (packed.first, packed.last) == (7, 6 + min(limit, len(bodies)))
    assert (batch.header.first, batch.header.last) == (packed.first, packed.last)


def test_a_batch_is_of_one_epoch_and_without_a_gap() -> None:
    other = "f" * 32
    assert messages.pack([row(1), row(2), row(4)]).last == 2
    assert messages.pack([row(1), Row(other, 2, "x", "0" * 64, "0" * 64)]).last == 1


def test_a_batch_never_inflates_above_the_cap() -> None:
    rows = [row(seq, '"' * messages.MAX_BODY) for seq in range(1, 51)]
    packed = messages.pack(rows)
    assert 1 <= packed.last < 50
    assert messages.decode_batch(packed.payload).header.size <= messages.MAX_INFLATED


def test_an_oversized_row_is_sent_without_its_text() -> None:
    packed = messages.pack([row(1, "x" * (messages.MAX_BODY + 1)), row(2, "small")])
    assert [item.body for item in messages.decode_batch(packed.payload).items] == ["", "small"]


def test_a_bomb_is_refused_before_it_inflates() -> None:
    header = messages.pack([row(1)]).payload.partition(b"\n")[0]
    with pytest.raises(MessageTooLarge):
        messages.decode_batch(header + b"\n" + zlib.compress(b"[" + b" " * 50_000_000))


def test_a_header_may_not_announce_more_than_the_cap() -> None:
    header = json.loads(messages.pack([row(1)]).payload.partition(b"\n")[0])
    header["size"] = messages.MAX_INFLATED + 1
    with pytest.raises(MessageMalformed):
        messages.decode_header(json.dumps(header).encode() + b"\n")


@given(st.binary(max_size=600))
def test_any_bytes_are_a_fault_not_a_surprise(payload: bytes) -> None:
    for decode in (
        messages.decode_batch,
        messages.decode_receipt,
        messages.decode_state,
        messages.decode_applied,
    ):
        with pytest.raises((MessageMalformed, MessageTooLarge)):
            decode(payload)


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_a_malformed_message(name: str) -> None:
    raw = HOSTILE_JSON[name][: messages.MAX_JSON]
    for decode in (messages.decode_receipt, messages.decode_state, messages.decode_applied):
        with pytest.raises(MessageMalformed):
            decode(raw)
    with pytest.raises(MessageMalformed):
        messages.decode_header(raw.replace(b"\n", b"")[: messages.MAX_HEADER - 1] + b"\n")
    if 2 <= len(raw) <= messages.MAX_INFLATED:
        header = json.loads(messages.pack([row(1)]).payload.partition(b"\n")[0])
        said = json.dumps({**header, "size": len(raw)}).encode()
        with pytest.raises(MessageMalformed):
            messages.decode_batch(said + b"\n" + zlib.compress(raw))


@settings(max_examples=200)
@given(flip=st.integers(0, 10_000), mask=st.integers(1, 255))
def test_a_flipped_byte_never_gives_other_rows_unnoticed(flip: int, mask: int) -> None:
    payload = bytearray(messages.pack([row(1), row(2)]).payload)
    payload[flip % len(payload)] ^= mask
    try:
        batch = messages.decode_batch(bytes(payload))
    except (MessageMalformed, MessageTooLarge):
        return
    # zlib's own checksum covers the items; only the header's epoch can pass with another value.
    assert [item.body for item in batch.items] == [row(1).body, row(2).body]
    assert (batch.header.first, batch.header.last) == (1, 2)


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(MessageMalformed):
        messages.decode_state(b'{"held":' + b"[" * 50_000)


@pytest.mark.parametrize(
    "message",
    [
        Receipt(epoch=EPOCH, seq=3, gaps=(Range(first=5, last=6),), quarantined=(2,)),
        State(session="0" * 16, state="online", held={"list/blacklist": 3}),
        Applied(kind="list", name="blacklist", version=3, result="refused", code="envelope.forged"),
    ],
)
def test_the_small_messages_come_out_again(message: Receipt | State | Applied) -> None:
    payload = messages.encode(message)
    decoded: Receipt | State | Applied
    match message:
        case Receipt():
            decoded = messages.decode_receipt(payload)
        case State():
            decoded = messages.decode_state(payload)
        case Applied():
            decoded = messages.decode_applied(payload)
    assert decoded == message


def test_a_newer_end_may_say_more() -> None:
    payload = b'{"v":1,"epoch":"%s","seq":0,"weather":"fine"}' % EPOCH.encode()
    assert messages.decode_receipt(payload).seq == 0

"""Whatever a service sends is three answers or a named fault, and nothing of it is repeated."""

import codecs
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.status_check.faults import StatusServiceFault
from agent.status_check.mapping import Mapping, Signature
from agent.status_check.signing import Signer, in_order
from agent.status_check.wire import Told, Wire, read, written
from simulators.city.provinces import _mac
from sync.contract.services import StatusAnswer, StatusRequest
from tests.offline_store.support import MemoryKeys

NONCE = "00112233445566778899aabbccddeeff"
SHARED = b"made-up key of 32 bytes, shared."


def mapping(**answer: object) -> Mapping:
    return msgspec.convert(
        {
            "request": {
                "url": "https://status.example/ask",
                "format": "json",
                "fields": {"a.number": "number", "a.time": "time", "nonce": "nonce"},
                "constants": {"a.app": "x"},
            },
            "answer": {
                "holder": {"path": "data.holder", "values": {"1": "normal", "2": "deceased"}},
                "card": {"path": "data.cards.0", "values": {"1": "normal", "2": "lost"}},
                **answer,
            },
        },
        Mapping,
    )


FULL = mapping(
    success={"path": "code", "values": ["0"]},
    errors={"7": "busy"},
    business={"path": "data.business", "values": {"true": "normal"}},
    at={"path": "data.at", "form": "unix"},
    echo="nonce",
)
GOOD = {
    "code": 0,
    "nonce": NONCE,
    "data": {"holder": "1", "cards": [1], "business": True, "at": 1_790_000_000},
}


def told(document: object) -> Told:
    return Told(json.dumps(document).encode(), {})


def wire(how: Mapping = FULL) -> Wire:
    return Wire("river", how, sign=None, verify=None)


def changed(path: str, value: object) -> dict[str, object]:
    document = json.loads(json.dumps(GOOD))
    *outer, last = path.split(".")
    table = document
    for name in outer:
        table = table[name]
    table[last] = value
    return document  # type: ignore[no-any-return]


def test_the_answer_in_our_words() -> None:
    answer = wire().answer(told(GOOD), NONCE)
    assert [answer.holder.status, answer.card.status, answer.business.status] == ["normal"] * 3
    assert answer.holder.at == 1_790_000_000


def test_what_a_mapping_does_not_ask_for_is_nobodys_business() -> None:
    answer = wire(mapping()).answer(told(GOOD), NONCE)
    assert answer.business.status == "not-asked"


@pytest.mark.parametrize("inside", [None, "result"])
def test_a_byte_order_mark_before_an_answer_is_no_part_of_it(inside: str | None) -> None:
    body = codecs.BOM_UTF8 + json.dumps(GOOD).encode()
    if inside is not None:
        body = codecs.BOM_UTF8 + json.dumps({**GOOD, inside: body.decode()}).encode()
    answer = wire(
        msgspec.structs.replace(FULL, answer=msgspec.structs.replace(FULL.answer, inside=inside))
    ).answer(Told(body, {}), NONCE)
    assert [answer.holder.status, answer.card.status, answer.business.status] == ["normal"] * 3


def test_a_value_without_a_word_is_unknown() -> None:
    assert wire().answer(told(changed("data.holder", "3")), NONCE).holder.status == "unknown"


@pytest.mark.parametrize(
    ("document", "code", "part"),
    [
        (changed("code", 7), "status.refused", None),
        (changed("code", "SECRET"), "status.refused", None),
        (changed("nonce", "other"), "status.bad-signature", None),
        (changed("nonce", None), "status.malformed", "nonce"),
        (changed("data", None), "status.malformed", "data.at"),
        (changed("data", []), "status.malformed", "data.at"),
        (changed("data.at", "soon"), "status.malformed", "data.at"),
        (changed("data.at", -1), "status.malformed", "data.at"),
        (changed("data.at", 1.5), "status.malformed", "data.at"),
        (changed("data.at", 10**14), "status.malformed", "data.at"),
        (changed("data.holder", {}), "status.malformed", "data.holder"),
        (changed("data.holder", None), "status.malformed", "data.holder"),
        (changed("data.holder", 1.0), "status.malformed", "data.holder"),
        (changed("data.cards", []), "status.malformed", "data.cards.0"),
        (changed("data.cards", "1"), "status.malformed", "data.cards.0"),
        ([], "status.malformed", "code"),
        ("", "status.malformed", "code"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(
    document: object, code: str, part: str | None
) -> None:
    with pytest.raises(StatusServiceFault) as caught:
        wire().answer(told(document), NONCE)
    assert caught.value.code == code
    assert caught.value.facts.get("part") == part
    assert "SECRET" not in f"{caught.value!r} {caught.value.facts}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["code", "nonce", "data", "holder", "cards", "business", "at", "sign"])
            | st.text(max_size=4),
            inner,
            max_size=6,
        )
    ),
    max_leaves=24,
)
NAMED = ("status.malformed", "status.refused", "status.bad-signature")
HMAC = {"method": "hmac-sm3", "secret": "k", "over": "fields", "field": "sign"}
SIGNED = mapping(verify=HMAC)


def signed_wire() -> Wire:
    verify = SIGNED.answer.verify
    assert verify is not None
    return Wire(
        "river", SIGNED, sign=None, verify=Signer("river", verify, MemoryKeys(k=SHARED), None)
    )


@given(JSON | st.fixed_dictionaries({"code": JSON, "nonce": JSON, "data": JSON}))
def test_any_json_is_three_answers_or_a_named_fault(document: object) -> None:
    came: list[StatusAnswer | str] = []
    for one in (wire(), wire(mapping()), signed_wire()):
        try:
            came.append(one.answer(told(document), NONCE))
        except StatusServiceFault as fault:
            came.append(fault.code)
    for outcome in came:
        assert isinstance(outcome, StatusAnswer) or outcome in NAMED
    assert not isinstance(came[2], StatusAnswer), "nobody signs by chance"


@given(st.binary(max_size=200) | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe"]))
def test_any_bytes_are_three_answers_or_a_named_fault(body: bytes) -> None:
    for one in (wire(), signed_wire(), wire(mapping(inside="data"))):
        with pytest.raises(StatusServiceFault):
            one.answer(Told(body, {}), NONCE)


@given(st.text(max_size=80), st.sampled_from(["hex", "base64"]))
def test_no_text_but_the_signature_is_one(text: str, encoding: str) -> None:
    how = msgspec.convert({**HMAC, "encoding": encoding}, Signature)
    signer = Signer("river", how, MemoryKeys(k=SHARED), None)
    with pytest.raises(StatusServiceFault) as caught:
        signer.require_signed(b"message", text)
    assert caught.value.code == "status.bad-signature"
    signer.require_signed(b"message", signer.sign(b"message"))


def test_fields_are_signed_in_the_order_of_their_names_without_empty_ones() -> None:
    fields = {"b": "2", "a": "1", "c": "", "B": "3"}
    assert in_order(fields) == b"B=3&a=1&b=2"
    assert _mac(fields) == _mac({"a": "1", "b": "2", "B": "3"})


def test_a_question_is_nested_as_its_names_say() -> None:
    question = StatusRequest(number="1", name="x")
    asking = wire().asking(question, now=1_790_000_000.0, nonce=NONCE)
    assert json.loads(asking.body) == {
        "a": {"app": "x", "number": "1", "time": "20260921221320"},
        "nonce": NONCE,
    }
    assert asking.headers["Content-Type"] == "application/json"
    assert "1" not in repr(asking).partition(" at ")[0].replace("Asking", "")


def test_a_get_asks_in_its_query() -> None:
    how = msgspec.structs.replace(
        FULL,
        request=msgspec.structs.replace(FULL.request, method="GET", format="form"),
    )
    asking = wire(how).asking(StatusRequest(number="甲"), now=0.0, nonce=NONCE)
    assert asking.body == b""
    assert asking.target.startswith("?")
    assert "a.number=%E7%94%B2" in asking.target


@pytest.mark.parametrize("form", ["unix", "unix-ms", "compact", "iso"])
@given(moment=st.integers(0, 4_000_000_000))
def test_a_moment_is_read_as_it_is_written(form: str, moment: int) -> None:
    assert read(written(moment, form), form) == moment  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["unix", "unix-ms", "compact", "iso"])
@given(text=st.text(max_size=24))
def test_any_text_is_a_moment_or_none(form: str, text: str) -> None:
    found = read(text, form)  # type: ignore[arg-type]
    assert found is None or found >= 0

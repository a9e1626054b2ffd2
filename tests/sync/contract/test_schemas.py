"""Structs, schema files, AsyncAPI and topics say the same; every message produced is checked."""

from importlib import resources
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from sync.contract import messages, schemas, services
from sync.contract.messages import Applied, Part, Range, Receipt, State
from sync.contract.services import (
    SERVICES,
    Answer,
    CodeAnswer,
    CodeRequest,
    HsmAnswer,
    HsmRequest,
    ResolvedPerson,
    SignInAnswer,
    SignInRequest,
    StatusAnswer,
    StatusFinding,
    StatusRequest,
)
from sync.contract.topics import Place
from tests.sync.journal import EPOCH, MemoryJournal

FOLDER = resources.files("sync.contract") / "schemas"
SERVICE: Any = "{service}"
ASYNCAPI = resources.files("sync.contract") / "asyncapi.yaml"


def stored(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes())
    return schema


def check(name: str, payload: bytes) -> None:
    schema = stored(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(msgspec.json.decode(payload))


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(ASYNCAPI.read_text())
    return loaded


def test_files_are_made_from_the_structs() -> None:
    made = msgspec.json.decode(msgspec.json.encode(schemas.generate()))
    assert {name: stored(name) for name in made} == made, "run: python -m sync.contract.schemas"
    assert {entry.name for entry in FOLDER.iterdir()} == {f"{name}.json" for name in made}


def test_produced_messages_fit_their_schemas() -> None:
    receipt = Receipt(
        epoch=EPOCH, seq=9, hash="a" * 64, gaps=(Range(first=11, last=12),), quarantined=(3,)
    )
    check("receipt", messages.encode(receipt))
    check("receipt", messages.encode(Receipt(epoch=EPOCH, seq=0)))
    check("state", messages.encode(State(session="0" * 16, state="online", held={"list/x": 1})))
    check("applied", messages.encode(Applied(kind="list", name="x", version=1, result="applied")))


def test_produced_batches_fit_their_schemas() -> None:
    journal = MemoryJournal("gate-1")
    journal.add(3)
    payload = messages.pack(journal.unreceipted(3)).payload
    header = payload.partition(b"\n")[0]
    check("batch-header", header)
    batch = messages.decode_batch(payload)
    check("items", msgspec.json.encode(batch.items))
    for item in batch.items:
        check("event", item.body.encode())


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("receipt", b'{"v":1,"epoch":"no","seq":0}'),
        ("receipt", b'{"v":2,"epoch":"00000000000000000000000000000000","seq":0}'),
        ("state", b'{"v":1,"session":"0000000000000000","state":"asleep"}'),
        ("items", b"[]"),
        ("event", b'{"kind":"tap"}'),
    ],
)
def test_control_what_is_no_message_fits_no_schema(name: str, payload: bytes) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(name, payload)


def test_asyncapi_names_every_topic() -> None:
    place = Place("{namespace}", "{city}", "{terminal}")
    ours = {place.up(channel) for channel in ("events", "state", "applied")}
    ours.add(place.down("receipt"))
    ours |= {place.down(kind, "{name}") for kind in ("list", "config", "keys", "command")}
    ours |= {place.request(SERVICE), place.response(SERVICE)}
    channels = document()["channels"]
    assert {channel["address"] for channel in channels.values()} == ours
    operations = document()["operations"].values()
    used = {operation["channel"]["$ref"] for operation in operations}
    used |= {each["reply"]["channel"]["$ref"] for each in operations if "reply" in each}
    assert used == {f"#/channels/{name}" for name in channels}


def test_asyncapi_refers_to_every_schema_and_nothing_else() -> None:
    found = set(references(document()))
    files = {each.removeprefix("./schemas/") for each in found if each.startswith("./schemas/")}
    assert files == {entry.name for entry in FOLDER.iterdir()}
    for inside in found - {f"./schemas/{name}" for name in files}:
        part: Any = document()
        for step in inside.removeprefix("#/").split("/"):
            part = part[step]


def test_asyncapi_names_every_service_and_its_messages() -> None:
    channels = document()["channels"]
    for channel in (channels["request"], channels["response"]):
        assert channel["parameters"]["service"]["enum"] == list(SERVICES)
        assert len(channel["messages"]) == len(SERVICES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hsm-request", HsmRequest(message="02|519900|…|")),
        ("hsm-answer", HsmAnswer(error="unknown-region")),
        ("status-request", StatusRequest(region="519900", number="1")),
        ("status-answer", StatusAnswer(card=StatusFinding(status="lost", at=1_790_000_000))),
        ("code-request", CodeRequest(code="AAAA")),
        ("code-answer", CodeAnswer(outcome="resolved", person=ResolvedPerson(number="1"))),
        ("sign-in-request", SignInRequest(act="begin", purpose="staff")),
        ("sign-in-answer", SignInAnswer(state="PENDING", token="t", content="c")),
    ],
)
def test_requests_and_answers_fit_their_schemas_and_come_out_again(
    name: str, message: Part
) -> None:
    payload = services.encode(message)
    check(name, payload)
    assert services.decode(payload, type(message)) == message


@pytest.mark.parametrize("name", [f"{service}-answer" for service in SERVICES])
def test_an_error_alone_is_an_answer_of_every_service(name: str) -> None:
    check(name, services.encode(Answer(error="too-large")))


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [each for value in part.values() for each in references(value)]
    if isinstance(part, list):
        return [each for value in part for each in references(value)]
    return []

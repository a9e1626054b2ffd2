"""Files and PIN recorded and replayed: to the same end, and nobody's."""

from pathlib import Path

import pytest

from apdu.replay import replay
from apdu.social_security.file_address import FileData
from apdu.trace import Exchange, Flow, Trace, parse
from contracts.secrets_probe import Probe
from tests.traces.recording import (
    CITY,
    FILES,
    KINDS,
    NEW_PIN,
    ORDER,
    PIN,
    PIN_FLOWS,
    WRONG_PIN,
    Kind,
    Recorded,
    all_of_the_folder,
    card_of_kind,
    record_files,
    record_session,
)

BY_KIND = pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: f"{kind[0].value} {kind[2].value}"
)


def names_nobody(trace: Trace) -> None:
    """The holder, the card, and digits of each PIN however they were packed."""
    raw = bytes(trace)
    planted: dict[str, str | bytes] = {
        "number": ORDER.holder.number,
        "name": ORDER.holder.name,
        "card number": ORDER.card_number,
        "card": bytes.fromhex(CITY.card_id(ORDER.serial))[6:],
        "transaction": ORDER.transactions[0].row[3:16],
        "made-up record": b"142" + bytes(4),
        "changed PIN": bytes.fromhex(PIN) + b"\xff" + bytes.fromhex(NEW_PIN + "F"),
    }
    Probe(planted).check("trace", raw)
    for line in trace.exchanges:
        for pin in (PIN, WRONG_PIN, NEW_PIN[:6]):
            assert pin not in line.command + line.answer


def replays(recorded: Recorded) -> tuple[FileData, ...]:
    trace = parse(bytes(recorded.trace))
    names_nobody(trace)
    replayed = replay(trace)
    assert replayed.as_recorded, (replayed.fault, recorded.fault)
    assert replayed.proven
    return tuple(replayed.files)


@BY_KIND
@pytest.mark.parametrize("address", FILES.values(), ids=list(FILES))
def test_files_by_key_replay_with_values_as_long(kind: Kind, address: str) -> None:
    recorded = record_files(card_of_kind(kind), address)
    assert recorded.fault is None
    files = replays(recorded)
    assert isinstance(recorded.result, tuple)
    for real, made_up in zip(recorded.result, files, strict=True):
        assert real.address == made_up.address
        assert len(real.values) == len(made_up.values)
        for value, other in zip(real.values, made_up.values, strict=True):
            parts = [len(part) for part in value.split("^")]
            if not value.isdecimal():  # amounts are as long as their number
                assert len(parts) == len(other.split("^"))


@BY_KIND
def test_files_by_pin_replay(kind: Kind) -> None:
    assert replays(record_files(card_of_kind(kind), FILES["rows"], pin=PIN))


@BY_KIND
def test_a_wrong_pin_is_as_wrong_again_and_its_tries_are_there(kind: Kind) -> None:
    recorded = record_files(card_of_kind(kind), FILES["rows"], pin=WRONG_PIN)
    assert recorded.trace.header.ended == "card.wrong-pin"
    replays(recorded)
    assert "63C5" in [line.answer for line in recorded.trace.exchanges]


@BY_KIND
@pytest.mark.parametrize("name", PIN_FLOWS)
def test_pin_flows_replay(kind: Kind, name: str) -> None:
    recorded = record_session(card_of_kind(kind), Flow(name), PIN_FLOWS[name])
    assert recorded.fault is None
    replays(recorded)


def test_a_pin_command_of_the_key_server_keeps_its_header_alone() -> None:
    recorded = record_session(card_of_kind(KINDS[3]), Flow("reload-pin"), PIN_FLOWS["reload-pin"])
    (command,) = [
        line.command for line in recorded.trace.exchanges if line.command.startswith("8424")
    ]
    assert command == "8424000114" + "00" * 20


def test_the_recorded_traces_of_the_folder_are_those_that_are_recorded_now() -> None:
    """They hold no chance, so a change of flow, redaction or format shows here."""
    folder = Path(__file__).parent
    for name, trace in all_of_the_folder().items():
        names_nobody(trace)
        assert (folder / f"{name}.jsonl").read_bytes() == bytes(trace), (
            f"{name}: if the change is meant, run python -m tests.traces.recording"
        )


def test_control_an_unredacted_exchange_is_found() -> None:
    recorded = record_files(card_of_kind(KINDS[1]), FILES["holder"])
    clear = Exchange(0, 0, "00B2083014", ("0812" + ORDER.holder.number.encode().hex()).upper())
    leaky = Trace(recorded.trace.header, [*recorded.trace.lines, clear])
    with pytest.raises(AssertionError, match="number"):
        names_nobody(leaky)

"""Made-up secrets in every file of a card, looked for in the trace that was written of it."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apdu.channel import CardGone, Transport
from apdu.replay import TraceDiverged, TraceFlowUnknown, replay
from apdu.trace import Exchange, Flow, KeyAnswer, Recorder, Trace, TraceMalformed, parse
from contracts.secrets_probe import Probe
from simulators.cards import Algorithm, Generation, Holder, Interface, face, operating_system
from simulators.cards.faults import wrong_cryptogram, wrong_record_lengths
from simulators.ceremony import seeded
from simulators.channel import CardChannel
from tests.traces.recording import CITY, ORDER, PIN, Ticking, card_of, channel_of, psam, record

SECRET = seeded(b"planted")
BINARIES = {
    name: SECRET(64)
    for name in ("SSSE/EF07", "SSSE/EF08", "DF01/EF16", "DF01/EF1A", "CERT/0012", "CERT/0018")
}
TRANSACTION = SECRET(23)
SELECT = {
    "SSSE": "00A404000F7378312E73682EC9E7BBE1B1A3D5CF",
    "DF01": "00A4040006D15600000500",
    "DF04": "00A4040006D15600000503",
    "PKI": "00A404000C504B492EC9E7BBE1B1A3D5CF",
    "CERT": "00A404000C53532E434552542E41444631",
}
PIN_BCD = bytes.fromhex(PIN)
NEW_PIN = bytes.fromhex("913746")


class Heard:
    """A channel that keeps everything in clear: the control."""

    def __init__(self, inner: CardChannel) -> None:
        self._inner = inner
        self.transport, self.atr = inner.transport, inner.atr
        self.said = inner.atr

    def transmit(self, command: bytes) -> bytes:
        answer = self._inner.transmit(command)
        self.said += command + answer
        return answer


def probe() -> Probe:
    holder = ORDER.holder
    planted: dict[str, str | bytes] = {
        "number": holder.number,
        "name": holder.name,
        "card number": ORDER.card_number,
        "card id": bytes.fromhex(CITY.card_id(ORDER.serial))[6:14],
        "historical bytes": CITY.historical(ORDER.serial)[7:],
        "transaction": TRANSACTION[2:],
        "changed PIN": PIN_BCD + b"\xff" + NEW_PIN,
        **{name: content[2:] for name, content in BINARIES.items()},
    }
    return Probe(planted)


def everything(channel: Heard | Recorder) -> None:
    """All that can be asked of a card, with a PIN and a certificate."""

    def say(command: str) -> bytes:
        answer = channel.transmit(bytes.fromhex(command))
        while answer[-2] == 0x61:
            answer = answer[:-2] + channel.transmit(b"\x00\xc0\x00\x00" + answer[-1:])
        return answer

    def factor(key: str) -> str:
        original, last = (say("0084000008")[:8] for _ in range(2))
        shown = CITY.authentication_data(
            Algorithm.SM4, key, CITY.historical(ORDER.serial), factor=last, original=original
        )
        return (shown + original).hex()

    say(SELECT["SSSE"])
    for tag, sfi, size in ((1, 5, 18), (2, 5, 3), (3, 5, 6), (4, 5, 14), (7, 5, 11)):
        say(f"00B2{tag:02X}{sfi << 3:02X}{size:02X}")
    assert say("0082000A10" + factor("RKSSSE")) == b"\x90\x00"
    for holders, size in ((8, 20), (9, 32), (0x4E, 22), (0xA, 3), (0xB, 3), (0xC, 5), (0xD, 6)):
        say(f"00B2{holders:02X}30{size:02X}")
    for number in range(1, 8):
        say(f"00B2{number:02X}3412")
    for fid in ("EF07", "EF08"):
        say("00A4020002" + fid)
        assert len(say("00B00000FF")) > 64
    assert say("0082000410" + factor("UKSSSE")) == b"\x90\x00"
    again = ORDER.holder.number.encode().hex()
    assert say("00DC08301408" + f"12{again}")[-2:] in (b"\x90\x00", b"\x69\x82", b"\x67\x00")
    say("00D6870040" + BINARIES["SSSE/EF07"].hex())
    assert say("0020000003" + PIN_BCD.hex()) == b"\x90\x00"
    say("805E010007" + (PIN_BCD + b"\xff" + NEW_PIN).hex())
    say("842400010C" + (NEW_PIN * 4).hex())
    say("84CA000008" + BINARIES["SSSE/EF07"][:8].hex())
    say(SELECT["DF01"])
    for sfi in (0x16, 0x1A):
        say(f"00B0{0x80 | sfi:02X}0080")
    say(SELECT["DF04"])
    say("0020000003" + NEW_PIN.hex())
    say("00B2014400")
    say("00B2014417")
    say(SELECT["PKI"])
    say(SELECT["CERT"])
    say("00B0920041")
    say("00B09800FF")


def card() -> CardChannel:
    spec = replace(CITY.card_spec(ORDER), binaries=BINARIES, transactions=(TRANSACTION,))
    return CardChannel(
        face(operating_system(spec), spec.historical, Interface.CONTACT), Transport.T0
    )


def test_nothing_of_all_files_of_a_card_reaches_the_trace() -> None:
    recorder = Recorder(card(), Ticking())
    everything(recorder)
    trace = recorder.trace(Flow("basic"), "0", recorder.authenticator(psam()), None)
    assert len(trace.exchanges) > 50
    probe().check("trace", bytes(trace))
    answers = b"".join(bytes.fromhex(line.command + line.answer) for line in trace.exchanges)
    probe().check("its bytes", answers)
    for secret in (PIN_BCD, NEW_PIN):  # too short for the probe
        assert secret not in answers


def test_control_all_of_it_was_said() -> None:
    heard = Heard(card())
    everything(heard)
    missing = set(probe()._writings) - {leak.secret for leak in probe().leaks("card", heard.said)}
    assert not missing


@given(
    name=st.text(
        "司马欧阳上官·ABC", min_size=6, max_size=20
    ),  # 0, 1, X and 某 are the made-up ones
    number=st.text("23456789", min_size=18, max_size=18),
    card_number=st.text("ABCDEF23456789", min_size=9, max_size=9),
    serial=st.binary(min_size=4, max_size=4),
)
@example(name="司" * 6, number="2" * 18, card_number="2" * 9, serial=bytes(4))  # no check holds
@example(name="司" * 6, number="2" * 15, card_number="d2143569x", serial=bytes(4))
@settings(max_examples=30)
def test_no_holder_is_in_the_trace_of_a_flow(
    name: str, number: str, card_number: str, serial: bytes
) -> None:
    holder = Holder(number, name, "2", "11", number[:6], number[6:14])
    order = replace(
        ORDER, holder=holder, card_number=card_number, serial=serial.hex().upper(), pin=None
    )
    recorded = record(channel_of(card_of(order)))
    raw = bytes(recorded.trace)
    Probe({"number": number, "name": name, "card number": card_number}).check("trace", raw)
    replayed = replay(parse(raw))
    assert replayed.as_recorded
    assert recorded.read is not None
    assert replayed.read is not None
    assert replayed.read.doubts == recorded.read.doubts


@pytest.mark.parametrize("at", range(0, 21, 3))
def test_a_card_that_leaves_leaves_a_trace_that_ends_there(at: int) -> None:
    class Leaving(Heard):
        count = 0

        def transmit(self, command: bytes) -> bytes:
            self.count += 1
            if self.count > at:
                raise CardGone
            return super().transmit(command)

    recorded = record(Leaving(card()))
    assert recorded.trace.header.ended == CardGone.code
    replayed = replay(parse(bytes(recorded.trace)))
    assert replayed.as_recorded
    assert replayed.ended == CardGone.code


@pytest.mark.parametrize("by", [-1, 1, 300])
def test_a_card_with_wrong_records_is_as_wrong_when_it_is_replayed(by: int) -> None:
    spec = CITY.card_spec(replace(ORDER, generation=Generation.V2, algorithm=Algorithm.DES3))
    inside = wrong_record_lengths(operating_system(spec), by=by)
    recorded = record(channel_of(face(inside, spec.historical, Interface.CONTACT)))
    assert recorded.fault is not None
    replayed = replay(parse(bytes(recorded.trace)))
    assert replayed.as_recorded
    assert replayed.fault is not None
    assert replayed.fault.facts == recorded.fault.facts


def test_a_forged_card_is_refused_again() -> None:
    spec = CITY.card_spec(ORDER)
    inside = wrong_cryptogram(operating_system(spec))
    recorded = record(channel_of(face(inside, spec.historical, Interface.CONTACT)))
    assert recorded.trace.header.ended == "card.authentication-failed"
    assert recorded.trace.header.generation == "3.0"
    replayed = replay(parse(bytes(recorded.trace)))
    assert replayed.as_recorded
    assert not replayed.proven


def good_trace() -> Trace:
    return record(channel_of(card_of(ORDER))).trace


def test_the_first_command_that_is_another_ends_the_replay_with_its_place() -> None:
    trace = good_trace()
    lines = list(trace.lines)
    at = next(n for n, line in enumerate(lines) if line_of(line).startswith("00B207"))
    moved = lines[at]
    assert isinstance(moved, Exchange)
    lines[at] = Exchange(moved.at, moved.took, "00B207380B", moved.answer)
    replayed = replay(Trace(trace.header, lines))
    assert not replayed.as_recorded
    assert replayed.ended == TraceDiverged.code
    assert replayed.fault is not None
    assert replayed.fault.facts == {
        "position": at + 1, "expected": "00B207380B", "got": "00B207280B",
    }  # fmt: skip


def test_a_proof_that_is_not_the_expected_one_is_refused() -> None:
    trace = good_trace()
    lines = [
        KeyAnswer(line.at, line.asked, line.key, line.kid, "00" * 8)
        if isinstance(line, KeyAnswer) and line.asked == "internal"
        else line
        for line in trace.lines
    ]
    assert replay(Trace(trace.header, lines)).ended == "card.authentication-failed"


def test_lines_that_nobody_asked_for_are_told() -> None:
    trace = good_trace()
    replayed = replay(Trace(trace.header, [*trace.lines, trace.lines[-1]]))
    assert (replayed.as_recorded, replayed.left) == (False, 1)
    short = replay(Trace(trace.header, trace.lines[:-1]))
    assert short.fault is not None
    assert short.fault.facts["expected"] == "–"


def line_of(line: object) -> str:
    return line.command if isinstance(line, Exchange) else ""


@given(st.integers(0, 5000), st.integers(0, 255))
def test_any_damaged_file_is_a_trace_or_a_fault_with_its_line(at: int, byte: int) -> None:
    raw = bytearray(bytes(good_trace()))
    raw[at % len(raw)] = byte
    try:
        trace = parse(bytes(raw))
        replay(trace)
    except TraceMalformed as fault:
        line = int(fault.facts["line"])
    except TraceFlowUnknown:
        line = 1
    else:
        line = 1
    assert line in range(1, raw.count(b"\n") + 3)

"""The proof of the malicious cards, short; `onecard prove fuzz --inputs N` plays many more.

Beside its control each of its judgements has one here: what it is to find, it finds.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.purse.paying import Payments
from agent.purse.purchase import Presentation
from agent.purse.settling import Proved
from agent.purse.tap_result import TapResult
from apdu.channel import Channel
from apdu.social_security.authentication import Authenticator
from apdu.social_security.files import Generation
from proving.malice.card import GOOD, Lie, MaliciousCard
from proving.malice.flows import EXTERNAL_AUTHENTICATE, Subject, subjects
from proving.malice.keys import KeyServer
from proving.malice.mutators import KINDS, lie
from proving.malice.parsers import Parser, odd, parsers
from proving.proofs import fuzz
from proving.proofs.fuzz import Tally, play
from proving.proofs.mallory import Trusting

SUBJECTS = subjects()
SCRIPTS = [subject.script for subject in SUBJECTS]
PARSERS = parsers(SCRIPTS)


def played(subject: Subject, lies: Sequence[Lie] = ()) -> tuple[Tally, str]:
    tally = Tally()
    card = MaliciousCard(subject.script, lies)
    return tally, play(tally, subject, KeyServer(subject.answers, card))


def named(name: str) -> Subject:
    return next(subject for subject in SUBJECTS if subject.name == name)


def test_no_malicious_card_and_no_odd_bytes_get_through_and_the_control_is_caught() -> None:
    result = fuzz.run(["--inputs", "8000", "--seed", "7"])
    for count in fuzz.MOST:
        assert result[count] == 0, result
    assert result["past_authentication"] >= result["goals"]["past_authentication_min"]
    assert result["control"]["caught"], result
    assert sum(result["depth"].values()) == result["whole_flows"] == 4000
    assert (result["rides"], result["keyless"] >= 80) == (80, True)


@pytest.mark.parametrize("what", ["through", "ended", "confirmed"])
def test_control_a_build_that_takes_unverified_for_paid_is_found(what: str) -> None:
    found = fuzz.rides(7, range(150), Trusting)
    assert getattr(found.came, what) > 0
    assert found.tally.failing


def test_control_an_exception_in_a_payment_is_found_with_its_place() -> None:
    class Broken(Payments):
        def _prove(self, tap: Presentation) -> Proved | TapResult:
            raise IndexError

    found = fuzz.rides(7, range(40), Broken)
    assert found.tally.exceptions > 0
    assert any("_prove" in frame for frame in found.tally.frames)


def test_one_input_can_be_played_again() -> None:
    one, again = (fuzz.run(["--seed", "3", "--only", "41"]) for _ in range(2))
    assert one["inputs"] == 2
    assert one["depth"] == again["depth"]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_a_card_that_does_not_lie_comes_to_the_good_end(subject: Subject) -> None:
    tally, wrong = played(subject)
    assert (wrong, tally.ends[""], tally.past) == ("", 1, 1)
    signs_of_life = tally.depth[len(subject.script.commands) + 1] * (subject.mode == "hsm")
    assert tally.depth[len(subject.script.commands)] + signs_of_life == 1


@given(st.data())
@settings(max_examples=300)
def test_whatever_a_card_says_ends_a_flow_with_a_fault_or_rightly(data: st.DataObject) -> None:
    subject = data.draw(st.sampled_from(SUBJECTS))
    size = len(subject.script.commands)
    chance = data.draw(st.randoms(use_true_random=False))
    places = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=3, unique=True))
    kinds = [data.draw(st.sampled_from(KINDS)) for _ in places]
    lies = [
        lie(chance, subject.script, at, kind, SCRIPTS)
        for at, kind in zip(places, kinds, strict=True)
    ]
    tally, wrong = played(subject, lies)
    assert not wrong, (subject.name, lies, tally.frames)


@given(st.data())
@settings(max_examples=300)
def test_whatever_the_bytes_a_parser_answers_or_raises_a_fault(data: st.DataObject) -> None:
    parser = data.draw(st.sampled_from(PARSERS))
    chance = data.draw(st.randoms(use_true_random=False))
    raw = data.draw(st.one_of(st.binary(max_size=300), st.just(odd(chance, parser.good))))
    tally = Tally()
    assert not fuzz.parse(tally, parser, raw), (parser.name, raw, tally.frames)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_lie_can_be_told_at_every_apdu(kind: str) -> None:
    script = named("basic psam 3.0 SM4 contact").script
    for at in range(len(script.commands)):
        told = lie(Random(at), script, at, kind, SCRIPTS)
        assert told.replies
        assert (told.at, told.kind) == (at, kind)


def refused_at(subject: Subject, ins: int) -> Lie:
    at = next(n for n, command in enumerate(subject.script.commands) if command[1] == ins)
    return Lie(at, "status-word", [b"\x63\xc2"])


def test_a_refused_key_ends_the_flow_and_a_flow_that_goes_on_is_an_accept() -> None:
    subject = named("write psam 3.0 SM4 contact")
    refused = refused_at(subject, EXTERNAL_AUTHENTICATE)
    tally, wrong = played(subject, [refused])
    assert (wrong, tally.ends) == ("", {"card.terminal-refused": 1})

    def careless(card: Channel, keys: Authenticator) -> Generation:
        return subject.run(Deaf(card), keys)

    _, wrong = played(replace(subject, run=careless), [refused])
    assert wrong == "accept"


class Deaf:
    """The control's channel: takes every refusal of a key for a yes."""

    def __init__(self, card: Channel) -> None:
        self._card = card
        self.transport = card.transport
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        return GOOD if command[1] == EXTERNAL_AUTHENTICATE else answer


def test_control_a_try_that_is_spent_twice_is_found() -> None:
    subject = named("verify-pin psam 2.0 DES3 contact")

    def insistent(card: Channel, keys: Authenticator) -> Generation:
        took = subject.run(card, keys)
        verify = next(c for c in subject.script.commands if c[1] == 0x20 and c[4])
        card.transmit(verify)
        return took

    assert played(replace(subject, run=insistent))[1] == "repeated"


def test_a_card_that_says_3_0_is_shown_its_key_once_and_that_is_no_repetition() -> None:
    subject = named("basic hsm 2.0 DES3 contact")
    version = bytes.fromhex("00B203")
    at = next(n for n, c in enumerate(subject.script.commands) if c.startswith(version))
    tally, wrong = played(subject, [Lie(at, "version", [b"\x03\x043.00" + GOOD])])
    assert (wrong, tally.ends) == ("", {"card.status": 1})


def test_control_a_flow_without_end_is_a_hang() -> None:
    subject = named("basic psam 2.0 DES3 contact")

    def endless(card: Channel, keys: Authenticator) -> Generation:
        while True:
            card.transmit(b"\x00\x84\x00\x00\x08")

    assert played(replace(subject, run=endless))[1] == "hang"


def test_control_an_exception_is_found_with_its_place() -> None:
    subject = named("basic psam 2.0 DES3 contact")

    def broken(card: Channel, keys: Authenticator) -> Generation:
        raise IndexError

    tally, wrong = played(replace(subject, run=broken))
    assert wrong == "exception"
    assert "broken" in tally.frames[0]
    tally = Tally()
    assert fuzz.parse(tally, Parser("broken", lambda raw: raw[0], [b"x"]), b"") == "exception"
    assert tally.exceptions == 1


def test_a_proof_of_another_conversation_is_refused() -> None:
    subject, other = named("basic psam 3.0 SM4 contact"), named("basic psam 3.0 DES3 contact")
    at = next(n for n, command in enumerate(subject.script.commands) if command[1] == 0x88) + 1
    tally, wrong = played(subject, [Lie(at, "foreign", [other.script.answers[at]])])
    assert (wrong, tally.ends) == ("", {"card.authentication-failed": 1})

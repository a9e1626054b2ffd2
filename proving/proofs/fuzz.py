"""`onecard prove fuzz`: malicious cards against every flow, purses without a key against the
payments, and odd bytes against every parser.

An input is a seed and a number, so any of them can be played again (`--seed S --only N`). Whole
flows run the product's own code on a card that lies at one or two of its APDUs; what an honest key
server answers is known beforehand, so that the time goes into the product.
"""

import argparse
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import FrameType
from typing import Any, Final

from agent.purse.paying import Payments
from apdu.social_security.authentication import AuthenticationFailed
from proving.malice.card import Hang, Lie, MaliciousCard, Script
from proving.malice.flows import Subject, subjects
from proving.malice.keys import Credulous, KeyServer, Servers, authenticator
from proving.malice.mutators import KINDS, lie
from proving.malice.parsers import Parser, odd, parsers
from proving.malice.rides import Came, ride
from proving.proofs.mallory import Trusting
from simulators.world import TooManySteps
from world import Fault

INPUTS: Final = 20_000
CONTROL_INPUTS: Final = 2_000
RIDES: Final = 100  # so many inputs have one history of purses without a key beside them
CONTROL_RIDES: Final = 150
LATE: Final = 0.6  # so many of the lies are told in the later half of a conversation
TWO: Final = 0.2  # so many inputs are lied to twice
PATIENCE: Final = 10.0  # seconds for one input; one that takes longer hangs
STEP, DEEPEST = 5, 50  # APDUs, of the histogram
SHOWN: Final = 5  # failing inputs that are printed
SHOWN_HEX: Final = 80  # digits of each answer of theirs

MOST = {
    "exceptions": 0, "hangs": 0, "accepts": 0, "repeated": 0,
    "let_in": 0, "ended": 0, "confirmed": 0, "kept_out": 0,
}  # fmt: skip
LEAST = {"past_authentication": 0.30, "whole_flows_per_s": 1000, "parsers_per_s": 20000}


@dataclass
class Tally:
    """What came of some inputs."""

    inputs: int = 0
    exceptions: int = 0
    hangs: int = 0
    accepts: int = 0
    repeated: int = 0
    past: int = 0  # got past the comparison of the card's proof
    seconds: float = 0.0
    depth: Counter[int] = field(default_factory=Counter)  # APDUs that were exchanged
    ends: Counter[str] = field(default_factory=Counter)  # codes of faults; "": the good end
    failing: list[str] = field(default_factory=list)  # how to play them again, and what was said
    frames: list[str] = field(default_factory=list)  # where exceptions came from

    @property
    def per_second(self) -> float:
        return round(self.inputs / self.seconds, 1) if self.seconds else 0.0

    def fail(self, what: str, card: MaliciousCard) -> None:
        """Keep how to play it again, and the conversation."""
        said = " ".join(f"{c.hex()}:{a.hex()[:SHOWN_HEX]}" for c, a in card.said)
        self.failing.append(f"{what}, {said.upper()}")


def run(arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Counts, rates per second of one core's processor time, goals, and the control that must be
    caught.

    `whole_flows` + `parsers` = `inputs`. `depth`: inputs by the number of APDUs that they came to.
    `past_authentication`: share of the whole flows that got past the comparison of the card's
    proof. `accepts`: flows that went to their good end although the card had not proved itself, or
    a key, a PIN or a write had been refused. `repeated`: flows that showed a key or the PIN to
    one application more often than the good flow does.

    `rides` are histories of purses beside them, with `keyless` taps of cards without a key:
    `let_in` of these, payments `ended` that others had open, `confirmed` debits that no card made,
    honest cards `kept_out` as forged.
    """
    options = _options(arguments)
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
        flows, parsed = whole_flows(options.seed, numbers), parser_inputs(options.seed, numbers)
        keyless = rides(options.seed, numbers)
    else:
        flows = whole_flows(options.seed, range(options.inputs // 2))
        parsed = parser_inputs(options.seed, range(options.inputs - options.inputs // 2))
        keyless = rides(options.seed, range(options.inputs // RIDES))
    control = whole_flows(options.seed, range(CONTROL_INPUTS), Credulous)
    trusting = rides(options.seed, range(CONTROL_RIDES), Trusting)
    for tally in (flows, parsed, keyless.tally):
        for line in (*tally.failing[:SHOWN], *tally.frames[:SHOWN]):
            sys.stderr.write(line + "\n")
    found = {
        "exceptions": flows.exceptions + parsed.exceptions + keyless.tally.exceptions,
        "hangs": flows.hangs + parsed.hangs + keyless.tally.hangs,
        "accepts": flows.accepts,
        "repeated": flows.repeated,
        "let_in": keyless.came.through,
        "ended": keyless.came.ended,
        "confirmed": keyless.came.confirmed,
        "kept_out": keyless.came.kept_out,
        "past_authentication": round(flows.past / flows.inputs, 3),
        "whole_flows_per_s": flows.per_second,
        "parsers_per_s": parsed.per_second,
    }
    caught = control.accepts > 0 and trusting.came.through > 0 and trusting.came.ended > 0
    holds = all(found[name] <= most for name, most in MOST.items()) and all(
        found[name] >= least for name, least in LEAST.items()
    )
    return {
        "name": "fuzz",
        "inputs": flows.inputs + parsed.inputs,
        "seed": options.seed,
        "whole_flows": flows.inputs,
        "parsers": parsed.inputs,
        "rides": keyless.tally.inputs,
        "keyless": keyless.came.taps,
        **found,
        "flows": len(subjects()),
        "depth": _histogram(flows.depth),
        "good_ends": flows.ends[""],
        "fault_kinds": len(flows.ends) - 1,
        "goals": {f"{name}_max": value for name, value in MOST.items()}
        | {f"{name}_min": value for name, value in LEAST.items()},
        "holds": holds and caught,
        "control": {
            "variant": "the proof is compared with itself; what a purse says taken for proved",
            "accepts": control.accepts,
            "let_in": trusting.came.through,
            "ended": trusting.came.ended,
            "caught": caught,
        },
    }


def _histogram(depth: Counter[int]) -> dict[str, int]:
    """Inputs by the number of APDUs that were exchanged, in steps of five up to fifty."""
    found: Counter[int] = Counter()
    for apdus, count in depth.items():
        found[min(apdus // STEP, DEEPEST // STEP)] += count
    return {
        f"{step * STEP}+"
        if step * STEP == DEEPEST
        else f"{step * STEP}-{step * STEP + STEP - 1}": n
        for step, n in sorted(found.items())
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="onecard prove fuzz")
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="number of one input, to play it again")
    return parser.parse_args(list(arguments))


def whole_flows(seed: int, numbers: Sequence[int], servers: Servers = KeyServer) -> Tally:
    """Play those inputs: each flow in its turn, on a card that lies."""
    tally, all_subjects = Tally(), subjects()
    scripts = [subject.script for subject in all_subjects]
    with _watch() as wind_up:
        began = time.process_time()
        for number in numbers:
            wind_up()
            subject = all_subjects[number % len(all_subjects)]
            lies = lies_of(Random(seed << 40 | number), subject.script, scripts)
            card = MaliciousCard(subject.script, lies)
            wrong = play(tally, subject, servers(subject.answers, card))
            if wrong:
                told = ", ".join(f"{one.kind} at {one.at}" for one in lies)
                tally.fail(f"{wrong}: --seed {seed} --only {number}, {subject.name}, {told}", card)
        tally.seconds = time.process_time() - began
    return tally


def play(tally: Tally, subject: Subject, server: KeyServer) -> str:
    """One flow on one card, counted; what is wrong with its end, or nothing."""
    wrong, end, card = "", "", server.card
    try:
        took = subject.run(card, authenticator(server, subject.mode))
        if subject.wrongly(card, server, took):
            tally.accepts += 1
            wrong = "accept"
    except Fault as fault:
        end = fault.code
    except Hang:
        tally.hangs += 1
        wrong = end = "hang"
    except Exception:  # noqa: BLE001 - all that a flow must never let out
        tally.exceptions += 1
        wrong = end = "exception"
        tally.frames.append(traceback.format_exc(limit=-4))
    if subject.repeated(card):
        tally.repeated += 1
        wrong = "repeated"
    tally.inputs += 1
    tally.past += server.fetched and end != AuthenticationFailed.code
    tally.depth[card.count] += 1
    tally.ends[end] += 1
    return wrong


@dataclass
class Rides:
    """What came of histories of purses."""

    tally: Tally = field(default_factory=Tally)
    came: Came = field(default_factory=Came)


def rides(seed: int, numbers: Sequence[int], payments: type[Payments] = Payments) -> Rides:
    """Play those: a journal in memory, somebody honest, and cards without a key."""
    found = Rides()
    with _watch() as wind_up:
        began = time.process_time()
        for number in numbers:
            wind_up()
            if wrong := _ridden(found, Random(seed << 40 | number), payments):
                found.tally.failing.append(f"{wrong}: --seed {seed} --only {number}, rides")
        found.tally.seconds = time.process_time() - began
    return found


def _ridden(found: Rides, chance: Random, payments: type[Payments]) -> str:
    """One of them, counted; what is wrong with it, or nothing."""
    tally, came = found.tally, found.came
    tally.inputs += 1
    try:
        one = ride(chance, payments)
    except (Hang, TooManySteps):
        tally.hangs += 1
        return "hang"
    except Exception:  # noqa: BLE001 - all that a payment must never let out
        tally.exceptions += 1
        tally.frames.append(traceback.format_exc(limit=-4))
        return "exception"
    for name in ("taps", "through", "ended", "confirmed", "kept_out"):
        setattr(came, name, getattr(came, name) + getattr(one, name))
    return one.wrong


def lies_of(chance: Random, script: Script, scripts: Sequence[Script]) -> Sequence[Lie]:
    """One lie, or two."""
    size = len(script.commands)
    kinds = [chance.choice(KINDS)]
    if chance.random() < TWO:
        kinds.append(chance.choice(KINDS))
    places = [
        size // 2 + int(chance.random() * (size - size // 2))
        if chance.random() < LATE
        else int(chance.random() * size)
        for _ in kinds
    ]
    return [lie(chance, script, at, kind, scripts) for at, kind in zip(places, kinds, strict=True)]


def parser_inputs(seed: int, numbers: Sequence[int]) -> Tally:
    """Odd bytes for each parser in its turn."""
    tally, all_parsers = Tally(), parsers([subject.script for subject in subjects()])
    with _watch() as wind_up:
        began = time.process_time()
        for number in numbers:
            wind_up()
            parser = all_parsers[number % len(all_parsers)]
            raw = odd(Random(seed << 40 | number), parser.good)
            if wrong := parse(tally, parser, raw):
                tally.failing.append(
                    f"{wrong}: --seed {seed} --only {number}, {parser.name}, {raw.hex().upper()}"
                )
        tally.seconds = time.process_time() - began
    return tally


def parse(tally: Tally, parser: Parser, raw: bytes) -> str:
    """One input for one parser, counted; what is wrong with its end, or nothing."""
    tally.inputs += 1
    try:
        parser.parse(raw)
    except Fault:
        return ""
    except Hang:
        tally.hangs += 1
        return "hang"
    except Exception:  # noqa: BLE001 - all that a parser must never let out
        tally.exceptions += 1
        tally.frames.append(traceback.format_exc(limit=-4))
        return "exception"
    return ""


@contextmanager
def _watch() -> Iterator[Callable[[], None]]:
    """What is yielded begins the time of one input; an input that outlives it hangs."""

    def rung(number: int, frame: FrameType | None) -> None:
        raise Hang

    def wind_up() -> None:
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)

    before = signal.signal(signal.SIGALRM, rung)
    try:
        yield wind_up
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

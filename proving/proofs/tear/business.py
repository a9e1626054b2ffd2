"""What business programs do with a card: PIN and write functions, in one call or in steps."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final

from agent.facade.call import CallAnswer
from proving.proofs.tear.cards import (
    CHANGE,
    PIN,
    RESTORE,
    UPDATE_BINARY,
    UPDATE_RECORD,
    VERIFY,
    NotedCard,
)
from simulators.counter import LocalCounter

Steps = Generator[tuple[str, ...], list[str], None]

NEW_PIN: Final = "628405"
WRONG_PIN: Final = "904173"
PIN_WRONG: Final = -51
LONG: Final = 0x128  # bytes of DF01 EF16: more than one command writes
IMAGE: Final = bytes(0x40 | at & 0x3F for at in range(LONG)).hex().upper()

# fileAddr and writeData. SSSE EF05/06 is the day until which the card is good.
RECORDS: Final = ("DF01EF05|20|21|$", "DF01EF05|1|新街一号|$")
IMAGES: Final = ("DF01EF16|$", f"DF01EF16|{IMAGE}|$")
SEVERAL: Final = (
    "DF03EF05|60|62|$DF01EF05|21|$SSSEEF05|06|$",
    "DF03EF05|20260101|20260102|$DF01EF05|新街一号|$SSSEEF05|20990101|$",
)


@dataclass(frozen=True)
class Business:
    """`steps` yields the calls, function and parameters, and is sent the fields of each answer.
    `decides`: the commands of the card by which it is done, all of them."""

    name: str
    steps: Callable[[NotedCard], Steps]
    decides: frozenset[tuple[int, int]]
    types: tuple[str, ...] = ()  # at the PIN pad
    result: int = 0  # when nobody disturbs it
    tells_new_pin: bool = False  # to the caller, for his HSM

    def carry_out(self, counter: LocalCounter, card: NotedCard) -> Sequence[CallAnswer]:
        """Call after call until one is refused; all answers."""
        steps = self.steps(card)
        call = next(steps)
        answers: list[CallAnswer] = []
        while True:
            answers.append(counter.call(*call))
            if answers[-1].result:
                return answers
            try:
                call = steps.send(answers[-1].output.split("|")[:-1])
            except StopIteration:
                return answers


def _read(card: NotedCard) -> Steps:
    yield "iReadCardBas", card.kind


def _verify(card: NotedCard) -> Steps:
    yield "iVerifyPIN", card.kind


def _change(card: NotedCard) -> Steps:
    yield "iChangePIN", card.kind


def _reload(card: NotedCard) -> Steps:
    yield "iReloadPIN", card.kind, card.info


def _unblock(card: NotedCard) -> Steps:
    yield "iUnblockPIN", card.kind, card.info


def _reload_in_steps(card: NotedCard) -> Steps:
    asked = yield "iReloadPIN_HSM_Step1", card.kind, card.info
    asked = yield "iReloadPIN_HSM_Step2", card.hsm.one(card.historical, asked)
    yield "iReloadPIN_HSM_Step3", card.hsm.command(card.historical, asked)


def _write(address: str, data: str) -> Callable[[NotedCard], Steps]:
    def steps(card: NotedCard) -> Steps:
        yield "iWriteCard", card.kind, card.info, address, data

    return steps


def _write_in_steps(address: str, data: str) -> Callable[[NotedCard], Steps]:
    def steps(card: NotedCard) -> Steps:
        asked = yield "iWriteCard_HSM_Step1", card.kind, card.info, address
        yield "iWriteCard_HSM_Step2", card.hsm.one(card.historical, asked), data

    return steps


_UPDATES: Final = frozenset({UPDATE_RECORD, UPDATE_BINARY})
NEW_TWICE: Final = (NEW_PIN, NEW_PIN)

READ: Final = Business("read", _read, frozenset())
PIN_BUSINESS: Final = (
    Business("verify", _verify, frozenset({VERIFY}), (PIN,)),
    Business("verify-wrong", _verify, frozenset({VERIFY}), (WRONG_PIN,), PIN_WRONG),
    Business("change", _change, frozenset({CHANGE}), (PIN, *NEW_TWICE)),
    Business("change-wrong", _change, frozenset({CHANGE}), (WRONG_PIN, *NEW_TWICE), PIN_WRONG),
    Business("reload", _reload, frozenset({RESTORE}), NEW_TWICE),
    Business("unblock", _unblock, frozenset({RESTORE})),
    Business(
        "reload-in-steps", _reload_in_steps, frozenset({RESTORE}), NEW_TWICE, tells_new_pin=True
    ),
)
WRITE_BUSINESS: Final = (
    Business("write-records", _write(*RECORDS), _UPDATES),
    Business("write-image", _write(*IMAGES), _UPDATES),
    Business("write-several", _write(*SEVERAL), _UPDATES),
    Business("write-records-in-steps", _write_in_steps(*RECORDS), _UPDATES),
    Business("write-image-in-steps", _write_in_steps(*IMAGES), _UPDATES),
)

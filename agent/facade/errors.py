"""Faults as the national interface tells them: a negative number and a Chinese text.

One table, `errors.toml`; card errors are −(status word as a decimal number). The text is the
table's words and the fault's own sentence, which never holds anything of a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from agent.facade.call import CallAnswer
from agent.messages.texts import Texts
from apdu.social_security.psam import PsamUnable
from apdu.status import StatusFault
from sync.requests import RequestFault
from world import Fault


@dataclass(frozen=True)
class ErrorRow:
    """One error of the national interface."""

    result: int
    zh: str
    en: str
    faults: tuple[str, ...]


@cache
def table() -> tuple[ErrorRow, ...]:
    """All rows, in the order of the specification."""
    text = resources.files(__package__).joinpath("errors.toml").read_text("utf-8")
    rows: list[dict[str, Any]] = msgspec.toml.decode(text)["error"]
    return tuple(msgspec.convert(row, ErrorRow) for row in rows)


def row_of(kind: type[Fault]) -> ErrorRow | None:
    """The row of a class of faults; None for card errors, whose number is the status word's."""
    rows = _rows_by_fault()
    for owner in kind.__mro__:
        if owner is StatusFault:
            return None
        row = rows.get(str(vars(owner).get("code")))
        if row is not None:
            return row
    raise AssertionError("the root of all faults has a row")


def answer_for(fault: Fault) -> CallAnswer:
    """The fault as the caller gets it: number, and words in Chinese.

    Where the PSAM was unable and the platform's HSM could not be asked, it is the PSAM's fault: by
    its number a caller with its own HSM goes on to `…_HSM_Step1`.
    """
    if isinstance(fault, RequestFault) and isinstance(fault.__cause__, PsamUnable):
        fault = fault.__cause__
    row = row_of(type(fault))
    words = _texts().fault(fault)
    if row is not None:
        return CallAnswer(row.result, f"{row.zh}：{words}")
    assert isinstance(fault, StatusFault)
    return CallAnswer(-fault.sw, f"卡片返回 {fault.sw:04X}：{words}")


@cache
def _texts() -> Texts:
    """Read once: a refusal costs no more than an answer."""
    return Texts("zh")


@cache
def _rows_by_fault() -> Mapping[str, ErrorRow]:
    return {code: row for row in table() for code in row.faults}

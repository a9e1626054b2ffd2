"""Errors that a person has to act on: a stable code and the facts that the sentence needs."""

from collections.abc import Mapping
from typing import ClassVar

Fact = str | int


def cause_of(error: OSError) -> str:
    """The system's words, else Python's own (an error without a number has only these), for a
    fault's fact `cause`."""
    return error.strerror or str(error) or type(error).__name__


class Fault(Exception):
    """Base of every error that leaves a room.

    `code` is stable, lower case with dots (`config.unknown-key`) and has a sentence in
    `agent/messages` in every language; `facts` fill the sentence's blanks. Facts never hold a PIN,
    a key, an ID number, a name or the content of a code.
    """

    code: ClassVar[str] = "fault"

    def __init__(self, **facts: Fact) -> None:
        super().__init__(facts)
        self.facts: Mapping[str, Fact] = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code} ({facts})" if facts else self.code

"""What pages send and are told: one JSON object a call, one an answer.

`{"func": "iReadCardBas", "in": ["3"], "id": 7}` → `{"id": 7, "result": "0", "out": ["…", …]}`
"""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from agent.facade import fields
from agent.facade.call import CallAnswer
from agent.facade.faults import FacadeFault
from world.foreign import Undecodable, decoded

LARGEST = 64 * 1024  # bytes of a body or message

E = TypeVar("E", "WebCall", "Body")
# Each parameter's own limit, `fields.checked` knows.
Text = Annotated[str, Meta(max_length=fields.LONGEST_DATA)]
Id = Annotated[str, Meta(max_length=64)] | int | None


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"given": "in"}):
    """One call by POST, its function in the path."""

    given: Annotated[tuple[Text | int, ...], Meta(max_length=8)] = ()
    id: Id = None  # the page's own; the answer has the same

    @property
    def parameters(self) -> Sequence[str]:
        """The values as text, in the order in which the page gave them."""
        return [str(value) for value in self.given]


class WebCall(Body, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One call over the WebSocket."""

    func: Annotated[str, Meta(max_length=64)]


class _Named(msgspec.Struct, frozen=True):
    """What is no call may still say which one it was meant to be."""

    id: Id = None


class WebCallRefused(FacadeFault):
    """What came is no call. Facts: `problem`; `status` is HTTP's."""

    code = "facade.envelope"

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem=problem)
        self.status = status


def read(raw: bytes, shape: type[E]) -> E:
    """Raises `WebCallRefused`."""
    try:
        return decoded(raw, shape)
    except Undecodable:
        # The cause would show what was sent.
        raise WebCallRefused(400, '{"func": "…", "in": ["…"]}') from None


def id_in(raw: bytes) -> Id:
    """As far as it can be found in what is no call."""
    try:
        return decoded(raw, _Named).id
    except Undecodable:
        return None


def written(answer: CallAnswer, id_: Id = None) -> bytes:
    """`{"result": "0", "out": […]}`: the output's fields, or the error's text."""
    out: Any = fields.split(answer.output) if answer.result == 0 else [answer.output]
    named = {} if id_ is None else {"id": id_}
    return msgspec.json.encode({**named, "result": str(answer.result), "out": out})

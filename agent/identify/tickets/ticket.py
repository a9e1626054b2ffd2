"""A ticket's bytes and its text: fields ⇄ 129 bytes ⇄ `OCT:` and Base45, 198 characters.

docs/ticket-codes.md describes the format for issuers in any language.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final, Literal

from agent.identify.tickets import base45
from trust.sm2 import Sm2

PREFIX: Final = "OCT:"
VERSION: Final = 1
ANYBODY: Final = bytes(32)  # holder reference of a ticket that is whoever's who shows it
EVERY_GROUP: Final = 0
SIGNATURE: Final = 64

Kind = Literal["reservation", "package"]
KINDS: Final[tuple[Kind, ...]] = ("reservation", "package")  # 1, 2

# version, kind, id, holder, first second, last second, gate group, uses, issuer's key id
_BODY: Final = Struct(">BB16s32sIIHBI")
SIZE: Final = _BODY.size + SIGNATURE


@dataclass(frozen=True)
class Ticket:
    """What its issuer says. A reservation (预约) is for a time; a package (权益包) for a season."""

    kind: Kind
    id: bytes  # 16 random bytes
    first: int  # unix seconds, first at which it is good
    last: int  # unix seconds, last at which it is good
    issuer: int  # key id in the signed list `ticket-issuers`
    holder: bytes = ANYBODY  # 32 bytes: `trust.references.References.person`
    group: int = EVERY_GROUP  # of gates
    uses: int = 1  # at one terminal


@dataclass(frozen=True, repr=False)
class Scanned:
    """A ticket's fields before anybody has checked them."""

    content: bytes
    version: int
    kind: int
    id: bytes
    holder: bytes
    first: int
    last: int
    group: int
    uses: int
    issuer: int

    @property
    def signature(self) -> bytes:
        """64 bytes r‖s, the end of the content."""
        return self.content[-SIGNATURE:]

    @property
    def signed(self) -> bytes:
        """What the signature is over: all before it, behind the domain's prefix."""
        return signed(self.content[:-SIGNATURE])


def signed(body: bytes) -> bytes:
    """What the issuer signs: the prefix keeps it apart from all else that a key may sign."""
    return PREFIX.encode() + body


def issue(ticket: Ticket, sm2: Sm2, private: bytes) -> str:
    """The code's text. Raises ValueError for what no ticket says, `trust.engine.BadKey`."""
    if (
        (len(ticket.id), len(ticket.holder)) != (16, 32)
        or not 0 <= ticket.first <= ticket.last < 2**32
        or not 0 <= ticket.group < 2**16
        or not 1 <= ticket.uses < 2**8
        or not 0 <= ticket.issuer < 2**32
    ):
        raise ValueError("a ticket's id has 16 bytes, its holder 32, and it ends after it begins")
    body = _BODY.pack(
        VERSION,
        KINDS.index(ticket.kind) + 1,
        ticket.id,
        ticket.holder,
        ticket.first,
        ticket.last,
        ticket.group,
        ticket.uses,
        ticket.issuer,
    )
    return PREFIX + base45.encode(body + sm2.sign(private, signed(body)))


def scan(text: bytes) -> Scanned | None:
    """None when it is no text of a ticket's length. Never raises."""
    prefix = PREFIX.encode()
    if not text.startswith(prefix) or not text.isascii():
        return None
    content = base45.decode(text[len(prefix) :].decode("ascii"))
    if content is None or len(content) != SIZE:
        return None
    return Scanned(content, *_BODY.unpack_from(content))

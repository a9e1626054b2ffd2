"""Which code is it, and who resolves it: bytes from a scanner → name → identity, or a refusal.

A first byte only nominates; what the layout does not confirm goes to the next candidate, text last.
Nothing is guessed, and no content is logged. Source: spec transit-qr.md, "Which code is it".
"""

import re
import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from agent.identify.identity import Presented, Unidentified
from agent.messages.reasons import Reason
from config.model import CodeRule

Resolve = Literal["offline", "platform", "refuse"]

LONGEST: Final = 1024  # bytes; a Ministry code has at most 364, a scan module gives 400
CREDENTIAL: Final = "code"

CERTIFICATE: Final = 0x24  # byte 3 of a three-level code: its issuer certificate begins
TWO_LEVEL: Final = 226  # bytes, exactly

_LINE_ENDS: Final = re.compile(rb"[\r\n]+")
_UNSEEN: Final = ("Cc", "Cf", "Zs", "Zl", "Zp")  # Unicode: controls, formats, separators

CHARACTERS: Final[Mapping[str, frozenset[str] | None]] = {
    "digits": frozenset(string.digits),
    "hex": frozenset(string.hexdigits),
    "alphanumeric": frozenset(string.ascii_letters + string.digits),
    "base64": frozenset(string.ascii_letters + string.digits + "+/-_="),
    "text": None,
}


def _ministry(content: bytes) -> bool:
    return content[0] >= 0x80 or content[0] == 0x55


def _three_level(content: bytes) -> bool:
    length = int.from_bytes(content[1:3], "big")
    return (
        _ministry(content)
        and length + 3 == len(content)
        and len(content) > 3
        and content[3] == CERTIFICATE
    )


def _two_level(content: bytes) -> bool:
    return _ministry(content) and len(content) == TWO_LEVEL


# Binary layouts, in the order in which they are tried; then texts: ours, the city's own, and those
# that only their first characters nominate.
BINARY: Final[Sequence[tuple[str, Callable[[bytes], bool]]]] = (
    ("ministry-three-level", _three_level),
    ("ministry-two-level", _two_level),
    ("alipay-city", lambda content: content[:2] in (b"\x54\x01", b"\x54\x02")),
    ("alipay-bus", lambda content: content[:2] == b"\x02\x01"),
)
OURS: Final[Sequence[tuple[str, Callable[[bytes], bool]]]] = (
    ("onecard-ticket", lambda content: content[:4] == b"OCT:"),  # docs/ticket-codes.md
)
NOMINATED: Final[Sequence[tuple[str, Callable[[bytes], bool]]]] = (
    ("tencent", lambda content: content[:2] == b"TX"),
    ("bank", lambda content: content[:2] == b"62" and content.isdigit()),
)
BUILT_IN: Final = tuple(name for name, _ in (*BINARY, *OURS, *NOMINATED))
# Those that a terminal can verify by itself, `resolve = "offline"`.
VERIFIED: Final = ("ministry-three-level", "ministry-two-level", "onecard-ticket")


@dataclass(frozen=True)
class Routed:
    """A code that is known by name."""

    name: str
    resolve: Resolve
    content: bytes = field(repr=False)


class Router:
    """The terminal's rules: `CodeRule`s of the settings, the first that fits."""

    def __init__(self, rules: Sequence[CodeRule]) -> None:
        self._texts = [rule for rule in rules if rule.name not in BUILT_IN]
        self._resolve: Mapping[str, Resolve] = {rule.name: rule.resolve for rule in rules}

    def route(self, content: bytes) -> Routed | None:
        """Which code it is; None when no rule knows it. A text is passed on bare, a binary code as
        it is. Never raises."""
        if not 0 < len(content) <= LONGEST:
            return None
        if name := _first(BINARY, content):
            return self._routed(name, content)
        text = _bare(content)
        if not text or not text.isprintable():  # controls inside: several, or none
            return None
        raw = text.encode()
        name = _first(OURS, raw) or self._rule(text) or _first(NOMINATED, raw)
        return self._routed(name, raw) if name else None

    def apart(self, content: bytes) -> Sequence[bytes]:
        """The codes of one stretch, where a scanner gave several in one: what is between line ends,
        if each of that is a known code; else the stretch as it is."""
        if not 0 < len(content) <= LONGEST or _confirmed(content):
            return (content,)
        parts = [part for part in _LINE_ENDS.split(content) if part]
        several = len(parts) > 1 and all(self.route(part) for part in parts)
        return parts if several else (content,)

    def _routed(self, name: str, content: bytes) -> Routed:
        return Routed(name, self._resolve.get(name, "refuse"), content)

    def _rule(self, text: str) -> str | None:
        return next((rule.name for rule in self._texts if _fits(rule, text)), None)


def _confirmed(content: bytes) -> bool:
    """By its length: no line end in it ends it."""
    return _three_level(content) or _two_level(content)


def _bare(content: bytes) -> str | None:
    """A text without what a maker, an editor or a scanner has left around it: line ends, blanks,
    NULs, byte order marks and other signs that nobody sees. None: no text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    seen = [at for at, sign in enumerate(text) if unicodedata.category(sign) not in _UNSEEN]
    return text[seen[0] : seen[-1] + 1] if seen else ""


class Resolver(Protocol):
    """What can say which person is behind a code: an offline verifier, the platform."""

    def resolve(self, name: str, content: bytes) -> Presented:
        """The identity behind the `content` (bytes as scanned) of a code of the rule `name`. Never
        raises a `Fault`: what fails is a reason."""
        ...


class CodeIdentifier:
    """From a code to what it presents. `resolvers` are those that this terminal has."""

    def __init__(self, router: Router, resolvers: Mapping[Resolve, Resolver]) -> None:
        self._router = router
        self._resolvers = resolvers

    def apart(self, content: bytes) -> Sequence[bytes]:
        """See `Router.apart`; at least one."""
        return self._router.apart(content)

    def read(self, content: bytes, *, leaving: bool = False) -> Presented:
        """The identity behind the code, or the reason why there is none here. Behind somebody who
        is `leaving` the next one wants to, so the platform is not waited for."""
        routed = self._router.route(content)
        if routed is None:
            return Unidentified(CREDENTIAL, Reason.CODE_UNKNOWN)
        credential = f"{CREDENTIAL}:{routed.name}"
        if routed.resolve == "refuse":
            return Unidentified(credential, Reason.CODE_NOT_HERE)
        resolver = self._resolvers.get(routed.resolve)
        if resolver is None or (leaving and routed.resolve == "platform"):
            return Unidentified(credential, Reason.CODE_UNRESOLVED)
        return resolver.resolve(routed.name, routed.content)


def _first(candidates: Sequence[tuple[str, Callable[[bytes], bool]]], content: bytes) -> str | None:
    return next((name for name, confirmed in candidates if confirmed(content)), None)


def _fits(rule: CodeRule, text: str) -> bool:
    allowed = CHARACTERS[rule.characters]
    return (
        rule.shortest <= len(text) <= rule.longest
        and text.startswith(rule.prefix)
        and (allowed is None or allowed.issuperset(text.removeprefix(rule.prefix)))
    )

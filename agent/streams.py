"""Standard output and error that take every sign: what their encoding lacks is told otherwise.

A technician's console may be GBK (PuTTY, old Chinese boxes), Latin-1 or plain ASCII, and a daemon's
output a file. None of that is a reason to say nothing, or to end.
"""

import codecs
import os
import sys
from functools import partial
from typing import Final

CHINESE: Final = "终端"
# In place of a sign: the first that the encoding has. Anything else is a question mark.
INSTEAD: Final = {
    "✓": ("√", "OK"),
    "✗": ("×", "X"),
    "…": ("...",),
    "–": ("-",),
    "—": ("-",),
    "·": (".",),
    "→": ("->",),
    "≥": (">=",),
    "≤": ("<=",),
    "¥": ("￥", "Y"),
    "￥": ("¥", "Y"),
    "：": (": ",),
    "，": (", ",),
    "。": (". ",),
}


def take_every_sign() -> None:
    """From now on nothing that is printed raises for its signs, and printing where standard output
    or error is closed goes nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors_of(stream.encoding))


def errors_of(encoding: str) -> str:
    """The name of the error handler for that encoding. A code page of eight bits calls itself
    "charmap" in its errors, whichever it is."""
    name = f"onecard.signs.{encoding}"
    codecs.register_error(name, partial(_instead, encoding))
    return name


def speaks_chinese() -> bool:
    """Whether Chinese can be read where standard output goes."""
    return _has(CHINESE, getattr(sys.stdout, "encoding", None) or "utf-8")


def _instead(encoding: str, error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_one(sign, encoding) for sign in signs), error.end


def _one(sign: str, encoding: str) -> str:
    if "\udc80" <= sign <= "\udcff":  # a byte of a file's name that is no text (PEP 383)
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return next((other for other in INSTEAD.get(sign, ()) if _has(other, encoding)), "?")


def _has(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True

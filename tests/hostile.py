"""JSON that no reader of the house may stumble over: each is a fault, whatever was wanted."""

from typing import Final

DEEP: Final = 50_000

# Not JSON, or JSON that two readers read differently; `{"version": …}` begins where it can.
HOSTILE_JSON: Final = {
    "nothing": b"",
    "nul": b"\0",
    "cut": b'{"version": ',
    "trailing": b"{} {}",
    "byte-order-mark": b"\xef\xbb\xbf{}",
    "no-utf-8": b'{"version": "\xff"}',
    "no-utf-8-key": b'{"\xff": 1}',
    "no-utf-8-left-alone": b'{"nobody-wants-this": "\xc3\x28"}',
    "surrogate-bytes": b'{"version": "\xed\xa0\x80"}',
    "half-surrogate": b'{"version": "\\ud800"}',
    "lone-low-surrogate": b'{"version": "\\udc00 "}',
    "half-surrogate-key": b'{"\\ud800": 1}',
    "arrays-without-end": b"[" * DEEP,
    "objects-without-end": b'{"nobody-wants-this":' * DEEP,
    "closed-arrays": b"[" * DEEP + b"]" * DEEP,
    "deep-left-alone": b'{"nobody-wants-this":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep-value": b'{"version":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "huge-integer": b'{"version": ' + b"9" * 5000 + b"}",
    "integer-beyond-64-bits": b'{"version": 9223372036854775808}',
    "integer-below-64-bits": b'{"version": -9223372036854775809}',
    "huge-integer-left-alone": b'{"nobody-wants-this": ' + b"9" * 5000 + b"}",
    "number-out-of-range": b'{"version": 1e999}',
    "not-a-number": b'{"version": NaN}',
    "key-twice": b'{"version": 1, "version": 2}',
    "key-twice-inside": b'{"version": {"a": 1, "a": 2}}',
    "key-twice-in-other-words": b'{"version": 1, "\\u0076ersion": 2}',
}

"""SM3 in plain Python: bytes in, digest out. Beside `benchmarks.pure_sm2`, so that neither borrows
anything of a library. Written from GB/T 32905-2016 alone.
"""

from collections.abc import Iterator
from struct import Struct

State = tuple[int, int, int, int, int, int, int, int]

_WORD = 0xFFFFFFFF
_BLOCK = Struct(">16I")
_STATE = Struct(">8I")
_IV: State = (
    0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600,
    0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E,
)  # fmt: skip


def sm3(data: bytes) -> bytes:
    """The 32-byte digest (5.3)."""
    state = _IV
    for block in _padded(data):
        state = _compressed(state, block)
    return _STATE.pack(*state)


def _padded(data: bytes) -> Iterator[tuple[int, ...]]:
    """Blocks of 16 words (5.2)."""
    zeros = -(len(data) + 9) % _BLOCK.size
    return _BLOCK.iter_unpack(data + b"\x80" + bytes(zeros) + (8 * len(data)).to_bytes(8))


def _turned(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _WORD


# T_j <<< j (4.2, 5.3.3), which is the same for every block
_T = tuple(_turned(0x79CC4519 if j < 16 else 0x7A879D8A, j % 32) for j in range(64))


def _compressed(state: State, block: tuple[int, ...]) -> State:
    """CF (5.3.3). The rotations stand where they are needed: calls would take twice the time."""
    w = _expanded(block)
    a, b, c, d, e, f, g, h = state
    for j, t in enumerate(_T):
        a12 = (a << 12 | a >> 20) & _WORD
        ss1 = a12 + e + t & _WORD
        ss1 = (ss1 << 7 | ss1 >> 25) & _WORD
        if j < 16:
            tt1, tt2 = a ^ b ^ c, e ^ f ^ g
        else:
            tt1, tt2 = a & b | a & c | b & c, e & f | ~e & g
        tt1 = tt1 + d + (ss1 ^ a12) + (w[j] ^ w[j + 4]) & _WORD
        tt2 = tt2 + h + ss1 + w[j] & _WORD
        a, b, c, d = tt1, a, (b << 9 | b >> 23) & _WORD, c
        e, f, g, h = _p0(tt2), e, (f << 19 | f >> 13) & _WORD, g
    after = (a, b, c, d, e, f, g, h)
    return tuple(x ^ y for x, y in zip(state, after, strict=True))  # type: ignore[return-value]


def _expanded(block: tuple[int, ...]) -> list[int]:
    """W_0 … W_67 (5.3.2)."""
    w = list(block)
    for j in range(16, 68):
        x, y = w[j - 3], w[j - 13]
        x = w[j - 16] ^ w[j - 9] ^ (x << 15 | x >> 17) & _WORD
        p1 = x ^ (x << 15 | x >> 17) ^ (x << 23 | x >> 9)
        w.append((p1 ^ (y << 7 | y >> 25) ^ w[j - 6]) & _WORD)
    return w


def _p0(x: int) -> int:
    return x ^ (x << 9 | x >> 23) & _WORD ^ (x << 17 | x >> 15) & _WORD

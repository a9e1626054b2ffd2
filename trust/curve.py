"""The SM2 curve's numbers, and the encodings of points and signatures, checked strictly.

Everything that arrives from outside passes here before a backend sees it, so that no backend's
leniency matters. Only public values: nothing here needs constant time. Source: GB/T 32918.5-2017
(curve), GB/T 32918.1 4.2 (points), GB/T 32918.2 7.1 (r and s), X.690 (DER).
"""

P = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF
A = P - 3
B = 0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93
N = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123

G = (
    0x32C4AE2C_1F198119_5F990446_6A39C994_8FE30BBF_F2660BE1_715A4589_334C74C7,
    0xBC3736A2_F4F6779C_59BDCEE3_6B692153_D0A9877C_C62A4740_02DF32E5_2139F0A0,
)

LONGEST_IDENTITY = 8190  # ENTL counts bits in two bytes; libcrypto stops one byte short of that


def is_private(private: bytes) -> bool:
    """A 32-byte number in [1, n-2] (GB/T 32918.1 6.1)."""
    return len(private) == 32 and 1 <= int.from_bytes(private) <= N - 2


def is_public(public: bytes) -> bool:
    """64 bytes X‖Y, both below p, on the curve; infinity has no such form."""
    if len(public) != 64:
        return False
    x, y = int.from_bytes(public[:32]), int.from_bytes(public[32:])
    return x < P and y < P and (y * y - _right_side(x)) % P == 0


def is_identity(identity: bytes) -> bool:
    """Whether `identity` has 1 … `LONGEST_IDENTITY` bytes, as the two bytes ENTL of ZA can count
    and libcrypto takes."""
    return 1 <= len(identity) <= LONGEST_IDENTITY


def decompressed(public: bytes) -> bytes | None:
    """64 bytes X‖Y of a 33-byte point `02|03 ‖ X`; None when there is no such point."""
    if len(public) != 33 or public[0] not in (2, 3):
        return None
    x = int.from_bytes(public[1:])
    if x >= P:
        return None
    square = _right_side(x)
    y = pow(square, (P + 1) // 4, P)  # a root if there is one, because p = 3 mod 4
    if y * y % P != square:
        return None
    # y = 0 would make both prefixes the same point, but the order n is odd: there is no such point.
    if y & 1 != public[0] & 1:
        y = P - y
    return public[1:] + y.to_bytes(32)


def signature_der(signature: bytes) -> bytes | None:
    """The DER form of 64 bytes r‖s; None unless r, s are in [1, n-1] and r+s ≠ n."""
    if len(signature) != 64:
        return None
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    if not (1 <= r < N and 1 <= s < N) or r + s == N:
        return None
    body = _der_integer(r) + _der_integer(s)
    return bytes((0x30, len(body))) + body


def signature_raw(der: bytes) -> bytes:
    """64 bytes r‖s. Raises ValueError unless `der` is the one DER encoding of valid r and s."""
    try:
        end_of_r = 4 + der[3]
        r, s = der[4:end_of_r], der[end_of_r + 2 :]
        raw = int.from_bytes(r).to_bytes(32) + int.from_bytes(s).to_bytes(32)
    except (IndexError, OverflowError) as error:
        raise ValueError("not a DER signature") from error
    if signature_der(raw) != der:  # there is one encoding only: compare instead of looking closely
        raise ValueError("not the DER of a valid signature")
    return raw


def _right_side(x: int) -> int:
    return (x * x * x + A * x + B) % P


def _der_integer(value: int) -> bytes:
    """INTEGER of a positive number below 2^256; a leading zero keeps it positive."""
    content = value.to_bytes(value.bit_length() // 8 + 1)
    return bytes((0x02, len(content))) + content

"""What the platform sends, signed: receipts, lists, configuration, keys, commands.

Bytes in; a manifest and payload that may be applied, or a Fault, come out. Nothing of a manifest
is looked at before the signature over all of it and the payload is good.

    offset  length  field
    0       4       `OCE1`
    4       1       length i of the issuer's key id, 1 … 32
    5       i       key id, ASCII letters, digits, `_`, `-`, `.`
    5+i     2       length m of the manifest, big-endian, ≤ 1024
    7+i     m       manifest, JSON, UTF-8: `kind`, `name`, `version`, `audience`, `created`,
                    `expires`, `size`, `digest`, as in `Manifest`, without `issuer`
    7+i+m   size    payload
    -64     64      SM2 signature r‖s with SM3 over everything before it, default identity

The issuer's id stands outside the JSON because it is needed to check the signature.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from trust.sm2 import Sm2
from trust.sm3 import sm3
from world import Fault
from world.foreign import Undecodable, decoded

MAGIC = b"OCE1"
LARGEST = 16 * 1024 * 1024  # bytes, all in all
LONGEST_MANIFEST = 1024
EVERYBODY = "*"

_SIGNATURE = 64
_KEY_ID = re.compile(rb"[A-Za-z0-9_.-]{1,32}")

Kind = Literal["receipt", "list", "config", "keys", "command"]
Natural = Annotated[int, Meta(ge=0, le=2**53)]


class EnvelopeFault(Fault):
    """Base of what is wrong with an envelope: whichever it is, nothing of it may be applied."""


class EnvelopeTooLarge(EnvelopeFault):
    """Facts: size, allowed (bytes)."""

    code = "envelope.too-large"


class EnvelopeMalformed(EnvelopeFault):
    """The bytes are not an envelope. Facts: part."""

    code = "envelope.malformed"


class UnknownIssuer(EnvelopeFault):
    """No public key for the issuer's key id. Facts: issuer."""

    code = "envelope.unknown-issuer"


class EnvelopeForged(EnvelopeFault):
    """The signature is not the issuer's over these bytes. Facts: issuer."""

    code = "envelope.forged"


class WrongKind(EnvelopeFault):
    """Facts: found, wanted."""

    code = "envelope.wrong-kind"


class EnvelopeForeign(EnvelopeFault):
    """For somebody else. Facts: audience, name."""

    code = "envelope.foreign"


class EnvelopeReplayed(EnvelopeFault):
    """Not newer than what is in force. Facts: name, version, held."""

    code = "envelope.replayed"


class EnvelopeExpired(EnvelopeFault):
    """Its time is over, or cannot be judged because the time is not known. Facts: name, expires."""

    code = "envelope.expired"


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manifest as it stands in the envelope, in this order."""

    kind: Kind
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
    version: Natural
    audience: Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{1,32}|\*)\Z")]
    created: Natural
    expires: Natural
    size: Natural
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an envelope says about its payload."""

    kind: Kind
    name: str  # `blacklist`, an epoch, … ; [A-Za-z0-9_.-], at most 64
    version: int  # grows with each envelope of this kind and name
    audience: str  # a terminal's id, a city code, or `*`
    issuer: str  # key id of the signer
    created: int  # unix seconds
    expires: int = 0  # unix seconds, first second when it is no longer good; 0: never
    size: int = 0  # of the payload in bytes; `seal` fills it
    digest: str = ""  # SM3 of the payload, 64 hex digits; `seal` fills it


class Envelope(msgspec.Struct, frozen=True):
    """Opened: signed by the issuer, for us, newer than what we had, whole."""

    manifest: Manifest
    payload: bytes

    def __repr__(self) -> str:
        return f"Envelope({self.manifest!r})"  # a payload may be keys


def seal(manifest: Manifest, payload: bytes, sm2: Sm2, private: bytes) -> bytes:
    """The envelope's bytes, with the manifest's size and digest made those of the payload.

    `private` is the issuer's key, 32 bytes. Raises `EnvelopeMalformed` (part) for a manifest that
    no opener would take, `EnvelopeTooLarge`, `trust.engine.BadKey`.
    """
    issuer = manifest.issuer.encode("ascii", "replace")
    if not _KEY_ID.fullmatch(issuer):
        raise EnvelopeMalformed(part="issuer")
    fields = {
        **{name: getattr(manifest, name) for name in Statement.__struct_fields__},
        "size": len(payload),
        "digest": sm3(payload).hex(),
    }
    try:
        statement = msgspec.json.encode(msgspec.convert(fields, Statement))
    except msgspec.ValidationError as error:
        raise EnvelopeMalformed(part="manifest") from error
    signed = b"".join(
        (
            MAGIC,
            len(issuer).to_bytes(1),
            issuer,
            len(statement).to_bytes(2),
            statement,
            payload,
        )
    )
    _require_size(len(signed) + _SIGNATURE)
    return signed + sm2.sign(private, signed)


def payload_of(raw: bytes) -> bytes:
    """The payload of an envelope of one's own, unchecked. Raises `EnvelopeMalformed`."""
    return _split(raw)[2]


class Opener:
    """Opens envelopes of the issuers whose public keys (key id → 64 bytes X‖Y) it is given."""

    def __init__(self, sm2: Sm2, issuers: Mapping[str, bytes]) -> None:
        self._sm2 = sm2
        self._issuers = dict(issuers)

    def open(
        self,
        raw: bytes,
        *,
        kind: str,
        audience: tuple[str, ...],
        newer_than: int,
        now: float | None = None,
    ) -> Envelope:
        """Check everything, cheap things first, and hand out manifest and payload.

        `audience`: the names that we answer to, besides `*`. `newer_than`: the version in force;
        the caller compares the manifest's name with the one that this version belongs to. `now`:
        unix seconds, None when the clock is not known; an envelope with an expiry is then refused.
        Raises an `EnvelopeFault`, or `trust.engine.Sm2Failed`.
        """
        _require_size(len(raw))
        issuer, statement, payload = _split(raw)
        self._require_signature(issuer, raw)
        manifest = _manifest(issuer, statement, payload)
        if manifest.kind != kind:
            raise WrongKind(found=manifest.kind, wanted=kind)
        if manifest.audience not in (*audience, EVERYBODY):
            raise EnvelopeForeign(audience=manifest.audience, name=manifest.name)
        if manifest.expires and (now is None or now >= manifest.expires):
            raise EnvelopeExpired(name=manifest.name, expires=manifest.expires)
        if manifest.version <= newer_than:
            raise EnvelopeReplayed(name=manifest.name, version=manifest.version, held=newer_than)
        return Envelope(manifest, payload)

    def _require_signature(self, issuer: str, raw: bytes) -> None:
        if issuer not in self._issuers:
            raise UnknownIssuer(issuer=issuer)
        signed, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
        if not self._sm2.verify(self._issuers[issuer], signed, signature):
            raise EnvelopeForged(issuer=issuer)


def _require_size(size: int) -> None:
    if size > LARGEST:
        raise EnvelopeTooLarge(size=size, allowed=LARGEST)


def _split(raw: bytes) -> tuple[str, bytes, bytes]:
    """Issuer's key id, manifest's bytes, payload: by the lengths alone."""
    if raw[:4] != MAGIC:
        raise EnvelopeMalformed(part="magic")
    id_end = 5 + int.from_bytes(raw[4:5])
    issuer = raw[5:id_end]
    if not _KEY_ID.fullmatch(issuer):
        raise EnvelopeMalformed(part="issuer")
    length = int.from_bytes(raw[id_end : id_end + 2])
    start = id_end + 2
    end = start + length
    if length > LONGEST_MANIFEST or end + _SIGNATURE > len(raw):
        raise EnvelopeMalformed(part="length")
    return issuer.decode(), raw[start:end], raw[end:-_SIGNATURE]


def _manifest(issuer: str, statement: bytes, payload: bytes) -> Manifest:
    """The signed manifest, if it is one and describes this payload."""
    try:
        said = decoded(statement, Statement)
    except Undecodable as fault:
        raise EnvelopeMalformed(part="manifest") from fault
    if said.size != len(payload) or said.digest != sm3(payload).hex():
        raise EnvelopeMalformed(part="payload")
    return Manifest(issuer=issuer, **msgspec.structs.asdict(said))

"""The photo of an ID document: 1024 opaque bytes (WLT) in, a picture out, where there is a decoder.

WLT is proprietary, so onecard has no decoder. A package that has the right to one offers it under
the entry point group `onecard.photo_decoders`; everything else works without it.
"""

from typing import Protocol

from apdu.id_document import DocumentFault
from drivers.registry import PHOTO_DECODERS as PHOTO_DECODERS


class PhotoUndecoded(DocumentFault):
    """The bytes are no photo, or the decoder failed. Facts: `decoder`, its name."""

    code = "document.photo"


class PhotoDecoder(Protocol):
    """What a decoder's package offers: a class without arguments."""

    def decode(self, wlt: bytes) -> bytes:
        """The picture as a BMP, PNG or JPEG file. `wlt`: the 1024 bytes of an ID card's photo.
        Raises `PhotoUndecoded`."""
        ...

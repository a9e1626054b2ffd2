"""A photo decoder is somebody else's package, found by its name; without one all else works."""

import pytest

from drivers import registry
from drivers.idcard.photo import PHOTO_DECODERS, PhotoDecoder, PhotoUndecoded
from drivers.registry import DriverUnknown
from world.packages import EntryPoint


class VendorsDecoder:
    """Stands for a package that has the right to decode WLT."""

    def decode(self, wlt: bytes) -> bytes:
        if len(wlt) != 1024:
            raise PhotoUndecoded(decoder="vendor")
        return b"BM" + wlt


def test_without_a_decoder_there_is_none_and_nothing_else_is_missing() -> None:
    assert list(registry.installed(PHOTO_DECODERS)) == []
    with pytest.raises(DriverUnknown) as caught:
        registry.photo_decoder("vendor")
    assert caught.value.facts["driver"] == "vendor"
    assert "sam-v" in registry.installed(registry.DOCUMENTS)


def test_an_installed_decoder_is_found_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("vendor", f"{__name__}:VendorsDecoder", PHOTO_DECODERS)
    monkeypatch.setattr(registry, "entry_points", lambda **_: [point])
    decoder: PhotoDecoder = registry.photo_decoder("vendor")()
    assert decoder.decode(bytes(1024)).startswith(b"BM")
    with pytest.raises(PhotoUndecoded):
        decoder.decode(b"")

"""Voice packs: `<language>/<key>.wav` → samples at the sink's rate, read when first needed.

A city's own folder comes before the packs that installed distributions ship (entry points of the
group `onecard.voices` name a package, whose folder `pack` has the clips).
"""

import io
import wave
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final

import miniaudio

from drivers.foreign.guard import Guard, Origin, ours
from world import Fault, World
from world.packages import EntryPoint, entry_points

PACKS: Final = "onecard.voices"
RATE: Final = 16_000  # Hz, mono, 16 bit: what clips are converted to
BYTES_PER_SECOND: Final = 2 * RATE
LARGEST: Final = 2_000_000  # bytes of a file; half a minute is no prompt
FORMATS: Final = {
    1: miniaudio.SampleFormat.UNSIGNED8,
    2: miniaudio.SampleFormat.SIGNED16,
    3: miniaudio.SampleFormat.SIGNED24,
    4: miniaudio.SampleFormat.SIGNED32,
}
CHANNELS: Final = range(1, 9)
RATES: Final = range(4_000, 192_001)


class Clips:
    """All clips that this terminal can say, at one volume."""

    def __init__(self, world: World, folder: Path | None, volume: int) -> None:
        """`folder`: the city's own pack; `volume` in percent. Touches nothing."""
        self._world = world
        self._folder = folder
        self._volume = volume
        self._known: dict[tuple[str, str], bytes] = {}

    def get(self, language: str, key: str) -> bytes:
        """Samples (mono, 16 bit, `RATE`); empty when no pack has a usable clip of that name."""
        name = (language, key)
        if name not in self._known:
            self._known[name] = self._read(language, key)
        return self._known[name]

    def _read(self, language: str, key: str) -> bytes:
        for data in self._found(language, key):
            samples = samples_of(data)
            if samples:
                return _at(self._volume, samples)
        return b""

    def _found(self, language: str, key: str) -> Iterator[bytes]:
        """The files of that name, the city's own first."""
        file = f"{key}.wav"
        if self._folder is not None:
            try:
                own = self._folder / language / file
                with self._world.open(own, "rb", regular=True) as stream:
                    yield stream.read(LARGEST + 1)
            except OSError:  # not in this pack
                pass
        for point in entry_points(group=PACKS):
            with suppress(Fault):  # no usable pack; the next one may have it
                yield self._asked(point, partial(_shipped, point, language, file))

    def _asked(self, point: EntryPoint, question: Callable[[], bytes]) -> bytes:
        """A vendor's pack is asked behind a guard, as a vendor's driver is."""
        if ours(point):
            return question()
        return Guard(self._world, Origin.of(point), point.name).ask("pack", question)


def _shipped(point: EntryPoint, language: str, file: str) -> bytes:
    """A clip of an installed pack; empty where it has none."""
    entry = files(point.module) / "pack" / language / file
    return entry.read_bytes() if entry.is_file() else b""


def samples_of(data: bytes) -> bytes:
    """A WAV file's samples (mono, 16 bit, `RATE`); empty for anything that is no PCM WAV file of
    a reasonable size."""
    if len(data) > LARGEST:
        return b""
    try:
        with wave.open(io.BytesIO(data), "rb") as clip:
            form = FORMATS.get(clip.getsampwidth())
            channels, rate = clip.getnchannels(), clip.getframerate()
            if form is None or channels not in CHANNELS or rate not in RATES:
                return b""
            frames = clip.readframes(LARGEST)
    except (wave.Error, EOFError, RuntimeError):  # all that `wave` raises for a head that lies
        return b""
    frames = frames[: len(frames) - len(frames) % (channels * clip.getsampwidth())]
    if not frames:
        return b""
    return bytes(
        miniaudio.convert_frames(
            form, channels, rate, frames, miniaudio.SampleFormat.SIGNED16, 1, RATE
        )
    )


def _at(volume: int, samples: bytes) -> bytes:
    if volume == 100:
        return samples
    return array("h", (sample * volume // 100 for sample in array("h", samples))).tobytes()

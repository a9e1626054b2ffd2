"""Sound without air: a sound card that ALSA itself knows, and a record of what was said.

`SoundCard` is an ALSA configuration whose default device writes what it is given into a file, so
the product's whole way is used (miniaudio, libasound). `RecordedVoice` is the voice driver with
everything noted that goes to its sink.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from drivers.contract import Options
from drivers.prompts.clips import RATE
from drivers.prompts.sink import Sink
from drivers.prompts.voice import VoicePrompts
from world import World

SYSTEM_CONFIGURATION = "</usr/share/alsa/alsa.conf>\n"
CARD = """
pcm.!default {{
    type plug
    slave {{ pcm "tape" format S16_LE channels 1 rate {rate} }}
    hint {{ show on description "Simulated card" }}
}}
pcm.tape {{ type file file "{tape}" format "raw" slave.pcm "null" }}
"""


class SoundCard:
    """ALSA's default device, as long as it is plugged; a context manager. ALSA reads its
    configuration anew when the file has changed. One at a time per process."""

    def __init__(self, folder: Path) -> None:
        self._configuration = folder / "asound.conf"
        self._tape = folder / "tape.raw"
        self._before = os.environ.get("ALSA_CONFIG_PATH")

    def __enter__(self) -> "SoundCard":
        os.environ["ALSA_CONFIG_PATH"] = str(self._configuration)
        self.plug()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is None:
            del os.environ["ALSA_CONFIG_PATH"]
        else:
            os.environ["ALSA_CONFIG_PATH"] = self._before
        self._tape.unlink(missing_ok=True)

    def plug(self, beside: bytes = b"") -> None:
        """`beside`: what else is in the configuration, such as other devices."""
        own = SYSTEM_CONFIGURATION + CARD.format(rate=RATE, tape=self._tape)
        self._write(own.encode("ascii") + beside)

    def unplug(self) -> None:
        self._write(SYSTEM_CONFIGURATION.encode("ascii"))

    @property
    def heard(self) -> bytes:
        """All samples that were played, silence too; mono, 16 bit."""
        return self._tape.read_bytes() if self._tape.exists() else b""

    def _write(self, text: bytes) -> None:
        beside = self._configuration.with_suffix(".new")
        beside.write_bytes(text)
        beside.replace(self._configuration)


@dataclass
class Said:
    """One clip that went to the sink."""

    samples: bytes
    cut_another: bool  # something was being said
    begun_at: int  # frames that the device had pulled of all clips before


class RecordingSink:
    """Notes what another sink is told to say; see `drivers.prompts.sink.Sink`."""

    def __init__(self, sink: Sink, said: list[Said]) -> None:
        self._sink = sink
        self._said = said
        self.attached = sink.attached

    def say(self, samples: bytes) -> bool:
        begun_at = self._sink.pulled
        cut = self._sink.say(samples)
        self._said.append(Said(samples, cut, begun_at))
        return cut

    @property
    def speaking(self) -> bool:
        return self._sink.speaking

    @property
    def pulled(self) -> int:
        return self._sink.pulled

    @property
    def interrupted(self) -> bool:
        return self._sink.interrupted

    def rest(self) -> None:
        self._sink.rest()

    def check(self) -> None:
        self._sink.check()

    def interrupt(self) -> None:
        self._sink.interrupt()

    def close(self) -> None:
        self._sink.close()


class RecordedVoice(VoicePrompts):
    """The voice driver, into nowhere unless the options say otherwise. `said` is the record."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        super().__init__(world, name, {"sink": "null", **options})
        self.said: list[Said] = []
        self.sink: Sink | None = None  # the one that is or was open last

    def _open(self) -> Sink:
        self.sink = RecordingSink(super()._open(), self.said)
        return self.sink

    @property
    def pulled(self) -> int:
        """Frames that the device has taken since it was opened."""
        return self.sink.pulled if self.sink is not None else 0

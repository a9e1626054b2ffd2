"""Says the result aloud: prompt → its clip in the voice pack → the sound device.

The newest prompt cuts off what is being said. `show` only leaves the prompt in the mailbox; the
device's own thread fetches the clip and hands it to the sink.
"""

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from drivers.contract import DeviceSilent, Options, Prompt
from drivers.io.keeper import ManagedDevice
from drivers.io.wait import Interrupted
from drivers.options import DriverOptions, typed
from drivers.prompts.clips import BYTES_PER_SECOND, Clips
from drivers.prompts.mailbox import Mailbox
from drivers.prompts.sink import DRAIN, Sink, open_sink
from world import World

PULLED_WITHIN: Final = 2.0  # seconds beyond a clip's length; a device that is slower is dead


class VoiceOptions(DriverOptions, frozen=True, kw_only=True):
    """`sink`: "default" (PulseAudio where a server runs, else ALSA), "pulse", "alsa", "null" (no
    sound), or a pattern on a device's name: "alsa:*USB*". `pack`: a folder with the city's own
    clips (`zh/pass.wav` …), which come before the shipped ones. `volume` in percent."""

    sink: Annotated[str, Meta(pattern=r"^(default|null|(pulse|alsa)(:.+)?)\Z")] = "default"
    pack: Annotated[str, Meta(pattern=r"^(/[^\x00]*)?\Z")] = ""
    volume: Annotated[int, Meta(ge=0, le=100)] = 100


class VoicePrompts(ManagedDevice[Sink]):
    """See `drivers.contract.Prompts`. Counters: `said`, `cut`, `skipped` (a newer prompt came
    first), `unsaid` (no device), `missing` (no clip)."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        super().__init__(world, name)
        self._options = typed(options, VoiceOptions, device=name)
        folder = Path(self._options.pack) if self._options.pack else None
        self._clips = Clips(world, folder, self._options.volume)
        self._mailbox = Mailbox(world)

    def show(self, prompt: Prompt) -> None:
        """See `drivers.contract.Prompts`. A prompt without voice cuts off too: what is being said
        is not true any more."""
        with self._guard:
            away = self._connection is None
        if away:
            self._count("unsaid", bool(prompt.voice))
        elif self._mailbox.put(prompt):
            self._count("skipped")

    def look(self) -> None:
        """See `drivers.contract.Device`; the thread that waits for a prompt looks at the device
        too."""
        super().look()
        self._mailbox.ring()

    # The device's thread

    def _open(self) -> Sink:
        return open_sink(self._world, self._options.sink, device=self.name, mailbox=self._mailbox)

    def _greet(self, connection: Sink) -> None:
        """What was meant before the device was there is old; from here on it is there."""
        old = self._mailbox.take()
        self._count("unsaid", bool(old and old.voice))

    def _serve(self, connection: Sink) -> None:
        while not connection.interrupted:  # a ring for it may have been taken with a prompt
            self._mailbox.wait()
            prompt = self._mailbox.take()
            if prompt is None and not connection.interrupted:
                connection.check()  # `look` rang
            while prompt is not None:
                prompt = self._say(connection, prompt)
        raise Interrupted

    def _say(self, sink: Sink, prompt: Prompt) -> Prompt | None:
        """Say it to its end, or to the next prompt, which is returned."""
        samples = self._clips.get(prompt.language, prompt.voice) if prompt.voice else b""
        following = None
        if samples:
            sink.say(samples)
            following = self._until_said(sink, len(samples) / BYTES_PER_SECOND)
            self._count("cut" if following else "said")
        elif prompt.voice:
            self._count("missing")
        if following is None:
            sink.rest()
        return following

    def _until_said(self, sink: Sink, seconds: float) -> Prompt | None:
        """Wait until all has been heard. A prompt that comes first is returned."""
        deadline = self._world.monotonic() + seconds + PULLED_WITHIN
        while sink.speaking:
            if not self._mailbox.wait(max(0.0, deadline - self._world.monotonic())):
                raise DeviceSilent(device=self.name, port=sink.attached)
            prompt = self._mailbox.take()
            if prompt is not None:
                return prompt
            if sink.interrupted:
                raise Interrupted
        following = self._mailbox.take()  # and the bell of the clip's end with it
        if following is None and self._mailbox.wait(DRAIN):
            following = self._mailbox.take()
        return following

"""Where sound goes: PulseAudio, ALSA or nowhere, by miniaudio. Samples in, air moved.

miniaudio's own thread pulls frames while the device runs; it runs only while something is said, so
that an idle terminal wakes no thread.
"""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Final, Protocol

import miniaudio

from drivers.contract import (
    DeviceAbsent,
    DeviceAmbiguous,
    DeviceBusy,
    DeviceDenied,
    DeviceFault,
    DeviceLost,
)
from drivers.io.holders import holders_of
from drivers.io.patterns import fitting
from drivers.prompts.clips import RATE
from drivers.prompts.mailbox import Mailbox
from world import World

PERIOD: Final = 20  # milliseconds between two pulls; three periods lie ahead of the speaker
BYTES: Final = 2  # per frame: mono, 16 bit
Frames = Generator[bytes, int, None]
DRAIN: Final = 4 * PERIOD / 1000  # seconds until what was pulled last has been heard
SOUND_FILES: Final = Path("/dev/snd")
# ALSA lists this one even on a box without any sound card.
NOWHERE: Final = "Discard all samples"

BACKENDS: Final[Mapping[str, miniaudio.Backend]] = {
    "pulse": miniaudio.Backend.PULSEAUDIO,
    "alsa": miniaudio.Backend.ALSA,
    "null": miniaudio.Backend.NULL,
}
FAULTS: Final[Mapping[int, type[DeviceFault]]] = {
    miniaudio.lib.MA_ACCESS_DENIED: DeviceDenied,
    miniaudio.lib.MA_BUSY: DeviceBusy,
}


class Sink(Protocol):
    """An open sound device; a `drivers.io.keeper.DeviceConnection`."""

    @property
    def attached(self) -> str:
        """What the system calls the sound device."""
        ...

    def say(self, samples: bytes) -> bool:
        """Play from the next period on, in place of what is being played. True when something
        was cut off. Raises `DeviceLost`."""
        ...

    @property
    def speaking(self) -> bool:
        """Not all has been pulled yet."""
        ...

    @property
    def pulled(self) -> int:
        """Frames of clips that the device has taken so far."""
        ...

    def rest(self) -> None:
        """Stop the device until the next `say`. Raises `DeviceLost`."""
        ...

    def check(self) -> None:
        """Raises `DeviceLost` when the system does not list the device any more."""
        ...

    @property
    def interrupted(self) -> bool:
        """True once `interrupt` was called."""
        ...

    def interrupt(self) -> None:
        """Make the device's thread stop waiting for sound to end. Any thread."""
        ...

    def close(self) -> None:
        """Stop playing at once and give the device back."""
        ...


class Output(miniaudio.PlaybackDevice):  # type: ignore[misc]
    """Gives its context back to the system, be it open or not; miniaudio 1.71 itself forgets it,
    which would cost a few kilobytes, or a connection to PulseAudio, with every try."""

    _context: object = None

    def __init__(self, backend: str, device_id: miniaudio.ffi.CData | None) -> None:
        try:
            super().__init__(
                miniaudio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=RATE,
                buffersize_msec=PERIOD,
                device_id=device_id,
                backends=[BACKENDS[backend]],
                app_name="onecard",
            )
        except miniaudio.MiniaudioError:
            self.close()
            raise

    def close(self) -> None:
        """Stop, and uninitialise the context; a second call does nothing."""
        super().close()
        context, self._context = self._context, None
        if context is not None:
            miniaudio.lib.ma_context_uninit(context)


class ListedOutputs(miniaudio.Devices):  # type: ignore[misc]
    """What a backend lists. miniaudio 1.71 gives nothing at all where one device's name is no UTF-8
    (ALSA cuts long ones in the middle of a sign) or one device tells nothing of itself."""

    def playbacks(self) -> dict[str, miniaudio.ffi.CData]:
        """The devices that can be played on: name, with what is no UTF-8 as `\\xE9` → its id.
        Raises `MiniaudioError`."""
        infos, count = miniaudio.ffi.new("ma_device_info **"), miniaudio.ffi.new("ma_uint32 *")
        null = miniaudio.ffi.NULL
        result = miniaudio.lib.ma_context_get_devices(self._context, infos, count, null, null)
        if result != miniaudio.lib.MA_SUCCESS:
            raise miniaudio.MiniaudioError("cannot get device infos", result)
        found = {}
        for info in (infos[0][at] for at in range(count[0])):
            name = miniaudio.ffi.string(info.name).decode(errors="backslashreplace")
            own = miniaudio.ffi.new("ma_device_id *", info.id)  # the list is the context's
            if self._tells(info):
                found[name] = own
        return found

    def _tells(self, info: miniaudio.ffi.CData) -> bool:
        try:
            self._get_info(miniaudio.DeviceType.PLAYBACK, info)
        except miniaudio.MiniaudioError:
            return False
        return True


class MiniaudioSink:
    """See `Sink`; made by `open_sink`."""

    def __init__(
        self,
        world: World,
        device: Output,
        *,
        name: str,
        attached: str,
        listed: Callable[[], bool],
        mailbox: Mailbox,
    ) -> None:
        self._device = device
        self._name = name
        self._listed = listed
        self._mailbox = mailbox
        self._guard = world.lock()  # over what the device's own thread pulls from
        self._samples = memoryview(b"")
        self._pulled = 0
        self.attached = attached
        self.interrupted = False

    def say(self, samples: bytes) -> bool:
        with self._guard:
            cut = bool(self._samples)
            self._samples = memoryview(samples)
        if not self._device.running:
            frames = self._frames()
            next(frames)
            self._do(lambda: self._device.start(frames))
        return cut

    @property
    def speaking(self) -> bool:
        with self._guard:
            return bool(self._samples)

    @property
    def pulled(self) -> int:
        with self._guard:
            return self._pulled

    def rest(self) -> None:
        self._do(self._device.stop)

    def check(self) -> None:
        if not self._listed():
            raise DeviceLost(device=self._name, port=self.attached)

    def interrupt(self) -> None:
        self.interrupted = True
        self._mailbox.ring()

    def close(self) -> None:
        self._device.close()

    def _frames(self) -> Frames:
        """Runs on miniaudio's thread: so many frames are wanted, so many at most are given."""
        wanted = yield b""
        while True:
            with self._guard:
                taken = self._samples[: wanted * BYTES]
                self._samples = self._samples[wanted * BYTES :]
                self._pulled += len(taken) // BYTES
                over = bool(taken) and not self._samples
            if over:
                self._mailbox.ring()
            wanted = yield bytes(taken)

    def _do(self, call: Callable[[], None]) -> None:
        try:
            call()
        except miniaudio.MiniaudioError as error:
            raise DeviceLost(device=self._name, port=self.attached) from error


def open_sink(world: World, sink: str, *, device: str, mailbox: Mailbox) -> Sink:
    """`sink`: "default" (PulseAudio where a server runs, else ALSA), "null", "pulse", "alsa", or
    one of the latter two with a pattern on a device's name: `alsa:*USB*`.

    Raises `DeviceAbsent`, `DeviceAmbiguous`, `DeviceDenied`, `DeviceBusy`.
    """
    backend, _, pattern = sink.partition(":")
    choices = ("pulse", "alsa") if backend == "default" else (backend,)
    fault: DeviceFault = DeviceAbsent(device=device, port=sink)
    for choice in choices:
        try:
            return _open(world, choice, pattern, device=device, mailbox=mailbox)
        except DeviceFault as found:
            fault = found
    raise fault


def _open(world: World, backend: str, pattern: str, *, device: str, mailbox: Mailbox) -> Sink:
    port = f"{backend}:{pattern}" if pattern else backend
    found = _devices(backend)
    fit = fitting(pattern or "*", found)
    if not fit:
        raise _nothing(world, backend, device, port)
    if pattern and len(fit) > 1:
        raise DeviceAmbiguous(device=device, port=port, found=", ".join(fit))
    try:
        opened = Output(backend, found[fit[0]] if pattern else None)
    except miniaudio.MiniaudioError as error:
        raise _not_opened(world, error, device, port) from error
    return MiniaudioSink(
        world,
        opened,
        name=device,
        attached=f"{backend}:{fit[0]}" if pattern else port,
        listed=lambda: bool(fitting(pattern or "*", _devices(backend))),
        mailbox=mailbox,
    )


def _devices(backend: str) -> dict[str, miniaudio.ffi.CData]:
    """The playback devices that the backend lists: name → its id."""
    try:
        listed = ListedOutputs([BACKENDS[backend]]).playbacks()
    except miniaudio.MiniaudioError:  # no server, no library: nothing there
        return {}
    return {name: one for name, one in listed.items() if not name.startswith(NOWHERE)}


def _nothing(world: World, backend: str, device: str, port: str) -> DeviceFault:
    """Why nothing is listed: ALSA leaves out the cards that this user may not use."""
    if backend == "alsa" and _playback_files(world):
        return DeviceDenied(device=device, port=port)
    return DeviceAbsent(device=device, port=port)


def _not_opened(
    world: World, error: miniaudio.MiniaudioError, device: str, port: str
) -> DeviceFault:
    kind = FAULTS.get(error.args[-1], DeviceAbsent)
    if kind is DeviceBusy:
        holders = {holders_of(world, str(path)) for path in _playback_files(world)}
        return DeviceBusy(device=device, port=port, holder=", ".join(sorted(holders)) or "?")
    return kind(device=device, port=port)


def _playback_files(world: World) -> list[Path]:
    """`pcmC<card>D<device>p` in /dev/snd (kernel, Documentation/sound)."""
    try:
        names = world.list_folder(SOUND_FILES)
    except OSError:  # no sound card, no folder
        return []
    return [SOUND_FILES / name for name in names if name.startswith("pcm") and name.endswith("p")]

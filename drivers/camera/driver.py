"""Reads codes with a camera: newest picture → watch → eye → same-code window → `events`.

The capture has a thread of its own (`drivers.camera.capture`); this device's thread looks at
what it offers: at each picture a fast pass, at some a thorough one after it. While nothing moves
fewer pictures are looked at.
"""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Final

from drivers.camera.capture import Capture, Frame, Picture, cut, open_capture
from drivers.camera.faults import CameraDark, CameraFrozen
from drivers.camera.options import CameraOptions
from drivers.camera.watch import CameraWatch
from drivers.contract import (
    Code,
    DeviceFault,
    DeviceProtocol,
    DeviceState,
    DeviceStatus,
    DeviceStuck,
    Options,
)
from drivers.eye import Eye, Sighting
from drivers.io.keeper import ManagedDevice
from drivers.io.repeats import MOST_WAITING, Repeats
from drivers.io.wait import Interrupted
from drivers.options import OptionsFault, typed
from world import Queue, World

LOG = logging.getLogger("onecard.devices")

FIRST_WITHIN: Final = 4.0  # seconds from opening to a picture; sensors wake slowly
FIRST_LOOKS: Final = 3  # pictures in which is looked for what is in view already
NEXT_WITHIN: Final = 2.5  # seconds; a camera that gives none for so long is frozen
AWAKE: Final = 2.0  # seconds that every picture is looked at after something moved
THOROUGH_AWAKE: Final = 0.25  # seconds from one thorough pass to the next
THOROUGH_AT_REST: Final = 2.0
REMEMBERED: Final = 200  # codes whose times are kept


class Camera(ManagedDevice[Capture]):
    """See `drivers.contract.CodeSource`. Counters: `frames` that the camera gave, `looked` at
    and of these `thorough`ly, `garbled` pictures, `repeated` codes, `unserved` ones (the lane was
    too far behind), `parts` (symbols of a message of several, no codes), `frame_to_code_ms_p50` and
    `frame_to_code_ms_p95` of the last 200 codes."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        super().__init__(world, name)
        self._options = typed(options, CameraOptions, device=name)
        self._eye = self._new_eye()
        self._events: Queue[Code] = world.queue()
        self._repeats = Repeats(self._options.window)
        self._capture: Capture | None = None
        self._in_view: dict[bytes, tuple[Sighting, Picture]] = {}  # when it was opened, by content
        self._dark = False
        self._times: deque[float] = deque(maxlen=REMEMBERED)  # seconds from frame to code
        self._watch = self._new_watch()
        self._good_at = 0.0  # when the last picture could be decoded; all three World.monotonic()
        self._awake_until = 0.0
        self._thorough_at = 0.0

    @property
    def events(self) -> Queue[Code]:
        return self._events

    def status(self) -> DeviceStatus:
        """See `drivers.contract.Device`; with the median and the 95 % of milliseconds from frame to
        code, and `CameraDark` while pictures are black."""
        status = super().status()
        with self._guard:
            times, dark = sorted(self._times), self._dark
        if times:
            counters = dict(status.counters)
            counters["frame_to_code_ms_p50"] = _milliseconds(times, 0.5)
            counters["frame_to_code_ms_p95"] = _milliseconds(times, 0.95)
            status = replace(status, counters=counters)
        if dark and status.state is DeviceState.READY:
            fault = CameraDark(device=self._name)
            status = replace(status, state=fault.state, fault=fault.code, facts=dict(fault.facts))
        return status

    def _new_eye(self) -> Eye:
        options = self._options
        try:
            return Eye(
                self._world.monotonic,
                symbologies=options.symbologies,
                second_opinion=options.second_opinion,
            )
        except ImportError as error:  # pyzbar is a thin layer over the system's libzbar0
            problem = "second_opinion: libzbar0 is not installed"
            raise OptionsFault(device=self._name, problem=problem) from error

    # `drivers.io.keeper.ManagedDevice`

    def _open(self) -> Capture:
        if self._capture is not None and not self._capture.ended:
            raise DeviceStuck(device=self._name)  # the call that hung hangs still
        capture = open_capture(self._world, self._options, device=self._name, count=self._count)
        with self._guard:
            self._capture = capture
            wanted = not (self._stopping or self._released)
        try:
            if wanted:
                self._await_life(capture)
                self._note_in_view(capture)
        except (DeviceFault, Interrupted):
            capture.close()
            raise
        return capture

    def _call_back(self) -> None:
        super()._call_back()
        with self._guard:
            if self._capture is not None:  # it may still be opening
                self._capture.interrupt()

    def _serve(self, connection: Capture) -> None:
        self._thorough_at = 0.0
        self._awake_until = 0.0
        for sighting, seen in self._in_view.values():
            self._take(sighting, seen, came=False)
        try:
            while True:
                picture = connection.next(NEXT_WITHIN)
                if picture is None:
                    raise CameraFrozen(device=self._name, port=connection.attached)
                self._look(connection, picture)
        finally:
            self._notice_dark(False)

    # Pictures

    def _await_life(self, capture: Capture) -> None:
        """Until there are pictures, and not always the same. Raises `CameraFrozen`,
        `DeviceProtocol` and what ends the capture."""
        self._watch = self._new_watch()
        self._good_at = self._world.monotonic()
        deadline = self._good_at + FIRST_WITHIN
        while picture := capture.next(deadline - self._world.monotonic()):
            grey = self._searched(capture, picture)
            if grey is not None:
                self._watch.look(picture, grey)
                if self._watch.alive:
                    return
        raise CameraFrozen(device=self._name, port=capture.attached)

    def _note_in_view(self, capture: Capture) -> None:
        """What lies before the camera when it is opened nobody has shown to it. A sequence begins
        with what it has to show. Raises as `_await_life`."""
        self._in_view = {}
        for _ in range(0 if self._options.is_sequence else FIRST_LOOKS):
            picture = capture.next(NEXT_WITHIN)
            if picture is None:
                raise CameraFrozen(device=self._name, port=capture.attached)
            grey = self._searched(capture, picture)
            if grey is not None:
                for sighting in self._eye.look(grey, thorough=True):
                    self._in_view.setdefault(sighting.content, (sighting, picture))

    def _look(self, capture: Capture, picture: Picture) -> None:
        grey = self._searched(capture, picture)
        if grey is None:
            return
        self._count("looked")
        seen = self._watch.look(picture, grey)
        if seen.frozen:
            raise CameraFrozen(device=self._name, port=capture.attached)
        self._notice_dark(seen.dark)
        thorough = self._is_thorough_due(picture.taken)
        if thorough:
            self._count("thorough")
            self._thorough_at = picture.taken
        parts = self._eye.parts
        found = self._eye.look(grey, thorough=thorough)
        if self._eye.parts > parts:
            self._count("parts", self._eye.parts - parts)
        for sighting in found:
            self._take(sighting, picture)
        if seen.moved or found:
            self._awake_until = picture.taken + AWAKE
        capture.rest(picture.taken > self._awake_until)

    def _take(self, sighting: Sighting, picture: Picture, *, came: bool = True) -> None:
        if len(self._events) >= MOST_WAITING:  # not seen either: held up longer, it is a new one
            self._count("unserved")
            return
        if self._repeats.seen(sighting.content, picture.taken):
            self._count("repeated")
            return
        at = self._world.monotonic()
        with self._guard:
            self._times.append(at - picture.taken)
        self._present()
        self._events.put(
            Code(self._name, sighting.content, picture.taken, at, sighting.symbology, came)
        )

    def _searched(self, capture: Capture, picture: Picture) -> Frame | None:
        """The part of the picture that is searched, None when it cannot be decoded. Raises
        `DeviceProtocol` when none could for too long."""
        grey = picture.grey()
        if grey is None:
            self._count("garbled")
            if picture.taken - self._good_at > NEXT_WITHIN:
                raise DeviceProtocol(device=self._name, port=capture.attached)
            return None
        self._good_at = picture.taken
        return cut(grey, self._options.region)

    def _is_thorough_due(self, taken: float) -> bool:
        pause = THOROUGH_AWAKE if taken <= self._awake_until else THOROUGH_AT_REST
        return taken - self._thorough_at >= pause

    def _notice_dark(self, dark: bool) -> None:
        """A dark camera is told once, and once when it sees again."""
        with self._guard:
            news, self._dark = dark != self._dark, dark
        if news and dark:
            LOG.warning("device %s: %s", self._name, CameraDark.code)
        elif news:
            LOG.info("device %s: sees again", self._name)

    def _new_watch(self) -> CameraWatch:
        options = self._options
        frozen_after = 0.0 if options.is_sequence else options.frozen_after
        return CameraWatch(frozen_after=frozen_after, dark_below=options.dark_below)


def _milliseconds(ordered: Sequence[float], share: float) -> int:
    """The nearest rank of seconds in order, in whole milliseconds, rounded up."""
    return ceil(ordered[ceil(share * len(ordered)) - 1] * 1000)

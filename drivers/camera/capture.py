"""An open camera: a thread of its own reads always, and only the newest picture is kept.

Cameras buffer, so what is not read at once is old when it is read. JPEG stays JPEG here: a picture
that is not looked at is never decoded, and its size alone tells that something came into view. Of a
network camera `drivers.camera.jpegs` finds the pictures, of others OpenCV does.
"""

import errno
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISCHR
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera.faults import CameraFrozen, CameraPassword
from drivers.camera.http_stream import HttpStream, NoCamera, NotLetIn, open_http
from drivers.camera.jpegs import Jpegs
from drivers.camera.options import CameraOptions
from drivers.contract import (
    DeviceAbsent,
    DeviceBusy,
    DeviceDenied,
    DeviceFault,
    DeviceLost,
    DeviceProtocol,
    DeviceSilent,
    DeviceUnreachable,
)
from drivers.io.holders import holders_of
from drivers.io.ports import find_port
from drivers.io.wait import Interrupted
from world import World

Frame = NDArray[np.uint8]

CALL_WITHIN: Final = 2.0  # seconds that a network camera may take to answer, or to go on
OVERDUE: Final = 0.9 * CALL_WITHIN  # a call that took so long was ended by its limit
CLOSE_WITHIN: Final = 1.0  # seconds; one that hangs in a call ends by itself, later
MJPG: Final = cv2.VideoWriter.fourcc(*"MJPG")
GREY: Final = cv2.IMREAD_GRAYSCALE

# Pictures of a still scene differ in size by the sensor's noise only, some 0.3 %.
NOISE_SHARE: Final = 0.01
NOISE_TIMES: Final = 6.0  # as often the usual difference is more than noise
FORGET: Final = 0.1  # weight of the newest picture in what is usual

cv2.setNumThreads(1)


class CountUp(Protocol):
    """Adds to a counter of the device's status."""

    def __call__(self, what: str, by: int = 1) -> None: ...


@dataclass(frozen=True)
class Picture:
    """What the camera gave, and when."""

    data: Frame = field(repr=False)  # a JPEG file's bytes, or rows × columns (× BGR)
    is_jpeg: bool
    taken: float  # World.monotonic() when the driver had it

    def grey(self) -> Frame | None:
        """Rows × columns; None for bytes that are no picture."""
        try:
            if self.is_jpeg:
                return _eight_bits(cv2.imdecode(self.data, GREY))
            if self.data.ndim == 3:
                return _eight_bits(cv2.cvtColor(self.data, cv2.COLOR_BGR2GRAY))
        except cv2.error:  # more pixels than any camera has, or none at all
            return None
        return self.data


class Capture:
    """`next` gives the newest picture; see `open_capture`."""

    def __init__(
        self,
        world: World,
        options: CameraOptions,
        path: str,
        *,
        device: str,
        count: CountUp,
    ) -> None:
        """Begins to open it, and to read. `count` is told `frames` and `garbled`."""
        self.attached = options.shown if options.is_address else path
        self._world = world
        self._options = options
        self._path = path
        self._device = device
        self._count = count
        self._guard = world.lock()  # over what follows
        self._newest: Picture | None = None
        self._fault: DeviceFault | None = None
        self._interrupted = False
        self._news = world.event()
        self._ended = world.event()
        self._closing = False
        self._at_rest = False
        self._given = 0.0
        self._sizes = Sizes()
        world.spawn(self._run, name=f"camera {device}")

    @property
    def ended(self) -> bool:
        """Nothing of it is left."""
        return self._ended.is_set()

    def next(self, timeout: float) -> Picture | None:
        """The newest picture that was not given yet; None when `timeout` seconds brought none.

        Raises `Interrupted`, and the `DeviceFault` that ended the camera.
        """
        deadline = self._world.monotonic() + timeout
        while self._news.wait(deadline - self._world.monotonic()):
            self._news.clear()
            with self._guard:
                picture, self._newest = self._newest, None
                interrupted, fault = self._interrupted, self._fault
            if interrupted:
                raise Interrupted
            if picture is not None:
                return picture
            if fault is not None:
                raise fault
        return None

    def rest(self, at_rest: bool) -> None:
        """At rest only some pictures are given, and each that seems to show something new."""
        self._at_rest = at_rest

    def interrupt(self) -> None:
        """Make a `next` that waits raise `Interrupted`. Any thread."""
        with self._guard:
            self._interrupted = True
        self._news.set()

    def close(self) -> None:
        """Returns when the camera is free, or after 1 s: a call that hangs ends by itself."""
        self._closing = True
        self._ended.wait(CLOSE_WITHIN)

    # The reading thread

    def _run(self) -> None:
        fault: DeviceFault = DeviceLost(device=self._device, port=self.attached)
        video = None
        try:
            if self._options.is_address:
                self._follow()
            else:
                video = self._opened()
                self._read(video)
        except DeviceFault as found:
            fault = found
        except cv2.error:
            fault = DeviceProtocol(device=self._device, port=self.attached)
        finally:
            if video is not None:
                video.release()
            with self._guard:
                self._fault = fault
            self._ended.set()
            self._news.set()

    def _read(self, video: cv2.VideoCapture) -> None:
        """Until closed. Raises `DeviceFault`, `cv2.error`."""
        options = self._options
        is_jpeg = not options.is_sequence and _gives_jpeg(video)
        while not self._closing:
            if options.is_sequence:
                self._world.wait(1 / options.fps)
            asked = self._world.monotonic()
            there = video.grab() or (options.is_sequence and _rewound(video))
            taken = self._world.monotonic()
            if not there or taken - asked >= OVERDUE:  # half a picture may come then
                raise self._gone(taken - asked)
            self._count("frames")
            if is_jpeg or self._due(taken):
                data = _eight_bits(video.retrieve()[1])
                if data is None:  # an empty packet
                    self._count("garbled")
                else:
                    self._offer(Picture(data, is_jpeg, taken))

    def _follow(self) -> None:
        """A network camera, until closed. Raises `DeviceFault`."""
        stream, jpegs, first = self._answering(), Jpegs(), True
        try:
            heard = picture_at = self._world.monotonic()
            while not self._closing:
                data = stream.read(CALL_WITHIN)
                heard = self._world.monotonic()
                broken, pictures = jpegs.broken, jpegs.feed(data)
                self._count("garbled", jpegs.broken - broken)
                for jpeg in pictures:
                    self._count("frames")
                    self._offer(Picture(np.frombuffer(jpeg, np.uint8), True, heard))
                if pictures:
                    first, picture_at = False, heard
                elif not data and not first:
                    raise DeviceLost(device=self._device, port=self.attached)
                elif not data or heard - picture_at >= CALL_WITHIN:
                    raise DeviceProtocol(device=self._device, port=self.attached)
        except TimeoutError as error:
            kind = DeviceSilent if first else CameraFrozen
            raise kind(device=self._device, port=self.attached) from error
        except OSError as error:
            raise DeviceLost(device=self._device, port=self.attached) from error
        finally:
            stream.close()

    def _answering(self) -> HttpStream:
        """Raises the `DeviceFault` for which it gives no stream."""
        facts = {"device": self._device, "port": self.attached}
        try:
            return open_http(self._world, self._path, within=CALL_WITHIN)
        except NotLetIn as error:
            raise CameraPassword(**facts) from error
        except NoCamera as error:
            raise DeviceProtocol(**facts) from error
        except TimeoutError as error:
            raise DeviceSilent(**facts) from error
        except (OSError, UnicodeError) as error:  # the latter for what can be no host's name
            raise DeviceUnreachable(**facts) from error

    def _offer(self, picture: Picture) -> None:
        new = picture.is_jpeg and self._sizes.strange(picture.data.size)
        if new or self._due(picture.taken):
            self._given = picture.taken
            with self._guard:
                self._newest = picture
            self._news.set()

    def _due(self, taken: float) -> bool:
        # Half a frame early: cameras are not punctual, and the next one would be late.
        pause = 1 / self._options.idle_fps - 0.5 / self._options.fps
        return not self._at_rest or taken - self._given >= pause

    def _gone(self, waited: float) -> DeviceFault:
        if waited >= OVERDUE:
            return CameraFrozen(device=self._device, port=self.attached)
        return DeviceLost(device=self._device, port=self.attached)

    def _opened(self) -> cv2.VideoCapture:
        """Raises the `DeviceFault` for which it does not open."""
        options = self._options
        if options.is_sequence:
            video = cv2.VideoCapture(self._path, cv2.CAP_IMAGES)
        else:
            self._check_node()
            video = cv2.VideoCapture(self._path, cv2.CAP_V4L2, _format(options))
        if video.isOpened():
            return video
        video.release()
        raise self._not_opened()

    def _check_node(self) -> None:
        """OpenCV does not say why a device does not open, so what can be known is found out
        before. Raises `DeviceFault`."""
        facts = {"device": self._device, "port": self._path}
        node = self._world.real_path(Path(self._path))
        try:
            if not S_ISCHR(self._world.file_mode(node)):
                raise DeviceProtocol(**facts)
            self._world.open(node, "rb").close()
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise DeviceDenied(**facts) from error
            if error.errno == errno.EBUSY:
                raise DeviceBusy(**facts, holder=holders_of(self._world, self._path)) from error
            raise DeviceAbsent(**facts) from error

    def _not_opened(self) -> DeviceFault:
        facts = {"device": self._device, "port": self.attached}
        if self._options.is_sequence:
            return DeviceAbsent(**facts)
        holder = holders_of(self._world, self._path)
        return DeviceProtocol(**facts) if holder == "?" else DeviceBusy(**facts, holder=holder)


def open_capture(world: World, options: CameraOptions, *, device: str, count: CountUp) -> Capture:
    """Begin to open the camera; what is wrong with it is raised by `Capture.next`. Raises
    `DeviceAbsent`, `DeviceAmbiguous`."""
    is_node = not (options.is_address or options.is_sequence)
    path = find_port(world, options.source, device=device) if is_node else options.source
    return Capture(world, options, path, device=device, count=count)


class Sizes:
    """Tells a JPEG whose size noise does not explain: something has come into view, or left."""

    def __init__(self) -> None:
        self._usual = 0.0  # bytes
        self._difference = 0.0  # bytes

    def strange(self, size: int) -> bool:
        """Whether a picture of `size` bytes differs from the usual one by more than noise does; it
        is learned from in either case."""
        if not self._usual:
            self._usual = float(size)
        difference = abs(size - self._usual)
        noise = max(self._usual * NOISE_SHARE, self._difference * NOISE_TIMES)
        self._usual += (size - self._usual) * FORGET
        self._difference += (difference - self._difference) * FORGET
        return difference > noise


def cut(frame: Frame, region: tuple[float, float, float, float]) -> Frame:
    """The part of a frame; left, top, right, bottom from 0 to 1. At least one pixel each way."""
    height, width = frame.shape[:2]
    left, top = min(int(region[0] * width), width - 1), min(int(region[1] * height), height - 1)
    right, bottom = round(region[2] * width), round(region[3] * height)
    return frame[top : max(top + 1, bottom), left : max(left + 1, right)]


def _format(options: CameraOptions) -> list[int]:
    # MJPG first: uncompressed pictures of 720p do not fit through USB 2 at 30 fps.
    return [
        *(cv2.CAP_PROP_FOURCC, MJPG),
        *(cv2.CAP_PROP_FRAME_WIDTH, options.width),
        *(cv2.CAP_PROP_FRAME_HEIGHT, options.height),
        *(cv2.CAP_PROP_FPS, round(options.fps)),
    ]


def _gives_jpeg(video: cv2.VideoCapture) -> bool:
    return int(video.get(cv2.CAP_PROP_FOURCC)) == MJPG and video.set(cv2.CAP_PROP_CONVERT_RGB, 0)


def _rewound(video: cv2.VideoCapture) -> bool:
    """A sequence at its end begins anew."""
    return video.set(cv2.CAP_PROP_POS_FRAMES, 0) and video.grab()


def _eight_bits(frame: object) -> Frame | None:
    return frame if isinstance(frame, np.ndarray) and frame.dtype == np.uint8 else None

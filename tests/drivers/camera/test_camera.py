"""A camera reads what is shown to it, and what goes wrong with it has a name and an end."""

import itertools
import logging
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from contracts.drivers.reader import until
from contracts.drivers.source import PATIENCE, SourceContract, read, ready
from drivers.camera import capture, driver, watch
from drivers.camera.driver import Camera
from drivers.camera.options import CameraOptions
from drivers.contract import DeviceState
from drivers.options import OptionsFault
from simulators.devices.mjpeg import MjpegServer
from simulators.devices.painter import view
from world import QueueEmpty
from world.real import RealWorld

WORLD = RealWorld()
MakeCamera = Callable[..., Camera]


class CameraBench:
    """A camera on the network, and what is held before it."""

    contents: Sequence[bytes] = (
        b"https://example.com/c/1",
        bytes(range(0x80, 0xA0)),
        "电子社保卡".encode("gbk"),
        b"\x00\x01binary\xff" * 4,
    )

    def __init__(self, server: MjpegServer) -> None:
        self.server = server
        options = {"source": server.url, "window": 600, "frozen_after": 1.0}
        self.source = Camera(WORLD, "scanner", options)
        self.source.start()

    def show(self, content: bytes) -> None:
        self.server.show(view(content))

    def hide(self) -> None:
        self.server.hide()

    def unplug(self) -> None:
        self.server.unplug()

    def plug(self) -> None:
        self.server.plug()

    def free(self) -> bool:
        return self.server.clients == 0


@pytest.fixture
def bench() -> Iterator[CameraBench]:
    with MjpegServer() as server:
        bench = CameraBench(server)
        yield bench
        bench.source.stop()


@pytest.fixture
def make_camera() -> Iterator[MakeCamera]:
    """A started camera with options, stopped afterwards."""
    cameras: list[Camera] = []

    def make(source: object, **options: object) -> Camera:
        camera = Camera(WORLD, f"camera-{len(cameras)}", {"source": str(source), **options})
        cameras.append(camera)
        camera.start()
        return camera

    yield make
    for camera in cameras:
        camera.stop()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits made shorter, for tests that only wait for one of them."""
    monkeypatch.setattr(capture, "CALL_WITHIN", 1.6)
    monkeypatch.setattr(capture, "OVERDUE", 1.4)
    monkeypatch.setattr(driver, "FIRST_WITHIN", 3.0)
    monkeypatch.setattr(driver, "NEXT_WITHIN", 2.0)
    monkeypatch.setattr(driver, "AWAKE", 0.5)
    monkeypatch.setattr(watch, "DARK_AFTER", 0.5)


class TestCameraAsSource(SourceContract):
    pass


@pytest.mark.parametrize("way", ["opened", "taken back", "back on the network"])
def test_a_code_that_is_in_view_when_the_camera_is_opened_did_not_come(way: str) -> None:
    """A ticket that is taped there, a phone that was put down: told once, and as a code that was
    shown when it has been out of view."""
    with MjpegServer() as server:
        content = CameraBench.contents[0]
        window = 2.0  # seconds: longer than a busy machine keeps the camera from a look
        camera = Camera(WORLD, "scanner", {"source": server.url, "window": window})
        if way != "opened":
            camera.start()
            until(lambda: camera.status().state is DeviceState.READY, PATIENCE)
            camera.release() if way == "taken back" else server.unplug()
            until(lambda: camera.status().state is not DeviceState.READY, PATIENCE)
        server.show(view(content))
        if way == "opened":
            camera.start()
        elif way == "taken back":
            camera.take_back()
        else:
            server.plug()
            camera.look()
        lying = camera.events.get(PATIENCE)
        assert (lying.content, lying.came) == (content, False)
        until(lambda: camera.status().counters.get("repeated", 0) > 5, PATIENCE)
        assert len(camera.events) == 0
        looked = camera.status().counters["looked"]
        server.hide()
        until(lambda: camera.status().counters["looked"] > looked + 2, PATIENCE)
        WORLD.wait(window + 0.1)
        server.show(view(content))
        shown = camera.events.get(PATIENCE)
        assert (shown.content, shown.came) == (content, True)
        camera.stop()


def faulty(camera: Camera, code: str) -> bool:
    return camera.status().fault == code and camera.status().state is not DeviceState.READY


# What goes wrong with a camera that was well


def test_every_limit_ends_within_three_seconds() -> None:
    limits = (capture.CALL_WITHIN, driver.NEXT_WITHIN, watch.DARK_AFTER)
    assert max(*limits, CameraOptions(source="x").frozen_after) <= 3.0


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("frozen", "camera.frozen"),
        ("paused", "camera.frozen"),
        ("stalled", "camera.frozen"),
        ("black", "camera.dark"),
    ],
)
def test_fault_has_its_name_and_ends_by_itself(bench: CameraBench, fault: str, code: str) -> None:
    ready(bench)
    setattr(bench.server.faults, fault, True)
    until(lambda: faulty(bench.source, code), PATIENCE)
    assert bench.source.status().state is DeviceState.NO_ANSWER
    setattr(bench.server.faults, fault, False)
    bench.source.look()
    ready(bench)
    content = bench.contents[0]
    assert read(bench, content).content == content


@pytest.mark.usefixtures("quick")
def test_dark_camera_goes_on_and_is_told_once(
    bench: CameraBench, caplog: pytest.LogCaptureFixture
) -> None:
    ready(bench)
    with caplog.at_level(logging.INFO, logger="onecard.devices"):
        bench.server.faults.black = True
        until(lambda: faulty(bench.source, "camera.dark"), PATIENCE)
        assert bench.server.clients == 1
        bench.server.faults.black = False
        until(lambda: len(caplog.records) == 2, PATIENCE)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["device scanner: camera.dark", "device scanner: sees again"]
    assert bench.source.status().lost == 0


@pytest.mark.usefixtures("quick")
def test_frozen_camera_that_stays_frozen_is_told_once(
    make_camera: MakeCamera, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="onecard.devices"), MjpegServer() as server:
        camera = make_camera(server.url, frozen_after=0.5)
        until(lambda: camera.status().state is DeviceState.READY, PATIENCE)
        server.faults.frozen = True
        until(lambda: faulty(camera, "camera.frozen"), PATIENCE)
        tried = server.connections + 1
        until(lambda: server.connections >= tried and server.clients == 0, 2 * PATIENCE)
        assert faulty(camera, "camera.frozen")
        camera.stop()
    assert [record.getMessage() for record in caplog.records] == ["device camera-0: camera.frozen"]


def test_clean_source_may_stand_still(make_camera: MakeCamera) -> None:
    with MjpegServer() as server:
        server.faults.frozen = True
        camera = make_camera(server.url, frozen_after=0, idle_fps=30)
        until(lambda: camera.status().counters.get("looked", 0) > 20, PATIENCE)
        assert camera.status().state is DeviceState.READY
        camera.stop()


def test_password_of_the_address_is_in_no_log_and_no_status(
    make_camera: MakeCamera, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), MjpegServer() as server:
        camera = make_camera(server.url.replace("http://", "http://admin:s3cret@") + "?key=t0ken")
        until(lambda: camera.status().state is DeviceState.READY, PATIENCE)
        told = repr(camera.status())
        server.unplug()
        until(lambda: faulty(camera, "device.unreachable"), PATIENCE)
        told += repr(camera.status()) + caplog.text
        camera.stop()
    assert server.url in told
    assert "s3cret" not in told
    assert "t0ken" not in told


# What is no camera from the beginning


def test_nobody_at_the_address_is_unreachable(make_camera: MakeCamera) -> None:
    with MjpegServer() as server:
        url = server.url
    camera = make_camera(url)
    until(lambda: faulty(camera, "device.unreachable"), PATIENCE)


def test_a_name_that_no_host_can_have_is_unreachable(make_camera: MakeCamera) -> None:
    camera = make_camera("http://a..b/video")
    until(lambda: faulty(camera, "device.unreachable"), PATIENCE)


def test_a_second_opinion_without_its_library_is_a_wrong_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "pyzbar.pyzbar", raising=False)
    monkeypatch.setitem(sys.modules, "pyzbar", None)
    with pytest.raises(OptionsFault, match="libzbar0"):
        Camera(WORLD, "eye", {"source": "/dev/video0", "second_opinion": True})


@pytest.mark.usefixtures("quick")
def test_who_takes_the_connection_and_says_nothing_is_silent(make_camera: MakeCamera) -> None:
    with MjpegServer() as server:
        server.faults.silent = True
        camera = make_camera(server.url)
        until(lambda: faulty(camera, "device.silent"), PATIENCE)
        camera.stop()


PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>a printer</html>",
        b"HTTP/1.0 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n\r\n" + PLAYLIST,
        b"HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
        b"HTTP/1.0 302 Found\r\nLocation: http://[camera]/mjpeg\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        bytes(range(256)) * 8,
        b"",
    ],
    ids=["404", "html", "playlist", "redirect", "brackets", "ssh", "garbage", "nothing"],
)
def test_what_answers_and_is_no_camera_is_a_protocol_error(
    make_camera: MakeCamera, answer: bytes
) -> None:
    with MjpegServer() as server:
        server.faults.answer = answer
        camera = make_camera(server.url)
        until(lambda: faulty(camera, "device.protocol"), PATIENCE)
        camera.stop()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("endless", ["headers", "part", "frame"])
def test_answer_without_an_end_is_given_up(make_camera: MakeCamera, endless: Any) -> None:
    with MjpegServer() as server:
        server.faults.endless = endless
        camera = make_camera(server.url)
        until(lambda: bool(camera.status().fault), PATIENCE)
        assert camera.status().state is not DeviceState.READY
        server.faults.endless = ""
        camera.look()
        until(lambda: camera.status().state is DeviceState.READY, PATIENCE)
        camera.stop()


# Bad pictures


SPOILT: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "cut": lambda rng, jpeg: jpeg[: rng.randrange(len(jpeg))],
    "patched": lambda rng, jpeg: jpeg[:99] + rng.randbytes(999) + jpeg[999:],
    "headless": lambda rng, jpeg: jpeg[rng.randrange(len(jpeg)) :],
    "random": lambda rng, jpeg: rng.randbytes(len(jpeg)),
    "empty": lambda rng, jpeg: b"",
    "thrice": lambda rng, jpeg: jpeg * 3,
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_spoilt_pictures_are_survived_and_no_code_comes_of_them(
    bench: CameraBench, spoilt: str
) -> None:
    """FFmpeg may give up such a stream; then the camera is opened again."""
    first, second = bench.contents[:2]
    rng = random.Random(spoilt)

    def two_of_three(jpeg: bytes) -> bytes:
        return SPOILT[spoilt](rng, jpeg) if rng.random() < 0.66 else jpeg

    ready(bench)
    before = bench.source.status().counters["frames"]
    bench.server.faults.spoil = two_of_three
    bench.show(first)
    until(
        lambda: (
            bench.source.status().counters["frames"] > before + 12 or bench.source.status().lost > 0
        ),
        PATIENCE,
    )
    bench.server.faults.spoil = None
    bench.source.look()
    bench.show(second)
    codes = [bench.source.events.get(PATIENCE).content]
    while codes[-1] != second:
        codes.append(bench.source.events.get(PATIENCE).content)
    assert {*codes} <= {first, second}


@pytest.mark.usefixtures("quick")
def test_nothing_but_garbage_is_a_protocol_error(bench: CameraBench) -> None:
    ready(bench)
    bench.server.faults.spoil = lambda jpeg: b"\xff\xd8" + bytes(len(jpeg))
    until(lambda: faulty(bench.source, "device.protocol"), PATIENCE)
    bench.server.faults.spoil = None
    bench.source.look()
    ready(bench)


# Where and when it looks


def test_code_outside_the_region_is_not_seen(make_camera: MakeCamera) -> None:
    left, right = view(b"left"), view(b"right")
    both = np.hstack([left, right])
    with MjpegServer() as server:
        camera = make_camera(server.url, region=[0.5, 0.0, 1.0, 1.0])
        server.show(both)
        assert camera.events.get(PATIENCE).content == b"right"
        with pytest.raises(QueueEmpty):
            camera.events.get(0.5)
        camera.stop()


def test_two_codes_in_one_picture_both_come_out(make_camera: MakeCamera) -> None:
    with MjpegServer() as server:
        camera = make_camera(server.url)
        server.show(np.hstack([view(b"one"), view(b"two")]))
        assert {camera.events.get(PATIENCE).content for _ in range(2)} == {b"one", b"two"}
        camera.stop()


@pytest.mark.usefixtures("quick")
def test_at_rest_fewer_pictures_are_looked_at_and_movement_wakes_it(bench: CameraBench) -> None:
    ready(bench)
    assert read(bench, b"before the rest").content == b"before the rest"

    def looked_of(frames: int) -> float:
        before = bench.source.status().counters
        until(
            lambda: bench.source.status().counters["frames"] >= before["frames"] + frames, PATIENCE
        )
        after = bench.source.status().counters
        return (after["looked"] - before["looked"]) / (after["frames"] - before["frames"])

    def woken() -> bool:
        """By each code anew: on a busy machine it may rest again before it has been looked at."""
        code = b"woken %d" % next(numbers)
        assert read(bench, code).content == code
        return looked_of(5) > 0.6

    until(lambda: looked_of(15) < 0.6, PATIENCE)
    numbers = itertools.count()
    until(woken, PATIENCE)


def test_times_from_frame_to_code_are_kept(bench: CameraBench) -> None:
    ready(bench)
    for content in bench.contents:
        read(bench, content)
    counters = bench.source.status().counters
    assert 0 < counters["frame_to_code_ms_p50"] <= counters["frame_to_code_ms_p95"]


# Sequences of pictures


def paint(folder: Path, contents: Sequence[bytes]) -> str:
    for number, content in enumerate(contents):
        cv2.imwrite(str(folder / f"frame-{number:04d}.png"), view(content))
    return str(folder / "frame-%04d.png")


def test_sequence_is_read_in_order_and_begins_anew(make_camera: MakeCamera, tmp_path: Path) -> None:
    contents = [b"first", b"\x80second", b"third"]
    camera = make_camera(paint(tmp_path, contents), window=0, fps=60)
    codes = [camera.events.get(PATIENCE).content for _ in range(9)]
    assert {*codes} == {*contents}
    order = [contents.index(code) for code in codes]
    assert order != sorted(order)
    assert camera.status().lost == 0
    camera.stop()


def test_still_sequence_is_not_frozen(make_camera: MakeCamera, tmp_path: Path) -> None:
    camera = make_camera(paint(tmp_path, [b"only"]), frozen_after=0.2, fps=60)
    until(lambda: camera.status().counters.get("frames", 0) > 30, PATIENCE)
    assert camera.status().state is DeviceState.READY
    camera.stop()


def test_sequence_that_is_not_there_is_absent_until_it_is(
    make_camera: MakeCamera, tmp_path: Path
) -> None:
    camera = make_camera(tmp_path / "frame-%04d.png")
    until(lambda: faulty(camera, "device.absent"), PATIENCE)
    paint(tmp_path, [b"late"])
    camera.look()
    assert camera.events.get(PATIENCE).content == b"late"


# Device nodes: there is no V4L2 on this machine, so these are all the wrong ones


def test_node_that_is_not_there_is_absent(make_camera: MakeCamera, tmp_path: Path) -> None:
    camera = make_camera(tmp_path / "by-id" / "usb-*-video-index0")
    until(lambda: faulty(camera, "device.absent"), PATIENCE)


def test_two_cameras_that_fit_are_not_guessed_between(
    make_camera: MakeCamera, tmp_path: Path
) -> None:
    for name in ("usb-A-video-index0", "usb-B-video-index0"):
        (tmp_path / name).touch()
    camera = make_camera(tmp_path / "usb-*-video-index0")
    until(lambda: faulty(camera, "device.ambiguous"), PATIENCE)


def test_node_that_is_no_camera_is_a_protocol_error(
    make_camera: MakeCamera, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").symlink_to("/dev/full")
    cameras = [make_camera(tmp_path / "file"), make_camera(tmp_path / "full")]
    until(lambda: all(faulty(camera, "device.protocol") for camera in cameras), PATIENCE)


# A call that hangs


class HangingVideo:
    """A `cv2.VideoCapture` whose driver does not return from the moment that `hang` says so."""

    def __init__(self) -> None:
        self.hang = threading.Event()
        self.go_on = threading.Event()
        self.released = threading.Event()
        self.turn = itertools.count()

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def grab(self) -> bool:
        return not self.hang.wait(0.02) or not self.go_on.wait(60)

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.full((48, 64, 3), 100 + next(self.turn) % 100, np.uint8)

    def get(self, what: int) -> float:
        return 0.0

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HangingVideo]:
    """What opens behind the node `tmp_path/hanging`; others are the real thing."""
    video = HangingVideo()
    real = cv2.VideoCapture
    node = str(tmp_path / "hanging")
    Path(node).symlink_to("/dev/full")

    def opened(path: str, *rest: Any) -> Any:
        return video if path == node else real(path, *rest)

    monkeypatch.setattr(cv2, "VideoCapture", opened)
    yield video
    video.go_on.set()


@pytest.mark.usefixtures("quick")
def test_call_that_hangs_is_frozen_and_is_not_called_again_before_it_returns(
    hanging: HangingVideo, make_camera: MakeCamera, tmp_path: Path
) -> None:
    camera = make_camera(tmp_path / "hanging")
    until(lambda: camera.status().state is DeviceState.READY, PATIENCE)
    hanging.hang.set()
    until(lambda: faulty(camera, "camera.frozen"), PATIENCE)
    camera.look()
    until(lambda: faulty(camera, "device.no-answer"), PATIENCE)
    assert not hanging.released.is_set()
    hanging.go_on.set()
    until(hanging.released.is_set, PATIENCE)


def test_call_that_hangs_holds_up_neither_stop_nor_release_nor_others(
    hanging: HangingVideo, make_camera: MakeCamera, bench: CameraBench, tmp_path: Path
) -> None:
    camera = make_camera(tmp_path / "hanging")
    until(lambda: camera.status().state is DeviceState.READY, PATIENCE)
    hanging.hang.set()
    camera.release()
    until(lambda: camera.status().fault == "device.released", PATIENCE)
    ready(bench)
    assert read(bench, bench.contents[0]).content == bench.contents[0]
    camera.stop()
    assert camera._task is not None
    assert not camera._task.alive
    assert not hanging.released.is_set()

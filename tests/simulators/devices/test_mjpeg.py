"""The simulated network camera sends what is shown, when it says so, and fails as it is told."""

import http.client
import itertools
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from contracts.drivers.reader import until
from simulators.devices.mjpeg import BOUNDARY, MjpegProcess, MjpegServer

PATIENCE = 60.0
WHITE = np.full((120, 160), 230, np.uint8)


@pytest.fixture
def camera() -> Iterator[MjpegServer]:
    with MjpegServer(fps=60, size=(160, 120)) as camera:
        yield camera


def pictures(url: str) -> Generator[bytes, None, None]:
    """The JPEG parts as a browser would take them."""
    place = urlsplit(url)
    with closing(http.client.HTTPConnection(place.netloc, timeout=PATIENCE)) as connection:
        connection.request("GET", place.path)
        with connection.getresponse() as answer:
            assert answer.headers.get_content_type() == "multipart/x-mixed-replace"
            while answer.readline() == BOUNDARY:
                head = http.client.parse_headers(answer)
                yield answer.read(int(head["Content-Length"]))
                answer.readline()


def mean(jpeg: bytes) -> float:
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    return float(grey.mean())


def test_what_is_shown_is_sent_and_taken_away_again(camera: MjpegServer) -> None:
    stream = pictures(camera.url)
    resting = mean(next(stream))
    before = time.perf_counter()
    number = camera.show(WHITE)
    assert any(mean(jpeg) > 220 for jpeg in stream)  # behind those that are under way
    sent = camera.sent(number)
    assert sent is not None
    assert before <= camera.held(number) <= sent <= time.perf_counter()
    camera.hide()
    assert any(abs(mean(jpeg) - resting) < 3 for jpeg in stream)


def test_a_still_scene_is_never_the_same_picture_twice_unless_frozen(camera: MjpegServer) -> None:
    stream = pictures(camera.url)
    living = list(itertools.islice(stream, 12))
    assert all(one != other for one, other in itertools.pairwise(living))
    camera.faults.frozen = True
    assert any(one == other for one, other in itertools.pairwise(stream))
    assert len(set(itertools.islice(stream, 8))) == 1


def test_picture_that_was_never_sent_has_no_time(camera: MjpegServer) -> None:
    assert camera.sent(camera.show(WHITE)) is None


def test_unplugged_it_cuts_off_who_watches_and_comes_back_at_its_address(
    camera: MjpegServer,
) -> None:
    url = camera.url
    stream = pictures(url)
    next(stream)
    assert camera.clients == 1
    camera.unplug()
    with suppress(OSError, http.client.HTTPException):  # cut off in the middle of a picture
        for _ in stream:  # until it ends
            pass
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), PATIENCE)
    camera.plug()
    assert camera.url == url
    assert mean(next(pictures(url))) > 0


def test_viewer_that_goes_is_forgotten(camera: MjpegServer) -> None:
    stream = pictures(camera.url)
    next(stream)
    stream.close()
    until(lambda: camera.clients == 0, PATIENCE)


def test_camera_in_a_process_of_its_own_has_the_same_clock() -> None:
    with MjpegProcess(fps=60, size=(160, 120)) as camera:
        stream = pictures(camera.url)
        next(stream)
        before = time.perf_counter()
        number = camera.show(WHITE)
        assert any(mean(jpeg) > 220 for jpeg in stream)
        held, sent = camera.held(number), camera.sent(number)
        camera.hide()
    assert sent is not None
    assert before <= held <= sent <= time.perf_counter()

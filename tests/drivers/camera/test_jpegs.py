"""Pictures are found by their own markers, whatever is around them and however it arrives."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera import jpegs
from drivers.camera.http_stream import open_http
from drivers.camera.jpegs import Jpegs
from simulators.devices.mjpeg import MANNERS, MjpegServer
from world.real import RealWorld

WORLD = RealWorld()
PATIENCE = 60.0


def picture(seed: int, *options: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (24, 32), np.uint8)
    return cv2.imencode(".jpg", noise, options)[1].tobytes()


PICTURES = [
    picture(0),
    picture(1, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),  # several scans
    picture(2, cv2.IMWRITE_JPEG_RST_INTERVAL, 1),  # restart markers within the data
]
between = st.binary(max_size=40).filter(lambda data: b"\xff" not in data)
cuts = st.lists(st.integers(0, 5000), max_size=8)


def found(stream: bytes, places: Sequence[int] = ()) -> list[bytes]:
    cutter = Jpegs()
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [one for begin, end in pairwise(edges) for one in cutter.feed(stream[begin:end])]


@given(order=st.lists(st.tuples(st.sampled_from(PICTURES), between), max_size=5), places=cuts)
def test_every_picture_comes_out_whole(order: list[tuple[bytes, bytes]], places: list[int]) -> None:
    stream = b"".join(data + around for data, around in order)
    assert found(stream, places) == [data for data, _ in order]


@given(noise=st.lists(st.binary(max_size=300), max_size=6), places=cuts)
def test_hostile_bytes_are_bounded_and_good_pictures_are_found_again(
    noise: list[bytes], places: list[int]
) -> None:
    """A wrong length may hide what follows within 64 kB, and no more."""
    cutter = Jpegs()
    for part in noise:
        cutter.feed(part)
    assert len(cutter._buffer) <= sum(map(len, noise))
    for _ in range(70_000 // len(PICTURES[0])):
        cutter.feed(PICTURES[0])
    assert PICTURES[0] in cutter.feed(PICTURES[0])


@pytest.mark.parametrize("manner", MANNERS)
def test_however_a_camera_writes_its_stream_its_pictures_come_out(manner: str) -> None:
    with MjpegServer(manner=manner) as server:
        stream, cutter = open_http(WORLD, server.url, within=PATIENCE), Jpegs()
        pictures: list[bytes] = []
        while len(pictures) < 5:
            pictures += cutter.feed(stream.read(PATIENCE))
        stream.close()
    frames = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_GRAYSCALE) for one in pictures]
    assert all(frame is not None and frame.shape == (480, 640) for frame in frames)
    assert cutter.broken == 0


def test_a_picture_without_its_end_ends_where_the_next_begins() -> None:
    first, second = PICTURES[0], PICTURES[1]
    assert found(first[:-2] + b"\r\n--frame\r\n" + second)[1:] == [second]
    assert found(first[:-2] + second)[0] == first[:-2]


def test_a_picture_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpegs, "LARGEST", 10_000)
    cutter = Jpegs()
    head = PICTURES[0][: PICTURES[0].index(b"\xff\xda") + 20]
    cutter.feed(head)
    for _ in range(20):
        cutter.feed(bytes(1000))
    assert cutter.broken == 1
    assert len(cutter._buffer) <= 11_000
    assert cutter.feed(PICTURES[1]) == [PICTURES[1]]


def test_what_only_begins_like_a_picture_is_broken() -> None:
    cutter = Jpegs()
    assert cutter.feed(b"\xff\xd8\xff\xe0\x00\x02rubbish" + PICTURES[0]) == [PICTURES[0]]
    assert cutter.broken == 1

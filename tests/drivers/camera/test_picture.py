"""Bytes from a camera become a grey picture or none: never an exception, never endless memory."""

import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError, convert

from drivers.camera.capture import Picture, cut
from drivers.camera.options import CameraOptions
from drivers.options import OptionsFault, typed

JPEG = cv2.imencode(".jpg", np.full((48, 64), 120, np.uint8))[1].tobytes()


def picture(jpeg: bytes) -> Picture:
    return Picture(np.frombuffer(jpeg, np.uint8), True, 0.0)


def resized(height: int, width: int) -> bytes:
    """The picture with another size in its frame header (SOF0, ITU-T T.81 B.2.2)."""
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


def test_jpeg_is_decoded_to_grey() -> None:
    grey = picture(JPEG).grey()
    assert grey is not None
    assert grey.shape == (48, 64)


def test_colour_frame_becomes_grey_and_grey_stays() -> None:
    colour = Picture(np.full((4, 6, 3), 9, np.uint8), False, 0.0).grey()
    assert colour is not None
    assert colour.shape == (4, 6)
    same = Picture(np.full((4, 6), 9, np.uint8), False, 0.0).grey()
    assert same is not None
    assert same.shape == (4, 6)


@pytest.mark.parametrize("size", [(65_500, 65_500), (0, 0)])
def test_size_that_no_camera_has_is_no_picture(size: tuple[int, int]) -> None:
    assert picture(resized(*size)).grey() is None


def test_limits_are_set_before_opencv_is_loaded() -> None:
    """OpenCV takes them when it is loaded, so this asks a process that loads the camera alone."""
    ask = (
        "import sys, numpy; from drivers.camera.capture import Picture, cut;"
        "jpeg = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8);"
        "print(Picture(jpeg, True, 0.0).grey() is None)"
    )
    answers = [
        subprocess.run([sys.executable, "-c", ask], input=jpeg, capture_output=True, check=True)
        for jpeg in (resized(20_000, 1_000), JPEG)
    ]
    assert [answer.stdout.split() for answer in answers] == [[b"True"], [b"False"]]


@given(st.binary(max_size=400))
def test_garbage_is_no_picture(data: bytes) -> None:
    picture(data).grey()


@given(st.integers(0, len(JPEG)), st.integers(0, len(JPEG) - 1), st.binary(max_size=20))
def test_truncated_and_patched_pictures_are_survived(cut: int, at: int, patch: bytes) -> None:
    grey = picture(JPEG[:cut]).grey()
    assert grey is None or grey.dtype == np.uint8
    grey = picture((JPEG[:at] + patch + JPEG[at + len(patch) :])[: len(JPEG)]).grey()
    assert grey is None or grey.dtype == np.uint8


fractions = st.floats(0.0, 1.0)


@given(st.integers(1, 60), st.integers(1, 60), fractions, fractions, fractions, fractions)
def test_every_region_of_every_frame_has_pixels(
    height: int, width: int, left: float, top: float, right: float, bottom: float
) -> None:
    part = cut(np.zeros((height, width), np.uint8), (left, top, right, bottom))
    assert 1 <= part.shape[0] <= height
    assert 1 <= part.shape[1] <= width


def test_whole_region_is_the_whole_frame() -> None:
    assert cut(np.zeros((7, 9), np.uint8), (0.0, 0.0, 1.0, 1.0)).shape == (7, 9)
    assert cut(np.zeros((10, 20), np.uint8), (0.5, 0.0, 1.0, 0.5)).shape == (5, 10)


# Options


def options(**values: object) -> CameraOptions:
    return convert(values, CameraOptions)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("/dev/v4l/by-id/usb-*-video-index0", "device"),
        ("/dev/video0", "device"),
        ("http://10.0.0.7:8080/video", "address"),
        ("/var/lib/frames/frame-%04d.png", "sequence"),
        ("http://10.0.0.7/a%20b", "address"),
    ],
)
def test_source_says_what_it_is(source: str, kind: str) -> None:
    made = options(source=source)
    assert (made.is_address, made.is_sequence) == (kind == "address", kind == "sequence")


def test_password_of_an_address_is_shown_to_nobody() -> None:
    made = options(source="http://admin:s3cret@10.0.0.7:8080/video?token=t0ken")
    assert made.shown == "http://10.0.0.7:8080/video"
    assert made.address == ("10.0.0.7", 8080)


@pytest.mark.parametrize(
    "values",
    [
        {"source": ""},
        {"source": "rtsp://10.0.0.7/"},
        {"source": "file:///etc/passwd"},
        {"source": "http://"},
        {"source": "http://10.0.0.7:99999/"},
        {"source": "/dev/video0", "region": (0.5, 0.0, 0.5, 1.0)},
        {"source": "/dev/video0", "region": (0.0, 0.9, 1.0, 0.1)},
        {"source": "/dev/video0", "region": (0.0, 0.0, 1.0, 1.5)},
        {"source": "/dev/video0", "fps": 0},
        {"source": "/dev/video0", "shutter": 1},
        {"source": "/dev/video0", "symbologies": ()},
    ],
)
def test_options_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(OptionsFault):
        typed(values, CameraOptions, device="scanner")


@given(st.text(max_size=30))
def test_any_source_is_taken_or_refused(text: str) -> None:
    for source in (text, f"http://{text}"):
        try:
            made = options(source=source)
        except ValidationError:
            continue
        assert made.shown
        assert made.address


def test_a_picture_shows_nothing_of_itself_in_what_is_printed() -> None:
    assert "251" not in repr(Picture(np.full((2, 2), 251, np.uint8), is_jpeg=False, taken=1.0))

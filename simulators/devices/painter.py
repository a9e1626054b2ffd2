"""Paints what a camera sees: codes held before it well and badly, and scenes without any code.

A content becomes modules (`qrcode`), the modules a card or phone screen, that is laid into a scene
by a homography, and the lens, the light and the sensor do their harm. Every frame is made from
(seed, kind, number) alone, so one frame can be painted again without the others.
"""

import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import qrcode
from numpy.random import Generator
from numpy.typing import NDArray
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.util import MODE_8BIT_BYTE, MODE_NUMBER, QRData

from simulators.devices import scenes
from simulators.devices.scenes import Image

Frame = NDArray[np.uint8]
Corners = NDArray[np.float32]  # 4 × (x, y): top left, top right, bottom right, bottom left

SIZES: Final = ((640, 480), (640, 480), (800, 600), (1280, 720))
LEVELS: Final = (ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q, ERROR_CORRECT_H)
QUIET: Final = 4  # modules of quiet zone, as ISO/IEC 18004 asks for
# Bytes that fit at level H, so that any level takes them, for versions 1 to 20.
ROOM_AT_H: Final = (
    *(7, 14, 24, 34, 44, 58, 64, 84, 98, 119),
    *(137, 155, 177, 194, 220, 250, 280, 310, 338, 382),
)


@dataclass(frozen=True)
class Painted:
    """A frame (height × width, gray) and exactly what is in it."""

    kind: str
    number: int
    frame: Frame = field(repr=False)
    contents: tuple[bytes, ...] = field(repr=False)


@dataclass
class Shot:
    """A frame on its way: what is drawn in it, and where its codes lie."""

    rng: Generator
    hardness: float  # 0 … 1, how much harm its kind does to it
    image: Image
    contents: tuple[bytes, ...]
    corners: Corners  # of the (first) code's modules
    module: float  # pixels


def corpus(count: int, seed: int) -> Iterator[Painted]:
    """`count` frames with codes, the kinds taking turns."""
    names = list(KINDS)
    for at in range(count):
        yield paint(names[at % len(names)], at // len(names), seed)


def empties(count: int, seed: int) -> Iterator[Painted]:
    """`count` frames without any code, the kinds of scene taking turns; two of three are 720p."""
    names = list(scenes.EMPTY)
    for at in range(count):
        number, kind = divmod(at, len(names))
        rng = np.random.default_rng([seed, 1000 + kind, number])
        size = (640, 480) if number % 3 == 2 else (1280, 720)
        frame = _developed(scenes.EMPTY[names[kind]](rng, size), rng, noise=rng.uniform(0, 4))
        yield Painted(names[kind], number, frame, ())


def paint(kind: str, number: int, seed: int) -> Painted:
    """One frame of the corpus. Hardness goes through its whole range as `number` grows."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
    hardness = (number * 0.618034 + rng.uniform(0, 0.05)) % 1.0
    shot = KINDS[kind](rng, hardness)
    noise = rng.uniform(6, 14 + 46 * hardness) if kind == "noise" else rng.uniform(0.5, 4)
    return Painted(kind, number, _developed(shot.image, rng, noise), shot.contents)


def view(
    content: bytes, size: tuple[int, int] = (640, 480), *, side: float = 0.5, angle: float = 0.0
) -> Frame:
    """A clean frame of one code in the middle, `side` of the frame's height wide, at `angle`
    degrees: for cameras that are simulated."""
    rng = np.random.default_rng(0)
    image = np.full((size[1], size[0]), 90, np.float32)
    _lay(image, modules(content, ERROR_CORRECT_M, 2), _square(size, side * size[1], angle))
    return _developed(image, rng, 1.0)


def modules(content: bytes, level: int, mask: int) -> Frame:
    """The code with its quiet zone, a pixel per module; digits in numeric mode, else byte mode."""
    code = qrcode.QRCode(error_correction=level, mask_pattern=mask, border=QUIET)
    code.add_data(
        QRData(content, mode=MODE_NUMBER if content.isdigit() else MODE_8BIT_BYTE), optimize=0
    )
    code.make(fit=True)
    return np.where(np.array(code.get_matrix()), np.uint8(20), np.uint8(235))


# Contents


def _ascii(rng: Generator, room: int) -> bytes:
    letters = np.frombuffer((string.ascii_letters + string.digits + "-_./=&").encode(), np.uint8)
    start = b"https://c.example/"[: max(room - 4, 0)]
    return start + rng.choice(letters, room - len(start)).tobytes()


def _digits(rng: Generator, room: int) -> bytes:
    return rng.choice(np.frombuffer(b"0123456789", np.uint8), room).tobytes()


def _chinese(encoding: str) -> Callable[[Generator, int], bytes]:
    def content(rng: Generator, room: int) -> bytes:
        each = len("一".encode(encoding))
        # The first level of GB 2312: all of it is in both encodings.
        rows, cells = rng.integers((0xB0, 0xA1), (0xD7, 0xFE), (room // each, 2), np.uint8).T
        return np.stack([rows, cells], 1).tobytes().decode("gb2312").encode(encoding)

    return content


def _binary(rng: Generator, room: int) -> bytes:
    return rng.bytes(room)


CONTENTS: Final = (_ascii, _ascii, _digits, _chinese("utf-8"), _chinese("gbk"), _binary)


def _code(rng: Generator, versions: tuple[int, int]) -> tuple[bytes, Frame]:
    room = ROOM_AT_H[int(rng.integers(versions[0], versions[1] + 1)) - 1]
    content = CONTENTS[int(rng.integers(len(CONTENTS)))](rng, room)
    level = LEVELS[int(rng.integers(4))]
    return content, modules(content, level, int(rng.integers(8)))


# Laying a code into a scene


def _square(
    size: tuple[int, int], side: float, angle: float, centre: tuple[float, float] | None = None
) -> Corners:
    x, y = centre or (size[0] / 2, size[1] / 2)
    turned = np.deg2rad(angle + np.array([225, 315, 45, 135]))
    radius = side / np.sqrt(2)
    points = np.stack([x + radius * np.cos(turned), y + radius * np.sin(turned)], 1)
    return np.asarray(points, np.float32)


def _inside(corners: Corners, size: tuple[int, int]) -> Corners:
    """Moved, and made smaller if need be, so that nothing of the code is outside the frame."""
    low, high = corners.min(0), corners.max(0)
    edges = np.array(size, np.float32) - 4
    scale = min(1.0, *(edges / (high - low)))
    low, corners = low * scale, corners * np.float32(scale)
    high = corners.max(0)
    shift = np.maximum(2 - low, 0) - np.maximum(high - edges, 0)
    return np.asarray(corners + shift, np.float32)


def _lay(image: Image, code: Frame, corners: Corners) -> None:
    """Draw `code` so that its four outer corners come to lie at `corners`."""
    across = float(np.linalg.norm(corners[1] - corners[0]))
    # Large modules first, so that the lens, not the drawing, decides how sharp an edge is.
    scale = max(int(np.ceil(2 * across / len(code))), 2)
    large = cv2.resize(code, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    large = cv2.GaussianBlur(large, (0, 0), max(scale * len(code) / across / 2, 0.3))
    edge = len(large)
    source = np.array([[0, 0], [edge, 0], [edge, edge], [0, edge]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners)
    height, width = image.shape
    laid = cv2.warpPerspective(large, matrix, (width, height), flags=cv2.INTER_LINEAR)
    here = cv2.warpPerspective(np.full_like(large, 255), matrix, (width, height)) / 255.0
    image += here.astype(np.float32) * (laid - image)


def _shot(
    rng: Generator,
    hardness: float,
    *,
    versions: tuple[int, int] = (1, 10),
    module: tuple[float, float] = (3.0, 7.0),
    angle: float = 8,
    tilt: float = 0.04,
    inverted: bool = False,
) -> Shot:
    """A code that is held up before a scene: module size in pixels, angle and tilt at most."""
    size = SIZES[int(rng.integers(len(SIZES)))]
    image = scenes.hall(rng, size)
    content, code = _code(rng, versions)
    if inverted:
        code = 255 - code
    side = min(rng.uniform(*module) * len(code), 0.95 * size[1])
    corners = _square(size, side, rng.uniform(-angle, angle), _centre(rng, size, side))
    corners += rng.uniform(-tilt, tilt, (4, 2)).astype(np.float32) * side
    corners = _inside(corners, size)
    _lay(image, code, corners)
    return Shot(rng, hardness, image, (content,), corners, side / len(code))


def _centre(rng: Generator, size: tuple[int, int], side: float) -> tuple[float, float]:
    x, y = (max(edge / 2 - side * 0.55, 0) for edge in size)
    return size[0] / 2 + rng.uniform(-x, x), size[1] / 2 + rng.uniform(-y, y)


def _developed(image: Image, rng: Generator, noise: float) -> Frame:
    """What the sensor makes of the light: noise, and eight bits."""
    grain = rng.standard_normal(image.shape, np.float32) * np.float32(noise)
    return _eight_bits(image + grain)


def _eight_bits(image: Image) -> Frame:
    return np.clip(image, 0, 255).astype(np.uint8)


# Kinds of frame


def _plain(rng: Generator, hardness: float) -> Shot:
    return _shot(rng, hardness)


def _rotated(rng: Generator, hardness: float) -> Shot:
    return _shot(rng, hardness, angle=180, module=(2.2, 5.0))


def _perspective(rng: Generator, hardness: float) -> Shot:
    return _shot(rng, hardness, tilt=0.06 + 0.16 * hardness, angle=30, module=(3.5, 8))


def _blurred(rng: Generator, hardness: float) -> Shot:
    shot = _shot(rng, hardness)
    shot.image = cv2.GaussianBlur(shot.image, (0, 0), shot.module * (0.2 + 0.75 * hardness))
    return shot


def _motion(rng: Generator, hardness: float) -> Shot:
    shot = _shot(rng, hardness)
    length = max(int(shot.module * (0.5 + 2.2 * hardness)), 2)
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1)
    kernel = cv2.warpAffine(line, turn, (length, length))
    shot.image = cv2.filter2D(shot.image, -1, kernel / np.sum(kernel))
    return shot


def _noise(rng: Generator, hardness: float) -> Shot:
    return _shot(rng, hardness, module=(2.5, 6))  # the grain itself comes at the end


def _dim(rng: Generator, hardness: float) -> Shot:
    """Few photons: small range near black, and noise that grows with the light."""
    shot = _shot(rng, hardness)
    light = 0.25 * (1 - hardness) ** 2 + 0.02
    few = shot.image * np.float32(light)
    shot.image = few + rng.standard_normal(few.shape, np.float32) * np.sqrt(few) * np.float32(0.6)
    return shot


def _glare(rng: Generator, hardness: float) -> Shot:
    """A lamp mirrored in a screen: a bright spot over part of the code, flat contrast elsewhere."""
    shot = _shot(rng, hardness)
    side = shot.module * 30
    x, y = shot.corners.mean(0) + rng.uniform(-0.5, 0.5, 2) * side
    grid_y, grid_x = np.mgrid[: shot.image.shape[0], : shot.image.shape[1]].astype(np.float32)
    away = ((grid_x - x) ** 2 + (grid_y - y) ** 2) / (side * (0.15 + 0.5 * hardness)) ** 2
    shot.image = shot.image * np.float32(0.6) + 60 + np.exp(-away) * np.float32(220)
    return shot


def _moire(rng: Generator, hardness: float) -> Shot:
    """A screen's grid beating against the sensor's."""
    shot = _shot(rng, hardness, module=(3.0, 7.0))
    grid_y, grid_x = np.mgrid[: shot.image.shape[0], : shot.image.shape[1]].astype(np.float32)
    for _ in range(2):
        period, turn = rng.uniform(2.2, 9.0), rng.uniform(0, np.pi)
        wave = np.sin((grid_x * np.cos(turn) + grid_y * np.sin(turn)) * (2 * np.pi / period))
        shot.image = shot.image * (1 + wave.astype(np.float32) * np.float32(0.1 + 0.5 * hardness))
    return shot


def _inverted(rng: Generator, hardness: float) -> Shot:
    """Dark mode: light modules on a dark screen."""
    shot = _shot(rng, hardness, inverted=True)
    shot.image = cv2.GaussianBlur(shot.image, (0, 0), 0.3 + shot.module * 0.5 * hardness)
    return shot


def _shadow(rng: Generator, hardness: float) -> Shot:
    """Half in the sun, half in the shade, with a hard edge across the code."""
    shot = _shot(rng, hardness)
    grid_y, grid_x = np.mgrid[: shot.image.shape[0], : shot.image.shape[1]].astype(np.float32)
    x, y = shot.corners.mean(0)
    turn = rng.uniform(0, 2 * np.pi)
    beyond = (grid_x - x) * np.cos(turn) + (grid_y - y) * np.sin(turn)
    shade = 1 / (1 + np.exp(-beyond / rng.uniform(2, 40)))
    shot.image = shot.image * (1 - (0.5 + 0.45 * hardness) * shade).astype(np.float32)
    return shot


def _covered(rng: Generator, hardness: float) -> Shot:
    """A thumb, or a crack, over part of the code."""
    shot = _shot(rng, hardness)
    side = float(np.linalg.norm(shot.corners[1] - shot.corners[0]))
    where = shot.corners.mean(0) + rng.uniform(-0.45, 0.45, 2) * side
    axes = (int(side * (0.03 + 0.14 * hardness)), int(side * (0.05 + 0.22 * hardness)))
    centre = (int(where[0]), int(where[1]))
    shade = float(rng.uniform(60, 190))
    cv2.ellipse(shot.image, centre, axes, rng.uniform(0, 180), 0, 360, shade, -1, cv2.LINE_AA)
    return shot


def _two(rng: Generator, hardness: float) -> Shot:
    """Two codes beside each other."""
    size = (1280, 720) if rng.random() < 0.5 else (800, 600)
    image = scenes.hall(rng, size)
    codes = [_code(rng, (1, 6)) for _ in range(2)]
    for at, (_, code) in enumerate(codes):
        side = min(rng.uniform(3, 6) * (1 - 0.4 * hardness) * len(code), 0.4 * size[0])
        centre = (size[0] * (0.27 + 0.46 * at), size[1] * rng.uniform(0.45, 0.55))
        corners = _square(size, side, rng.uniform(-15, 15), centre)
        _lay(image, code, corners)
    return Shot(rng, hardness, image, tuple(content for content, _ in codes), corners, 4.0)


def _far(rng: Generator, hardness: float) -> Shot:
    """A small code in a large scene: modules of hardly more than a pixel."""
    low = 2.6 - 1.5 * hardness
    return _shot(rng, hardness, versions=(1, 6), module=(low, low + 0.4), angle=20)


def _near(rng: Generator, hardness: float) -> Shot:
    """Too near to be sharp, and in its own shade: modules of ten pixels and more."""
    shot = _shot(rng, hardness, versions=(1, 6), module=(9, 18))
    soft = cv2.GaussianBlur(shot.image, (0, 0), 1 + shot.module * 0.55 * hardness)
    shot.image = soft * np.float32(1 - 0.93 * hardness)
    return shot


def _dense(rng: Generator, hardness: float) -> Shot:
    """Versions 11 to 20, as large as the frame lets them be."""
    return _shot(rng, hardness, versions=(11, 20), module=(3.4 - 1.4 * hardness, 6))


def _bent(rng: Generator, hardness: float) -> Shot:
    """Paper that is not flat."""
    shot = _shot(rng, hardness, module=(3.5, 7))
    grid_y, grid_x = np.mgrid[: shot.image.shape[0], : shot.image.shape[1]].astype(np.float32)
    period = shot.module * rng.uniform(40, 120)
    swing = np.float32(shot.module * (0.5 + 3.5 * hardness))
    waved = grid_y + swing * np.sin(grid_x * np.float32(2 * np.pi / period))
    shot.image = cv2.remap(shot.image, grid_x, waved, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    return shot


def _pressed(rng: Generator, hardness: float) -> Shot:
    """What a cheap camera's JPEG leaves over."""
    shot = _shot(rng, hardness, module=(2.2, 5))
    quality = int(45 - 40 * hardness)
    _, packed = cv2.imencode(".jpg", _eight_bits(shot.image), [cv2.IMWRITE_JPEG_QUALITY, quality])
    shot.image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.float32)
    return shot


KINDS: Final[Mapping[str, Callable[[Generator, float], Shot]]] = {
    "plain": _plain,
    "rotated": _rotated,
    "perspective": _perspective,
    "blur": _blurred,
    "motion": _motion,
    "noise": _noise,
    "dim": _dim,
    "glare": _glare,
    "moire": _moire,
    "inverted": _inverted,
    "shadow": _shadow,
    "covered": _covered,
    "two": _two,
    "far": _far,
    "near": _near,
    "dense": _dense,
    "bent": _bent,
    "pressed": _pressed,
}

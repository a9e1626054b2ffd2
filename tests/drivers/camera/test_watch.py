"""A camera that lives is told from one that is frozen or dark, and something that moves from none.

The control of each rule is a scene that differs in just that.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.capture import Frame, Picture, Sizes
from drivers.camera.watch import DARK_AFTER, CameraWatch, PictureLook

FRAME = 1 / 30
RNG = np.random.default_rng(1)
HALL = RNG.integers(60, 200, (48, 64), np.uint8).repeat(10, 0).repeat(10, 1)


def noisy(scene: Frame, level: float = 3.0) -> Frame:
    return np.clip(scene + RNG.normal(0, level, scene.shape), 0, 255).astype(np.uint8)


def watched(
    frames: list[Frame], *, frozen_after: float = 2.5, dark_below: int = 32
) -> list[PictureLook]:
    watch = CameraWatch(frozen_after=frozen_after, dark_below=dark_below)
    return [
        watch.look(Picture(frame, False, 100.0 + turn * FRAME), frame)
        for turn, frame in enumerate(frames)
    ]


def test_still_scene_of_a_real_sensor_is_neither_frozen_nor_dark_and_nothing_moves() -> None:
    seen = watched([noisy(HALL) for _ in range(90)])
    assert not any(one.frozen or one.dark or one.moved for one in seen[1:])


def test_identical_pictures_are_frozen_after_their_time_and_no_sooner() -> None:
    seen = watched([HALL] * 90)
    assert [one.frozen for one in seen] == [turn * FRAME >= 2.5 for turn in range(90)]


def test_one_bit_of_noise_is_a_living_camera() -> None:
    other = HALL.copy()
    other[0, 0] ^= 1
    assert not any(one.frozen for one in watched([HALL, other] * 45))


def test_clean_source_is_never_frozen() -> None:
    watch = CameraWatch(frozen_after=0, dark_below=32)
    seen = [watch.look(Picture(HALL, False, at), HALL) for at in (0.0, 10.0, 1000.0)]
    assert not any(one.frozen for one in seen)
    assert watch.alive


def test_alive_only_after_two_pictures_that_differ() -> None:
    watch = CameraWatch(frozen_after=2.5, dark_below=32)
    for at in (0.0, 0.1):
        watch.look(Picture(HALL, False, at), HALL)
        assert not watch.alive
    other = noisy(HALL)
    watch.look(Picture(other, False, 0.2), other)
    assert watch.alive


def test_dark_after_its_time_light_at_once() -> None:
    dark = np.full_like(HALL, 6)
    frames = [noisy(HALL)] + [noisy(dark) for _ in range(70)] + [noisy(HALL)]
    seen = watched(frames)
    assert not seen[0].dark
    assert not any(one.dark for one in seen[: int(DARK_AFTER / FRAME) - 1])
    assert seen[-2].dark
    assert not seen[-1].dark


def test_identical_black_is_dark_and_not_frozen() -> None:
    seen = watched([np.zeros_like(HALL)] * 120)
    assert seen[-1].dark
    assert not seen[-1].frozen


def test_lit_phone_in_the_dark_is_not_dark() -> None:
    scene = np.full_like(HALL, 6)
    scene[200:280, 300:360] = 180
    assert not any(one.dark for one in watched([noisy(scene) for _ in range(90)]))


def test_switched_off_it_is_never_dark() -> None:
    assert not any(one.dark for one in watched([np.zeros_like(HALL)] * 90, dark_below=0))


def test_phone_that_comes_and_goes_moves() -> None:
    with_phone = HALL.copy()
    with_phone[150:300, 250:350] = 240
    seen = watched([noisy(HALL), noisy(HALL), noisy(with_phone), noisy(with_phone), noisy(HALL)])
    assert [one.moved for one in seen[1:]] == [False, True, False, True]


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90), st.binary(min_size=1))))
def test_pictures_of_any_shape_and_content_are_judged(
    pictures: list[tuple[int, int, bytes]],
) -> None:
    watch = CameraWatch(frozen_after=2.5, dark_below=32)
    for turn, (height, width, pattern) in enumerate(pictures):
        frame = np.resize(np.frombuffer(pattern, np.uint8), (height, width))
        watch.look(Picture(frame, False, float(turn)), frame)


def test_size_that_noise_does_not_explain_is_strange() -> None:
    sizes = Sizes()
    usual = [sizes.strange(50_000 + int(RNG.normal(0, 120))) for _ in range(60)]
    assert not any(usual)
    assert sizes.strange(56_000)


def test_noise_grows_and_is_soon_usual() -> None:
    sizes = Sizes()
    strange = [sizes.strange(50_000 + int(RNG.normal(0, 1_000))) for _ in range(300)]
    assert not any(strange[60:])


@given(st.lists(st.integers(0, 2**31)))
def test_any_sizes_are_taken(lengths: list[int]) -> None:
    sizes = Sizes()
    for length in lengths:
        sizes.strange(length)

"""Painted frames can be painted again, and hold exactly what they are labelled with."""

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.devices.painter import (
    CONTENTS,
    KINDS,
    LEVELS,
    ROOM_AT_H,
    Frame,
    corpus,
    empties,
    modules,
    paint,
    view,
)
from simulators.devices.scenes import EMPTY


def read(frame: Frame) -> set[bytes]:
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)
    return {code.bytes for code in zxingcpp.read_barcodes(frame, formats=formats)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_paints_the_same_frame_and_another_one_another(kind: str) -> None:
    first, again, other = paint(kind, 3, 1), paint(kind, 3, 1), paint(kind, 3, 2)
    assert np.array_equal(first.frame, again.frame)
    assert first.contents == again.contents
    assert first.contents != other.contents


def test_a_frame_of_the_corpus_can_be_painted_alone() -> None:
    frames = list(corpus(len(KINDS) + 2, 1))
    for painted in frames[-3:]:
        alone = paint(painted.kind, painted.number, 1)
        assert np.array_equal(painted.frame, alone.frame)
        assert painted.contents == alone.contents
    assert {painted.kind for painted in frames} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_read_in_a_frame_is_its_label(kind: str) -> None:
    painted = [paint(kind, number, 1) for number in range(8)]
    assert all(read(p.frame) <= set(p.contents) for p in painted)
    assert any(read(p.frame) == set(p.contents) for p in painted)


def test_frames_are_gray_and_as_large_as_cameras_make_them() -> None:
    for painted in [*corpus(2 * len(KINDS), 1), *empties(2 * len(EMPTY), 1)]:
        height, width = painted.frame.shape
        assert painted.frame.dtype == np.uint8
        assert (640, 480) <= (width, height) <= (1280, 720)


def test_empty_scenes_have_no_code() -> None:
    scenes = list(empties(3 * len(EMPTY), 1))
    assert {scene.kind for scene in scenes} == set(EMPTY)
    assert [(read(scene.frame), scene.contents) for scene in scenes] == [(set(), ())] * len(scenes)


def test_the_same_seed_leaves_the_same_scene_empty() -> None:
    for one, again in zip(empties(len(EMPTY), 5), empties(len(EMPTY), 5), strict=True):
        assert np.array_equal(one.frame, again.frame)


@given(
    st.sampled_from(CONTENTS),
    st.sampled_from(ROOM_AT_H),
    st.sampled_from(LEVELS),
    st.integers(0, 7),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_any_content_at_any_level_stands_in_the_code_as_it_is(
    content: object, room: int, level: int, mask: int, seed: int
) -> None:
    assert callable(content)
    payload = content(np.random.default_rng(seed), room)
    large = np.kron(modules(payload, level, mask), np.ones((4, 4), np.uint8))
    assert read(large) == {payload}


@pytest.mark.parametrize("angle", [0.0, 45.0, 90.0])
def test_a_clean_view_is_read(angle: float) -> None:
    assert read(view(b"clean", (1280, 720), side=0.4, angle=angle)) == {b"clean"}


def test_control_a_wrong_label_is_noticed() -> None:
    painted = paint("plain", 0, 1)
    assert not read(painted.frame) <= {painted.contents[0] + b"x"}

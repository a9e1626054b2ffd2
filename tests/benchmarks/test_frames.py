"""The page about frames is made from a measurement, and its pictures are there and small."""

import re
from pathlib import Path

import numpy as np

from benchmarks import frames
from simulators.devices.painter import KINDS, corpus
from simulators.devices.scenes import EMPTY


def test_the_page_names_every_kind_and_shows_pictures_that_are_there(tmp_path: Path) -> None:
    frames.write(tmp_path, 3 * len(KINDS), len(EMPTY))
    page = (tmp_path / "frames.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in page for name in (*KINDS, *EMPTY))
    shown = re.findall(r"\]\((frames/[\w-]+\.webp)\)", page)
    assert shown
    assert all(0 < (tmp_path / name).stat().st_size <= frames.LARGEST for name in shown)
    assert {path.name for path in (tmp_path / "frames").iterdir()} == {n[7:] for n in shown}


def test_codes_are_counted_by_kind() -> None:
    page = frames.look(corpus(len(KINDS), 1))
    assert {name: kind.codes for name, kind in page.kinds.items()} == {
        name: 2 if name == "two" else 1 for name in KINDS
    }
    assert page.wrong["ours"] == 0


def test_the_worst_picture_fits() -> None:
    static = np.random.default_rng(0).integers(0, 256, (720, 1280), np.uint8)
    assert len(frames.picture(static)) <= frames.LARGEST

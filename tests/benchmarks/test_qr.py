"""`bench qr` counts what is right, what is wrong and what is not there; a guess is wrong."""

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import qr
from benchmarks.qr import NoMeasurement, Picture, Tally
from simulators.devices.painter import Frame, corpus, empties, view

GBK = "社保".encode("gbk")
NAMES = ("ours", "zxing", "zxing_all", "pyzbar", "reserve")


def guess(_: Frame) -> Iterable[bytes]:
    return [b"https://c.example/"]


def nothing(_: Frame) -> Iterable[bytes]:
    return []


def put(path: Path, content: bytes, label: bytes | None = None, kind: str = ".txt") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), view(content))
    if label is not None:
        path.with_suffix(kind).write_bytes(label)


def test_figures_are_flat_and_have_their_goals(tmp_path: Path) -> None:
    put(tmp_path / "a.png", b"a photograph", b"a photograph")
    report = qr.run(["--quick", "36", "--images", str(tmp_path)])
    assert report["name"] == "qr"
    assert (report["frames"], report["photos"], report["skipped"]) == (36, 1, [])
    assert (report["ours_wrong"], report["photo_of_union"]) == (0, 1.0)
    assert isinstance(report["holds"], bool)
    goals = report["goals"]
    assert isinstance(goals, dict)
    assert {goal.rpartition("_")[0] for goal in goals} <= report.keys()
    assert json.loads(json.dumps(report)) == report


def test_control_a_decoder_that_guesses_is_counted_wrong() -> None:
    tallies = qr.measure({"guess": guess, "nothing": nothing}, qr.painted(corpus(10, 1)))
    assert (len(tallies["guess"].correct), tallies["guess"].wrong) == (0, 10)
    assert (len(tallies["nothing"].correct), tallies["nothing"].wrong) == (0, 0)
    qr.look_at_empties(guess, empties(5, 1), tallies["guess"])
    assert tallies["guess"].wrong == 15
    assert not qr.holds({"ours_wrong": 1}, {"ours_wrong_max": 0})


def test_control_a_decoder_that_reads_less_does_not_hold() -> None:
    right = Tally(correct={(n, 0) for n in range(100)}, ms=[1.0], wall=[1.0])
    less = Tally(correct={(n, 0) for n in range(98)}, ms=[1.0], wall=[1.0])
    none = Tally(ms=[1.0], wall=[1.0])
    others = {"zxing": right, "zxing_all": right, "pyzbar": less, "reserve": none}
    figures = qr.union_figures({"ours": less, **others})
    assert (figures["union"], figures["of_union"]) == (100, 0.98)
    assert not qr.holds(figures, {"of_union_min": 0.99})
    assert qr.holds(qr.union_figures({"ours": right, **others}), {"of_union_min": 0.99})


def test_what_is_read_by_its_reserve_is_expected_of_nobody() -> None:
    right = Tally(correct={(n, 0) for n in range(100)}, ms=[1.0], wall=[1.0])
    less = Tally(correct={(n, 0) for n in range(98)}, ms=[1.0], wall=[1.0])
    spent = Tally(correct={(98, 0)}, ms=[1.0], wall=[1.0])
    others = {"zxing": right, "zxing_all": right, "pyzbar": less, "reserve": spent}
    figures = qr.union_figures({"ours": less, **others})
    assert (figures["union"], figures["of_union"]) == (99, round(98 / 99, 4))


def test_the_fast_pass_is_judged_where_it_reads() -> None:
    ours, zxing = Tally(ms=[1.0, 9.0, 2.0]), Tally(ms=[2.0, 1.0, 4.0])
    fast = Tally(correct={(0, 0), (2, 0)})
    figures = qr.fast_figures({"ours": ours, "zxing": zxing, "fast": fast})
    assert figures == {"fast_frames": 2, "fast_ratio": 0.5}
    with pytest.raises(NoMeasurement):
        qr.fast_figures({"ours": ours, "zxing": zxing, "fast": Tally()})


def test_decoders_take_turns_on_the_same_frames() -> None:
    calls: list[str] = []

    def noting(name: str) -> qr.Decoder:
        def look(_: Frame) -> Iterable[bytes]:
            calls.append(name)
            return []

        return look

    qr.measure({"a": noting("a"), "b": noting("b")}, qr.painted(corpus(3, 1)))
    assert "".join(calls) == "ab" + "ba" + "ab"


def test_what_no_decoder_reads_is_no_measurement() -> None:
    tallies = {name: Tally(ms=[1.0]) for name in NAMES}
    with pytest.raises(NoMeasurement):
        qr.union_figures(tallies)


@pytest.mark.parametrize(
    ("read", "label", "right"),
    [
        ([b"x"], b"x", True),
        ([GBK], GBK, True),
        ([GBK], "社保", True),  # a text label does not say the charset
        (["テスト".encode("cp932")], "テスト", True),
        ([GBK], "社保".encode(), False),  # an exact one does
        ([b"x "], "x", False),
        ([b"y"], "x", False),
    ],
)
def test_a_label_is_exact_bytes_or_a_text(
    read: list[bytes], label: bytes | str, right: bool
) -> None:
    picture = Picture("k", np.zeros((30, 30), np.uint8), (label,))
    assert qr.judge(read, picture) == (({0}, 0) if right else (set(), 1))


def test_beside_a_photographs_label_another_code_may_be_read() -> None:
    frame = np.zeros((30, 30), np.uint8)
    photograph = Picture("k", frame, ("x",), whole=False)
    assert qr.judge([b"x", b"other"], photograph) == ({0}, 0)
    assert qr.judge([b"other"], photograph) == (set(), 1)
    assert qr.judge([b"x", b"other"], Picture("k", frame, (b"x",))) == ({0}, 1)


def test_a_directory_is_searched_and_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    put(tmp_path / "one.png", b"text", b"text")
    put(tmp_path / "deep/er/two.jpg", GBK, GBK, ".bin")
    put(tmp_path / "three.webp", b"x", "é".encode("latin-1"))
    put(tmp_path / "four.png", b"x")
    (tmp_path / "five.png").write_bytes(b"no picture")
    (tmp_path / "five.txt").write_text("x")
    (tmp_path / "six.png").write_bytes(b"")
    (tmp_path / "SOURCE.md").write_text("where it is from")
    found = qr.labelled(tmp_path)
    assert [picture.labels for picture in found.pictures] == [(GBK,), ("text",)]
    assert found.skipped == [
        "five.png: no picture",
        "four.png: no label",
        "six.png: no label",
        "three.webp: three.txt is not UTF-8",
    ]


def test_a_directory_without_a_labelled_picture_is_no_measurement(tmp_path: Path) -> None:
    put(tmp_path / "one.png", b"x")
    with pytest.raises(NoMeasurement, match="no label"):
        qr.labelled(tmp_path)

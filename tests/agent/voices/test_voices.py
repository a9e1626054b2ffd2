"""The default voice pack: a clip for every reason, short enough, audible, and really Mandarin."""

import subprocess
import wave
from array import array
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.messages.reasons import Reason, table
from agent.messages.texts import LANGUAGES, Language, catalogue
from agent.voices import build
from agent.voices.build import LONGEST, RATE, VOICES
from agent.voices.faults import VoiceUnspoken
from agent.voices.spoken import said, syllables
from tests.agent.voices.pinyin import as_said, heard
from world.real import RealWorld

WORLD = RealWorld()
SILENT = {Reason.WELCOME}  # nobody is there yet


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voices") / "pack"
    build.build(WORLD, folder)
    return folder


def read(path: Path) -> "array[int]":
    with wave.open(str(path), "rb") as clip:
        assert (clip.getnchannels(), clip.getsampwidth(), clip.getframerate()) == (1, 2, RATE)
        return array("h", clip.readframes(clip.getnframes()))


def clips(pack: Path, language: Language) -> dict[str, "array[int]"]:
    return {path.stem: read(path) for path in sorted((pack / language).glob("*.wav"))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_reason_is_without_a_clip(pack: Path, language: Language) -> None:
    said = clips(pack, language)
    without = {reason for reason, row in table().items() if row.voice not in said}
    assert without == SILENT


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_pack_is_up_to_date(pack: Path, language: Language) -> None:
    shipped = {entry.name for entry in (files("agent.voices") / "pack" / language).iterdir()}
    assert shipped == {path.name for path in (pack / language).iterdir()}, "start ./run once"


def test_no_chinese_clip_is_longer_than_a_bus_allows(pack: Path) -> None:
    long = {
        key: round(len(samples) / RATE, 2)
        for key, samples in clips(pack, "zh").items()
        if len(samples) > LONGEST * RATE
    }
    assert not long


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_clip_is_loud_all_through_and_unlike_every_other(
    pack: Path, language: Language
) -> None:
    said = clips(pack, language)
    for key, samples in said.items():
        assert len(samples) > 0.4 * RATE, key
        assert 20_000 < max(map(abs, samples)) < 32_767, key
        audible = sum(abs(sample) > 500 for sample in samples)
        assert audible > len(samples) // 5, key
    assert len({samples.tobytes() for samples in said.values()}) == len(said)


@pytest.mark.parametrize("text", catalogue("zh")["voice"].values())
def test_every_syllable_is_mandarin(text: str) -> None:
    """One tone per character, and none spoken as English."""
    phonemes = phonemes_of(VOICES["zh"], text)
    assert "(en)" not in phonemes
    assert len(phonemes.split()) == len(text)
    assert all(any(sign.isdigit() for sign in syllable) for syllable in phonemes.split())


CLIPS = syllables()
# Characters with several readings, or of which espeak-ng has a wrong one (务), looked up each.
SEVERAL = {
    "地": {"di4", "de5"}, "的": {"de5", "di4"}, "一": {"yi1", "yi2", "yi4"}, "不": {"bu4", "bu2"},
    "还": {"hai2", "huan2"}, "重": {"zhong4", "chong2"}, "行": {"xing2", "hang2"},
    "只": {"zhi3", "zhi1"}, "读": {"du2", "dou4"}, "过": {"guo4", "guo1"}, "服": {"fu2", "fu4"},
    "务": {"wu4"},
}  # fmt: skip


def test_every_chinese_clip_has_its_syllables() -> None:
    texts = catalogue("zh")["voice"]
    assert CLIPS.keys() == texts.keys()
    for key, text in texts.items():
        assert len(CLIPS[key].split()) == len(text), key


@pytest.mark.parametrize("key", CLIPS)
def test_every_clip_is_said_syllable_by_syllable_as_it_is_meant(key: str) -> None:
    meant = CLIPS[key].split()
    assert as_said(heard(VOICES["zh"], said(CLIPS[key]))) == as_said(meant)


@pytest.mark.parametrize("key", CLIPS)
def test_what_is_meant_is_what_the_characters_say(key: str) -> None:
    """A slip in the pinyin is found by the characters that have one reading only."""
    for sign, meant in zip(catalogue("zh")["voice"][key], CLIPS[key].split(), strict=True):
        assert meant in SEVERAL.get(sign, set(heard(VOICES["zh"], sign))), sign


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("外地码", "wai4 di4 ma3"),
        ("银行", "yin2 hang2"),
        ("重庆", "chong2 qing4"),
        ("请重刷", "qing3 chong2 shua1"),
        ("2.50元", "liang3 yuan2 wu3 jiao3"),
        ("0.80元", "ba1 jiao3"),
        ("￥2.50", "liang3 yuan2 wu3 jiao3"),
        ("¥ 1,000", "yi4 qian1 yuan2"),
        ("12,345.60元", "yi2 wan4 er4 qian1 san1 bai3 si4 shi2 wu3 yuan2 liu4 jiao3"),
        ("２．５０元", "liang3 yuan2 wu3 jiao3"),
        ("105.05元", "yi4 bai3 ling2 wu3 yuan2 ling2 wu3 fen1"),
        ("余额12元", "yu2 e2 shi2 er4 yuan2"),
    ],
)
def test_other_texts_are_said_by_their_words_and_amounts_in_yuan_and_jiao(
    text: str, meant: str
) -> None:
    assert as_said(heard(VOICES["zh"], said(text))) == as_said(meant.split())


def test_control_espeak_by_itself_says_other_syllables() -> None:
    assert heard(VOICES["zh"], "外地码")[1] != "di4"
    assert heard(VOICES["zh"], "银行")[1] != "hang2"
    assert len(heard(VOICES["zh"], "2.50元")) == 4  # 二 五 零 元: the point is gone


@pytest.mark.parametrize("text", ["重量", "请刷IC卡", "VIP"])
def test_what_nobody_can_say_by_the_text_alone_is_refused(text: str) -> None:
    with pytest.raises(VoiceUnspoken):
        said(text)


@given(fen=st.integers(0, 9_999_999_999))
def test_every_amount_is_said_as_what_it_is(fen: int) -> None:
    """Put together again from its syllables."""
    whole, rest = divmod(fen, 100)
    assert amount_of(said(f"{whole}.{rest:02}元").split()) == fen


DIGIT = {"ling2": 0, "yi1": 1, "yi2": 1, "yi4": 1, "er4": 2, "liang3": 2, "san1": 3, "si4": 4,
         "wu3": 5, "liu4": 6, "qi1": 7, "ba1": 8, "jiu3": 9}  # fmt: skip
UNIT = {"shi2": 10, "bai3": 100, "qian1": 1000}
MONEY = {"yuan2": 100, "jiao3": 10, "fen1": 1}


def amount_of(words: list[str]) -> int:
    fen = high = value = digit = 0
    for word in words:
        if word in DIGIT:
            digit = DIGIT[word]
        elif word in UNIT:
            value += (digit or 1) * UNIT[word]
            digit = 0
        elif word == "wan4":
            high, value, digit = (value + digit) * 10_000, 0, 0
        else:
            fen += (high + value + digit) * MONEY[word]
            high = value = digit = 0
    return fen


def test_a_city_makes_clips_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'fare = "请付2.50元"\nhold = "zhong4 liang4"\n', encoding="utf-8"
    )
    build.main(["--out", str(tmp_path / "pack"), "--texts", str(tmp_path / "own.toml")])
    assert clips(tmp_path / "pack", "zh").keys() == {"fare", "hold"}


@pytest.mark.parametrize("own", [b"fare = 1", b'"../x" = "a"', b"fare", b'fare = "\xff"'])
def test_a_citys_file_that_is_none_is_told_in_a_sentence(tmp_path: Path, own: bytes) -> None:
    (tmp_path / "own.toml").write_bytes(own)
    with pytest.raises(SystemExit):
        build.main(["--out", str(tmp_path / "pack"), "--texts", str(tmp_path / "own.toml")])


def test_control_the_plain_voice_would_spell_it_in_english() -> None:
    assert "(en)" in phonemes_of("cmn", "请通过")


def phonemes_of(voice: str, text: str) -> str:
    argv = ["espeak-ng", "-v", voice, "-q", "-x", "--", text]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_control_english_words_in_a_chinese_text_stop_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VOICES, "zh", "cmn")
    with pytest.raises(VoiceUnspoken):
        build.speak(WORLD, tmp_path, "zh", "请通过")


def test_control_a_missing_program_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VoiceUnspoken) as caught:
        build.speak(WORLD, tmp_path, "zh", "请通过")
    assert "espeak-ng" in str(caught.value.facts["cause"])


def test_the_command_says_what_is_missing_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit):
        build.main(["--out", str(tmp_path / "pack")])
    assert "espeak-ng" in capsys.readouterr().err


def test_control_a_speech_stays_longer_than_the_limit(tmp_path: Path) -> None:
    assert len(build.speak(WORLD, tmp_path, "zh", "请到服务台办理" * 3)) > LONGEST * RATE

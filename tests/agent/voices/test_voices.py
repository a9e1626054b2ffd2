"""The default voice pack: a clip for every reason, short enough, audible, and really Mandarin."""

import subprocess
import wave
from array import array
from importlib.resources import files
from pathlib import Path

import pytest

from agent.reasons import Reason
from agent.results import table
from agent.texts import LANGUAGES, Language, catalogue
from agent.voices import build
from agent.voices.build import LONGEST, RATE, VOICES, VoiceUnspoken
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
    without = {reason.value for reason, row in table().items() if row.voice not in said}
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="espeak-ng"):
        build.main(["--out", str(tmp_path / "pack")])


def test_control_a_speech_stays_longer_than_the_limit(tmp_path: Path) -> None:
    assert len(build.speak(WORLD, tmp_path, "zh", "请到服务台办理" * 3)) > LONGEST * RATE

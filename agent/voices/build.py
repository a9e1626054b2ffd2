"""Speaks every text of [voice] into a WAV file: `python -m agent.voices.build --out DIR`.

text → syllables (`agent.voices.spoken`) → espeak-ng (a child process) → silence trimmed, loudness
evened → 16 kHz mono, 16 bit. A clip that would be too long is spoken faster. With `--texts FILE`
the clips are a city's own: a TOML file of key = "text", or the pinyin of what is said.
"""

import argparse
import re
import wave
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import miniaudio

from agent.beside import exit_on_fault
from agent.messages.texts import LANGUAGES, Language, catalogue
from agent.voices.faults import VoiceUnspoken
from agent.voices.spoken import said, syllables
from world import World, cause_of
from world.foreign import Undecodable, document
from world.real import RealWorld

RATE: Final = 16_000  # Hz
LONGEST: Final = 1.2  # seconds; nobody waits longer on a bus
# Words per minute, tried in this order until the clip is short enough. Above 260 espeak-ng's
# Mandarin swallows finals.
SPEEDS: Final = (160, 180, 200, 220, 240, 260)
# Debian's `cmn` spells syllables as English letters with their tone as an English number
# (espeak-ng issue 1236); its pinyin voice speaks the same characters as they are meant to be.
VOICES: Final[Mapping[Language, str]] = {"zh": "cmn-latn-pinyin", "en": "en-gb"}
CLIP: Final = re.compile(r"[^/\x00-\x1f\x7f]{1,64}\Z")  # a clip's name; see `config.model.Clip`
FOREIGN: Final = b"("  # espeak-ng puts "(en)" before phonemes of another language than the voice's
PATIENCE: Final = 20.0  # seconds for one clip

PEAK: Final = 29_000  # of 32767: loud, never clipped
QUIET: Final = 400  # amplitude below which the ends count as silence
BREATH: Final = RATE // 50  # samples of silence left at both ends, so that nothing clicks


def build(world: World, folder: Path) -> int:
    """All shipped clips of all languages into `folder`; how many. Raises `VoiceUnspoken`,
    `OSError`."""
    clips = 0
    for language in LANGUAGES:
        texts = {**catalogue(language)["voice"], **(syllables() if language == "zh" else {})}
        clips += speak_all(world, folder, language, texts)
    return clips


def speak_all(world: World, folder: Path, language: Language, texts: Mapping[str, str]) -> int:
    """Key → text, as `<language>/<key>.wav`; how many. Raises `VoiceUnspoken`, `OSError`."""
    world.make_folder(folder, 0o755)
    world.make_folder(folder / language, 0o755)
    for key, text in texts.items():
        write(world, folder / language / f"{key}.wav", speak(world, folder, language, text))
    return len(texts)


def speak(world: World, folder: Path, language: Language, text: str) -> "array[int]":
    """One text as samples, at the slowest speed that is short enough, or the fastest there is. A
    Chinese text may be the pinyin of what is said ("wai4 di4 ma3")."""
    samples: array[int] = array("h")
    text = said(text) if language == "zh" else text
    for speed in SPEEDS:
        samples = even(trimmed(_spoken(world, folder, language, text, speed)))
        if len(samples) <= LONGEST * RATE:
            break
    return samples


def trimmed(samples: "array[int]") -> "array[int]":
    """Without the silence at both ends, but for a breath of it."""
    loud = [at for at, sample in enumerate(samples) if abs(sample) >= QUIET]
    if not loud:
        return array("h")
    return samples[max(0, loud[0] - BREATH) : loud[-1] + BREATH]


def even(samples: "array[int]") -> "array[int]":
    """As loud as it can be without being clipped."""
    highest = max((abs(sample) for sample in samples), default=0)
    return array("h", (sample * PEAK // highest for sample in samples))


def write(world: World, path: Path, samples: "array[int]") -> None:
    """A WAV file, mono, 16 bit. Raises `OSError`."""
    with world.open(path, "wb") as stream, wave.open(stream, "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(RATE)
        clip.writeframes(samples.tobytes())


def _spoken(world: World, folder: Path, language: Language, text: str, speed: int) -> "array[int]":
    """espeak-ng's own samples, at our rate."""
    spoken, phonemes = folder / ".spoken.wav", folder / ".phonemes"
    argv = ["espeak-ng", "-v", VOICES[language], "-s", str(speed), "-x"]
    argv += [f"--phonout={phonemes}", "-w", str(spoken), "--", text]
    try:
        status = world.run(argv, timeout=PATIENCE)
    except OSError as error:
        raise VoiceUnspoken(clip=text, cause=f"espeak-ng: {cause_of(error)}") from error
    if status != 0:
        raise VoiceUnspoken(clip=text, cause=f"espeak-ng: status {status}")
    with world.open(phonemes, "rb") as stream:
        if FOREIGN in stream.read():
            raise VoiceUnspoken(clip=text, cause=f"{VOICES[language]}: spoken as English")
    with world.open(spoken, "rb") as stream, wave.open(stream, "rb") as clip:
        samples = miniaudio.convert_frames(
            miniaudio.SampleFormat.SIGNED16,
            clip.getnchannels(),
            clip.getframerate(),
            clip.readframes(clip.getnframes()),
            miniaudio.SampleFormat.SIGNED16,
            1,
            RATE,
        )
    world.remove_file(spoken)
    world.remove_file(phonemes)
    return array("h", bytes(samples))


def own_texts(world: World, path: Path) -> Mapping[str, str]:
    """Key → text of a city's file. Raises `Undecodable`, `OSError`."""
    with world.open(path, "rb") as file:
        raw = file.read()
    try:
        found = document(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Undecodable(problem=f"{path.name}: no UTF-8") from error
    wrong = [key for key, text in found.items() if not isinstance(text, str) or not CLIP.match(key)]
    if wrong:
        raise Undecodable(problem=f"{path.name}: {wrong[0]}")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the clips in the folder `--out`. Raises `SystemExit`, with words on standard error, when
    that fails."""
    parser = argparse.ArgumentParser(prog="python -m agent.voices.build", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for <language>/<key>.wav")
    parser.add_argument("--texts", type=Path, help="a city's own: TOML, key = text or pinyin")
    parser.add_argument("--language", choices=LANGUAGES, default="zh", help="of these texts")
    chosen = parser.parse_args(arguments)
    folder: Path = chosen.out.absolute()
    world = RealWorld()
    with exit_on_fault():
        if chosen.texts is None:
            build(world, folder)
        else:
            speak_all(world, folder, chosen.language, own_texts(world, chosen.texts.absolute()))


if __name__ == "__main__":
    main()

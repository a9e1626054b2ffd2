"""espeak-ng's phonemes, as its pinyin voice writes them, back into the syllables that are heard.

Written from the phonology of Standard Chinese and espeak-ng's mnemonics (docs/phonemes.md there),
not from what this project gives it to say.
"""

import re
import subprocess

# Longest first: each may begin another.
INITIALS = {
    "tS;h": "q", "tS;": "j", "S;": "x", "ts.h": "ch", "ts.": "zh", "s.": "sh", "z.": "r",
    "tsh": "c", "ts": "z", "s": "s", "ph": "p", "p": "b", "th": "t", "t": "d", "kh": "k",
    "k": "g", "X": "h", "m": "m", "n": "n", "l": "l", "f": "f",
}  # fmt: skip
FINALS = {
    "A": "a", "o": "o", "o-": "e", "@": "e", "i": "i", "i.": "i", "i[": "i", "u": "u",
    "y": "ü", ";y": "ü", "ai": "ai", "ei": "ei", "Au": "ao", "ou": "ou", "an": "an", "@n": "en",
    "aN": "ang", "@N": "eng", "@r": "er", "ong": "ong", "iA": "ia", "iE": "ie", "iEn": "ian",
    "jAu": "iao", "iAu": "iao", "iou": "iu", "in": "in", "iN": "ing", "iAN": "iang", "iaN": "iang",
    "uA": "ua", "wA": "ua", "uo": "uo", "uai": "uai", "uei": "ui", "wei": "ui", "uan": "uan",
    "wan": "uan", "wAn": "uan", "uen": "un", "u@n": "un", "uaN": "uang", "waN": "uang",
    "yE": "üe", "y&n": "üan", "yn": "ün",
}  # fmt: skip
ALONE = {
    "ji": "yi", "ja": "ya", "jA": "ya", "jE": "ye", "jAu": "yao", "jiou": "you", "jou": "you",
    "jEn": "yan", "iEn": "yan", "jin": "yin", "jaN": "yang", "jAN": "yang", "jiN": "ying",
    "iN": "ying", "yuN": "yong", "jong": "yong", "wu": "wu", "u": "wu", "wA": "wa", "wo": "wo",
    "uo": "wo", "wai": "wai", "wei": "wei", "wan": "wan", "wAn": "wan", "w@n": "wen",
    "waN": "wang", "wAN": "wang", ";y": "yu", "y": "yu", "yE": "yue", "y&n": "yuan", "yn": "yun",
    "@r": "er", "ai": "ai", "Au": "ao", "ou": "ou", "an": "an", "aN": "ang", "A": "a", "o-": "e",
    "@n": "en", "ei": "ei",
}  # fmt: skip
TONES = {"55": 1, "35": 2, "214": 3, "21": 3, "51": 4, "53": 4, "33": 5, "22": 5, "11": 5, "44": 5}


def heard(voice: str, text: str) -> list[str]:
    """What espeak-ng says, in pinyin with tone numbers."""
    argv = ["espeak-ng", "-v", voice, "-q", "-x", "--", text]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [syllable(word) for word in done.stdout.split() if word.strip("_:|")]


def syllable(phonemes: str) -> str:
    """`t'i51_|` is `di4`."""
    bare = re.sub(r"[',_|%=-]*$", "", phonemes)
    bare = bare.replace("'", "").replace(",", "").removesuffix("_|")
    tone = re.search(r"[0-9]{2,3}", bare)
    assert tone is not None, phonemes
    body = bare[: tone.start()] + bare[tone.end() :]
    for mark, letter in INITIALS.items():
        if body.startswith(mark) and body[len(mark) :] in FINALS:
            final = FINALS[body[len(mark) :]]
            spelt = final.replace("ü", "u") if letter in "jqx" else final
            return f"{letter}{spelt}{TONES[tone[0]]}"
    return f"{ALONE[body]}{TONES[tone[0]]}"


def as_said(meant: list[str]) -> list[str]:
    """Before another third tone a third tone is said as a second."""
    following = [*meant[1:], ""]
    return [
        f"{one[:-1]}2" if one.endswith("3") and then.endswith("3") else one
        for one, then in zip(meant, following, strict=True)
    ]

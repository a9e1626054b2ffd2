"""Another package's scenes, as pip would have installed them: one good, all others not.

The package is written into a folder, with its entry points beside it, and found by the path alone.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.recipes import install

PACKAGE: Final = "stranger-scenes"
MODULE: Final = "stranger_scenes"
SCENES: Final = """
import sys

import msgspec

from agent.scenes.port import Decision, Looked, NoOptions, Scene
from config.faults import MissingKey
from offline_store.events.happened import Check
from offline_store.events.ride import Ride
from offline_store.events.seen import Seen


class Toy(Scene):
    kind = "toy"
    moves_barrier = True

    @classmethod
    def make(cls, parts):
        return cls()

    def look(self, turn, case):
        return Looked(Seen(extra={"toy.good": 1}))

    def decide(self, lists, case, seen):
        return Decision("accepted", "accepted")


def boom(*_, **__):
    raise ValueError("secret of a holder")


class ToyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seats: int = 1


class Optional(Toy):
    kind = "optional"
    options = ToyOptions

    @classmethod
    def problems(cls, settings, options, file):
        if options.seats > 9:
            yield MissingKey(file=file, key="scene.options.hall")


class RaisesInMake(Toy):
    kind = "raises-in-make"
    make = classmethod(boom)


class MakesNothing(Toy):
    kind = "makes-nothing"

    @classmethod
    def make(cls, parts):
        return None


class LeavesOut(Scene):
    kind = "leaves-out"

    @classmethod
    def make(cls, parts):
        return cls()


class NeedsNoField(Toy):
    kind = "needs-no-field"
    needs = frozenset({"person", "shoe-size"})


class RaisesInLook(Toy):
    kind = "raises-in-look"
    look = boom


class RaisesInDecide(Toy):
    kind = "raises-in-decide"
    decide = boom


class ExitsInDecide(Toy):
    kind = "exits-in-decide"

    def decide(self, lists, case, seen):
        sys.exit(3)


class AsksNoField(Toy):
    kind = "asks-no-field"

    def decide(self, lists, case, seen):
        return Decision("accepted" if case.identity.height > 120 else "refused", "accepted")


class LooksNowhere(Toy):
    kind = "looks-nowhere"

    def look(self, turn, case):
        return None


class SeesFractions(Toy):
    kind = "sees-fractions"

    def look(self, turn, case):
        return Looked(Seen(extra={"toy.share": 1.5}))


class SeesObjects(Toy):
    kind = "sees-objects"

    def look(self, turn, case):
        return Looked(Seen(extra={"toy.case": case}))


class SeesTooMuch(Toy):
    kind = "sees-too-much"

    def look(self, turn, case):
        return Looked(Seen(extra={"toy.count": 2**70}))


class SeesHalfLetters(Toy):
    kind = "sees-half-letters"

    def look(self, turn, case):
        return Looked(Seen(extra={"toy.name": "\\ud800"}))


class GoesByNoList(Toy):
    kind = "goes-by-no-list"

    def look(self, turn, case):
        return Looked(lists={"seats": "three"})


class RidesOddly(Toy):
    kind = "rides-oddly"

    def look(self, turn, case):
        return Looked(ride={"line": 7})


class ChecksOddly(Toy):
    kind = "checks-oddly"

    def decide(self, lists, case, seen):
        return Decision("accepted", "accepted", (Check(subject="dog", status=1, source="x"),))


class OddlyOffline(Toy):
    kind = "oddly-offline"

    def decide(self, lists, case, seen):
        return Decision("accepted", "accepted", (), "perhaps")


class NoSuchReason(Toy):
    kind = "no-such-reason"

    def decide(self, lists, case, seen):
        return Decision("accepted", "because")


class WrongVerdict(Toy):
    kind = "wrong-verdict"

    def decide(self, lists, case, seen):
        return Decision("accepted", "blacklisted")


class RaisesOnce(Toy):
    kind = "raises-once"
    raised = False

    def look(self, turn, case):
        if not self.raised:
            self.raised = True
            boom()
        return super().look(turn, case)


class RaisesInAnnouncer(Toy):
    kind = "raises-in-announcer"
    announcer = classmethod(boom)


class RaisesInProblems(Toy):
    kind = "raises-in-problems"
    problems = classmethod(boom)


class AnnouncesBadly(Toy):
    kind = "announces-badly"

    def decide(self, lists, case, seen):
        return Decision("accepted", "accepted")

    @classmethod
    def announcer(cls, settings, texts):
        return cls()

    told = for_staff = boom


class NoOptionsAtAll(Toy):
    kind = "no-options-at-all"
    options = dict


class NoTable(Toy):
    kind = "no-table"
    reasons = "[because]\\nverdict = 7"


class NoText(Toy):
    kind = "no-text"
    reasons = {"because": 1}


class Misnamed(Toy):
    kind = "another"


class Payer:
    start = stop = lambda self: None
    pay = recover = boom


class RaisesInPayer(Toy):
    kind = "raises-in-payer"
    payer = Payer()


class Imposter(Toy):
    kind = "library-gate"
"""
POINTS: Final[Mapping[str, str]] = {
    "toy": "Toy", "optional": "Optional", "raises-in-make": "RaisesInMake",
    "makes-nothing": "MakesNothing", "leaves-out": "LeavesOut", "needs-no-field": "NeedsNoField",
    "raises-in-look": "RaisesInLook", "raises-in-decide": "RaisesInDecide",
    "exits-in-decide": "ExitsInDecide", "asks-no-field": "AsksNoField",
    "looks-nowhere": "LooksNowhere", "sees-fractions": "SeesFractions",
    "sees-objects": "SeesObjects", "sees-too-much": "SeesTooMuch",
    "sees-half-letters": "SeesHalfLetters", "goes-by-no-list": "GoesByNoList",
    "rides-oddly": "RidesOddly", "checks-oddly": "ChecksOddly", "oddly-offline": "OddlyOffline",
    "no-such-reason": "NoSuchReason", "wrong-verdict": "WrongVerdict", "raises-once": "RaisesOnce",
    "raises-in-announcer": "RaisesInAnnouncer", "raises-in-problems": "RaisesInProblems",
    "announces-badly": "AnnouncesBadly", "no-options-at-all": "NoOptionsAtAll",
    "no-table": "NoTable", "no-text": "NoText", "misnamed": "Misnamed", "no-class": "Nothing",
    "raises-in-payer": "RaisesInPayer", "library-gate": "Imposter", "twice": "Toy",
}  # fmt: skip
# What cannot even be loaded: entry point → its module's text.
UNLOADABLE: Final[Mapping[str, str]] = {
    "bad-syntax": "def (:\n",
    "bad-import": "import stranger_that_is_nowhere\n",
    "bad-module": "raise ValueError('secret of a holder')\n",
    "bad-exit": "import sys\nsys.exit(3)\n",
}


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """In this process: the package, and a second one that offers `twice` too."""
    points = {name: f"{MODULE}:{scene}" for name, scene in POINTS.items()}
    (folder / f"{MODULE}.py").write_text(SCENES, encoding="utf-8")
    for name, text in UNLOADABLE.items():
        module = f"{MODULE}_{name.replace('-', '_')}"
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
        points[name] = f"{module}:Toy"
    _offer(folder, PACKAGE, points)
    _offer(folder, "second-scenes", {"twice": f"{MODULE}:Toy"})
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for module in [name for name in sys.modules if name.startswith(MODULE)]:
            del sys.modules[module]


def _offer(folder: Path, package: str, points: Mapping[str, str]) -> None:
    lines = [f'"{name}" = "{point}"' for name, point in points.items()]
    project = f'[project]\nname = "{package}"\nversion = "1.0"\n'
    group = '[project.entry-points."onecard.scenes"]\n'
    (folder / "pyproject.toml").write_text("\n".join([project, group, *lines]), encoding="utf-8")
    install(folder)

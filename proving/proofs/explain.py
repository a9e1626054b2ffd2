"""`onecard prove explain`: every decision of random days is computed again from its row, to the
letter.

Days at one terminal of each of the four scenes (`proving.proofs.days`): taps and payments on the
product's parts and its real journal, signed lists in several versions, a clock that jumps. Then
each row is explained, as `onecard explain` does it. The controls: an explainer that takes the
newest lists instead of those that the row names; one row of each day altered, its hash made to fit.
"""

import argparse
import random
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from agent.tap.deciding import Decider
from agent.tap.explain import Agreement, HeldLists, KeptLists, NotExplained, Rows, explain
from offline_store.chain import body_hash
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.row import Record
from offline_store.events.tap import Tap
from offline_store.store import Store
from proving.proofs.days import SCENES, PlayedDay
from proving.proofs.writer import TERMINAL, enrol
from simulators.lifetime import scratch
from trust.keystore import FileKeyStore
from world.real import RealWorld

ROWS: Final = 10_000
FIRST: Final = 1  # seed
WRONG: Final = ("differs", "row", "list", "gone", "unread", "unseen", "intent")


@dataclass
class Explained:
    """What came of the rows of some days. `agreements`: how many rows agree how, as the product
    explains them; `priced`: rows whose price was computed again."""

    days: int = 0
    published: int = 0
    agreements: Counter[Agreement] = field(default_factory=Counter)
    scenes: Counter[str] = field(default_factory=Counter)
    others: int = 0  # rows of which nothing is decided: recoveries, give-backs, checkpoints …
    priced: int = 0
    seeds: list[int] = field(default_factory=list)  # days with a row that does not agree
    newest_differ: int = 0  # of the first control
    altered: int = 0  # rows that the second control has changed
    altered_told: int = 0

    @property
    def rows(self) -> int:
        """Those that were decided, or could have been."""
        return sum(self.agreements.values())

    @property
    def wrong(self) -> int:
        return sum(self.agreements[agreement] for agreement in WRONG)


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Figures over so many rows of taps and payments, and the controls: the newest lists in place
    of those that the row names, and altered rows."""
    parser = argparse.ArgumentParser(prog="onecard prove explain")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--first", type=int, default=FIRST)
    options = parser.parse_args(list(arguments))
    return prove(options.rows, options.first)


def prove(rows: int, first: int = FIRST) -> dict[str, object]:
    """Days by one seed after the other, from `first` on, until so many rows are explained."""
    found = Explained()
    with scratch("onecard-explain-") as folder:
        fresh = folder / "fresh"
        _enrolled(fresh)
        seed = first
        while found.rows < rows or found.days < len(SCENES):
            day = folder / "day"
            shutil.copytree(fresh, day)
            _explain_day(found, seed, day)
            shutil.rmtree(day)
            seed += 1
    caught = found.newest_differ > 0 and found.altered == found.altered_told > 0
    wrong = {agreement: found.agreements[agreement] for agreement in WRONG}
    return {
        "name": "explain",
        "rows": found.rows,
        "days": found.days,
        **{scene: found.scenes[scene] for scene in SCENES},
        "list_versions": found.published,
        "same": found.agreements["same"],
        "undecided": found.agreements["undecided"],
        "priced": found.priced,
        "others": found.others,
        **wrong,
        "broken_seeds": found.seeds[:20],
        "goals": dict.fromkeys(wrong, 0),
        "holds": found.wrong == 0 and found.priced > 0 and caught,
        "control": {
            "variant": "the newest lists instead of those that the row names; altered rows",
            "differ": found.newest_differ,
            "altered": found.altered,
            "told": found.altered_told,
            "caught": caught,
        },
    }


def _explain_day(found: Explained, seed: int, folder: Path) -> None:
    day = PlayedDay(seed, folder)

    def judge(
        store: Store, decider: Decider, kept: KeptLists, newest: HeldLists, rows: Sequence[Record]
    ) -> None:
        before = found.wrong
        for row in rows:
            _explain_row(found, row, store, decider, kept, newest)
        if found.wrong > before:
            found.seeds.append(seed)
        _alter(found, rows, decider, kept, random.Random(seed))

    day.play(judge)
    found.days += 1
    found.published += day.published


def _explain_row(
    found: Explained, row: Record, store: Rows, decider: Decider, kept: HeldLists, newest: HeldLists
) -> None:
    try:
        said = explain(row.epoch, row.seq, store, decider, kept)
    except NotExplained:
        found.others += 1
        return
    found.agreements[said.agreement] += 1
    found.scenes[said.event.scene] += 1
    found.priced += said.price is not None or _has_price(said.event)
    again = explain(row.epoch, row.seq, store, decider, newest)
    found.newest_differ += again.agreement == "differs"


def _has_price(event: Tap | Intent | PaymentEnd) -> bool:
    return isinstance(event, Tap) and event.seen.price is not None


def _alter(
    found: Explained,
    rows: Sequence[Record],
    decider: Decider,
    kept: HeldLists,
    chance: random.Random,
) -> None:
    """One row that was decided says something else; its own hash fits, those around it do not."""
    decided = [row for row in rows if isinstance(row.event(), Tap | Intent | PaymentEnd)]
    if not decided:
        return
    row = chance.choice(decided)
    event = msgspec.structs.replace(row.event(), lane="elsewhere")
    body = msgspec.json.encode(msgspec.structs.replace(row.row(), event=event)).decode()
    changed = msgspec.structs.replace(row, body=body, hash=body_hash(body))
    altered = Altered([changed if one is row else one for one in rows])
    if rows[-1] is row:  # nothing stands behind it that could tell: only its MAC can
        return
    found.altered += 1
    said = explain(row.epoch, row.seq, altered, decider, kept)
    found.altered_told += said.agreement == "row"


class Altered:
    """See `agent.tap.explain.Rows`: a journal in which one row is another."""

    def __init__(self, rows: Sequence[Record]) -> None:
        self._rows = rows

    def records(self, epoch: str | None, after: int, limit: int) -> Sequence[Record]:
        return [row for row in self._rows if row.epoch == epoch and row.seq > after][:limit]


def _enrolled(folder: Path) -> None:
    """A journal as enrolment leaves it, made once."""
    world = RealWorld()
    folder.mkdir()
    enrol(world, folder)
    keys = FileKeyStore(world, folder / "keys")
    store = Store(world, folder, terminal=TERMINAL, boot="boot-1", keys=keys)
    store.start()
    store.close()

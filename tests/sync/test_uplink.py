"""The uplink in a seeded World: what it sends, how often, and what it says of itself."""

from collections.abc import Callable

import pytest

from config.model import Sync
from simulators.world import SimWorld
from sync.contract import messages
from sync.contract.messages import Receipt
from sync.uplink import LinkStatus, Uplink
from sync.window import Patience
from tests.sync.journal import EPOCH, MemoryJournal
from tests.sync.site import ISSUER, PRIVATE, opener
from tests.sync.storm import GATE, Storm, Weather
from trust.envelope import Manifest, seal
from trust.sm2 import sm2

CALM = Weather()
STORM = Weather(lost=0.2, doubled=0.2, delay=3.0, refused=0.3, cut=0.05)


class Scene:
    """One history: a journal, the uplink, the storm."""

    def __init__(self, world: SimWorld, weather: Weather) -> None:
        self.world = world
        self.storm = Storm(world, weather)
        self.journal = MemoryJournal("gate-1")
        self.news: list[LinkStatus] = []
        self.uplink = self.another()

    def another(self) -> Uplink:
        """As after a restart: it knows nothing but what the journal says."""
        return Uplink(
            self.world,
            self.storm.link,
            self.journal,
            {},
            opener(),
            GATE,
            Sync(host="storm"),
            patience=Patience(),
            report=self.news.append,
        )

    def until(self, holds: Callable[[], bool], most: float = 3600.0) -> None:
        end = self.world.monotonic() + most
        while not holds():
            assert self.world.monotonic() < end, self.uplink.status()
            self.world.wait(0.05)

    def equal(self) -> bool:
        held = [(row.seq, row.hash) for row in self.storm.ledger.rows("gate-1")]
        return held == [(row.seq, row.hash) for row in self.journal.rows]


def play(weather: Weather, history: Callable[[Scene], None], seed: int = 1) -> None:
    world = SimWorld(seed)

    def main() -> None:
        history(Scene(world, weather))

    world.play(main)


@pytest.mark.parametrize("seed", range(40))
def test_in_any_weather_each_row_arrives_once(seed: int) -> None:
    def history(scene: Scene) -> None:
        scene.uplink.start()
        for _ in range(10):
            scene.journal.add(1 + scene.world.random(1)[0] % 60)
            scene.world.wait(2.0)
        scene.until(lambda: scene.journal.receipted == len(scene.journal.rows))
        assert scene.equal(), f"seed {seed}"
        assert scene.storm.ledger.alarms("gate-1") == []

    play(STORM, history, seed)


@pytest.mark.parametrize("seed", range(10))
def test_an_agent_that_restarts_again_and_again_loses_and_doubles_nothing(seed: int) -> None:
    def history(scene: Scene) -> None:
        for _ in range(8):
            scene.journal.add(60)
            scene.uplink.start()
            scene.world.wait(4.0)
            assert scene.uplink.stop(30)
            scene.uplink = scene.another()
        scene.uplink.start()
        scene.until(lambda: scene.journal.receipted == 480)
        assert scene.equal(), f"seed {seed}"

    play(STORM, history, seed)


def test_control_an_outbox_that_forgets_what_was_published_loses_rows() -> None:
    """The same weather; PUBACKs taken for receipts."""

    def history(scene: Scene) -> None:
        taken = scene.journal.unreceipted

        def trusting(limit: int) -> object:
            rows = taken(limit)
            scene.journal.receipted += len(rows)
            return rows

        scene.journal.unreceipted = trusting  # type: ignore[method-assign, assignment]
        scene.uplink.start()
        for _ in range(10):
            scene.journal.add(20)
            scene.world.wait(2.0)
        scene.until(lambda: scene.journal.receipted == 200)
        scene.world.wait(60)
        assert not scene.equal()

    play(STORM, history, seed=4)


def test_rows_go_up_at_once_without_waiting_for_a_full_batch() -> None:
    def history(scene: Scene) -> None:
        scene.uplink.start()
        for seq in range(1, 21):
            scene.journal.add(1)
            scene.until(lambda s=seq: scene.journal.receipted == s, most=0.2)  # type: ignore[misc]
        assert scene.storm.batches == 20

    play(CALM, history)


def test_many_rows_go_up_in_full_batches() -> None:
    def history(scene: Scene) -> None:
        scene.journal.add(500)
        scene.uplink.start()
        scene.until(lambda: scene.journal.receipted == 500)
        assert scene.storm.batches == 10

    play(CALM, history)


def test_an_idle_uplink_sleeps_until_it_is_woken() -> None:
    def history(scene: Scene) -> None:
        scene.journal.add(1)
        scene.uplink.start()
        scene.until(lambda: scene.journal.receipted == 1)
        scene.world.wait(1)
        asked, steps = scene.journal.asked, len(scene.world.log)
        scene.world.wait(24 * 3600)
        assert scene.journal.asked == asked
        assert len(scene.world.log) - steps <= 2  # ours only

    play(CALM, history)


def test_without_receipts_it_tries_one_batch_ever_more_rarely() -> None:
    def history(scene: Scene) -> None:
        scene.storm.up = False
        scene.journal.add(1000)
        scene.uplink.start()
        scene.world.wait(3600)
        assert 10 < scene.storm.batches < 25
        fault = scene.uplink.status().last_fault
        assert fault is not None
        assert (fault.code, fault.facts["seq"]) == ("sync.receipt-overdue", 1)
        assert scene.uplink.status().in_flight == 50
        scene.storm.up = True
        scene.until(lambda: scene.journal.receipted == 1000, most=400)
        assert scene.equal()

    play(CALM, history)


def test_attempts_to_connect_are_spread_and_not_hammered() -> None:
    def history(scene: Scene) -> None:
        scene.uplink.start()
        scene.world.wait(3600)
        assert scene.storm.connections == 0
        assert 100 < len([name for name in scene.world.log if name == "sync"]) < 600
        assert scene.uplink.status().state == "offline"

    play(Weather(refused=1.0), history)


def test_lost_is_said_once_and_back_once() -> None:
    def history(scene: Scene) -> None:
        scene.uplink.start()
        scene.until(lambda: scene.uplink.status().state == "online")
        scene.storm.weather = Weather(refused=1.0)
        scene.storm.link.cut()
        scene.world.wait(600)
        scene.storm.weather = CALM
        scene.until(lambda: scene.uplink.status().state == "online")
        said = [
            (status.state, status.last_fault.code if status.last_fault else "")
            for status in scene.news
        ]
        assert said == [
            ("offline", ""),
            ("online", ""),
            ("offline", "sync.connection-lost"),
            ("offline", "sync.unreachable"),
            ("online", "sync.unreachable"),
        ]

    play(CALM, history)


def sealed(receipt: Receipt, *, private: bytes = PRIVATE, audience: str = "gate-1") -> bytes:
    payload = messages.encode(receipt)
    manifest = Manifest(
        kind="receipt",
        name=receipt.epoch,
        version=1,
        audience=audience,
        issuer=ISSUER,
        created=1_790_000_000,
    )
    return seal(manifest, payload, sm2(), private)


@pytest.mark.parametrize(
    ("forged", "code"),
    [
        (sealed(Receipt(epoch=EPOCH, seq=50), private=bytes(range(2, 34))), "envelope.forged"),
        (sealed(Receipt(epoch=EPOCH, seq=50), audience="gate-2"), "envelope.foreign"),
    ],
)
def test_a_receipt_that_is_not_for_us_or_not_from_the_platform_counts_nothing(
    forged: bytes, code: str
) -> None:
    def history(scene: Scene) -> None:
        scene.storm.up = False
        scene.journal.add(50)
        scene.uplink.start()
        scene.until(lambda: scene.uplink.status().in_flight == 50)
        scene.storm.link.bring(GATE.down("receipt"), forged)
        scene.world.wait(1)
        assert scene.journal.receipts == []
        assert scene.uplink.status().in_flight == 50
        fault = scene.uplink.status().last_fault
        assert fault is not None
        assert fault.code == code

    play(CALM, history)


def test_repeated_reordered_and_past_receipts_do_no_harm() -> None:
    def history(scene: Scene) -> None:
        scene.journal.add(100)
        scene.uplink.start()
        scene.until(lambda: scene.journal.receipted == 100)
        for receipt in (
            Receipt(epoch=EPOCH, seq=50),
            Receipt(epoch=EPOCH, seq=100),
            Receipt(epoch="f" * 32, seq=7),
        ):
            scene.storm.link.bring(GATE.down("receipt"), sealed(receipt))
        scene.journal.add(1)
        scene.until(lambda: scene.journal.receipted == 101)
        assert scene.equal()

    play(CALM, history)


def test_it_ends_when_told_to_in_any_weather() -> None:
    for weather in (CALM, STORM, Weather(refused=1.0)):

        def history(scene: Scene) -> None:
            scene.journal.add(300)
            scene.uplink.start()
            scene.world.wait(5)
            assert scene.uplink.stop(10)
            assert scene.uplink.status().state == "stopped"

        play(weather, history)


def test_a_connection_that_publishing_finds_gone_is_told_with_its_own_cause() -> None:
    def history(scene: Scene) -> None:
        scene.uplink.start()
        scene.until(lambda: scene.uplink.status().state == "online")
        scene.storm.link.torn = True
        scene.journal.add()
        scene.until(lambda: scene.storm.connections == 2)
        told = [news.last_fault.code for news in scene.news if news.last_fault]
        assert set(told) == {"sync.connection-lost"}  # and still the last one, when it is back

    play(CALM, history)

"""Lamps: the prompts' contract, what lights and beeps for each prompt, boards that go."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.drivers.prompts import WELCOME, PromptsContract
from contracts.drivers.reader import until
from drivers.contract import Beep, DeviceState, Lamp, Prompt
from drivers.io.line import OpenLine
from drivers.options import OptionsFault
from drivers.prompts.lamps import LampPrompts, RelayLamp, SerialLamp
from drivers.prompts.signals import Step, beeps, steps
from simulators.devices.boards import LcusBoard
from simulators.devices.lamp import TowerSimulator
from simulators.devices.lines import BOOT_TEXT, EchoingLine, RestartingBoard
from simulators.devices.pty import PtyPort
from world.real import RealWorld

WORLD = RealWorld()
PATIENCE = 60.0


def prompt(lamp: Lamp, beep: Beep = "none") -> Prompt:
    return Prompt("any", "any", lamp, beep)


def started(lamp: LampPrompts) -> LampPrompts:
    lamp.start()
    until(lambda: lamp.status().state is DeviceState.READY, PATIENCE)
    return lamp


@pytest.fixture
def tower(tmp_path: Path) -> Iterator[TowerSimulator]:
    with TowerSimulator(tmp_path / "by-id" / "usb-Tower-if00") as tower:
        yield tower


@pytest.fixture
def lamp(tower: TowerSimulator) -> Iterator[LampPrompts]:
    lamp = started(SerialLamp(WORLD, "screen", {"port": str(tower.port.path), "hold_ms": 0}))
    yield lamp
    lamp.stop()


class EarlyLamp(SerialLamp):
    """Its status says that it is ready, and somebody is quicker than its thread."""

    def _serve(self, connection: OpenLine) -> None:
        self.show(prompt("red"))
        super()._serve(connection)


class TestSerialLamp(PromptsContract):
    @pytest.fixture
    def prompts(self, lamp: LampPrompts) -> LampPrompts:
        return lamp

    @pytest.fixture
    def broken(self, lamp: LampPrompts, tower: TowerSimulator) -> LampPrompts:
        tower.port.unplug()
        until(lambda: lamp.status().state is DeviceState.ABSENT, PATIENCE)
        return lamp

    def test_a_prompt_in_the_moment_in_which_it_is_ready_is_shown(
        self, tower: TowerSimulator
    ) -> None:
        lamp = EarlyLamp(WORLD, "screen", {"port": str(tower.port.path), "hold_ms": 0})
        lamp.start()
        assert tower.peer.await_on("red")
        lamp.stop()
        assert lamp.status().counters["shown"] == 1

    def test_what_was_meant_before_it_was_there_is_counted(self, tower: TowerSimulator) -> None:
        lamp = SerialLamp(WORLD, "screen", {"port": str(tower.port.path), "hold_ms": 0})
        lamp._mailbox.put(prompt("red"))  # as somebody does who saw the last connection
        started(lamp)
        lamp.stop()
        assert lamp.status().counters == {"unshown": 1}

    @pytest.mark.parametrize("colour", ["green", "red", "yellow"])
    def test_one_lamp_at_a_time(
        self, lamp: LampPrompts, tower: TowerSimulator, colour: Lamp
    ) -> None:
        for one in ("red", "green", "yellow"):
            lamp.show(prompt(one))
            assert tower.peer.await_on(one)
        lamp.show(prompt(colour))
        assert tower.peer.await_on(colour)
        lamp.show(prompt("off"))
        assert tower.peer.await_on()

    @pytest.mark.parametrize(("beep", "times"), [("short", 1), ("double", 2), ("long", 1)])
    def test_beeps_and_is_quiet_again(
        self, lamp: LampPrompts, tower: TowerSimulator, beep: Beep, times: int
    ) -> None:
        lamp.show(prompt("green", beep))
        assert tower.peer.await_beeps(times)
        assert tower.peer.await_on("green")
        assert tower.peer.beeps == times

    def test_conversation_byte_for_byte(self, lamp: LampPrompts, tower: TowerSimulator) -> None:
        lamp.show(prompt("red", "double"))
        expected = bytes.fromhex("28 21222428 222411 18 28 18 28")
        until(lambda: tower.peer.received_bytes == expected, PATIENCE)

    def test_the_next_prompt_cuts_off_the_beep(self, tower: TowerSimulator) -> None:
        options = {"port": str(tower.port.path), "long": "18 @9999 28"}
        lamp = started(SerialLamp(WORLD, "screen", options))
        lamp.show(prompt("red", "long"))
        assert tower.peer.await_on("red", "buzzer")
        lamp.show(prompt("green"))
        assert tower.peer.await_on("green")
        assert lamp.status().counters["cut"] == 1
        lamp.stop()

    def test_goes_dark_by_itself(self, tower: TowerSimulator) -> None:
        options = {"port": str(tower.port.path), "hold_ms": 50}
        lamp = started(SerialLamp(WORLD, "screen", options))
        lamp.show(prompt("green"))
        assert tower.peer.await_was_on("green")
        assert tower.peer.await_on()
        lamp.stop()

    def test_nothing_beeps_on_when_it_is_stopped(self, tower: TowerSimulator) -> None:
        options = {"port": str(tower.port.path), "long": "18 @9999 28"}
        lamp = started(SerialLamp(WORLD, "screen", options))
        lamp.show(prompt("red", "long"))
        assert tower.peer.await_on("red", "buzzer")
        lamp.stop()
        assert tower.peer.await_on()

    def test_board_that_a_killed_agent_left_lit_goes_dark(self, tower: TowerSimulator) -> None:
        tower.peer.received(b"\x11\x18", lambda data: None)
        lamp = started(SerialLamp(WORLD, "screen", {"port": str(tower.port.path)}))
        assert tower.peer.await_on()
        lamp.stop()

    def test_unplugged_prompts_are_counted_and_plugged_again_it_shows(
        self, broken: LampPrompts, tower: TowerSimulator
    ) -> None:
        broken.show(WELCOME)
        assert broken.status().counters["unshown"] == 1
        tower.port.plug()
        broken.look()
        until(lambda: broken.status().state is DeviceState.READY, PATIENCE)
        broken.show(prompt("green"))
        assert tower.peer.await_on("green")

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(noise=st.binary(max_size=300))
    def test_what_the_board_says_does_no_harm(
        self, lamp: LampPrompts, tower: TowerSimulator, noise: bytes
    ) -> None:
        tower.port.send(noise)
        lamp.show(prompt("red"))
        assert tower.peer.await_on("red")
        lamp.show(prompt("off"))
        assert tower.peer.await_on()
        assert lamp.status().state is DeviceState.READY

    @pytest.mark.parametrize("options", [{"green": "1"}, {"long": "18@3"}, {"lamp": "11"}])
    def test_options_that_do_not_fit_are_told(self, options: dict[str, object]) -> None:
        with pytest.raises(OptionsFault):
            SerialLamp(WORLD, "screen", {"port": "/dev/x", **options})


class TestRelayLamp(PromptsContract):
    @pytest.fixture
    def port(self, tmp_path: Path) -> Iterator[PtyPort]:
        with PtyPort(tmp_path / "by-id" / "usb-LCUS-if00", LcusBoard({})) as port:
            yield port

    @pytest.fixture
    def prompts(self, port: PtyPort) -> Iterator[LampPrompts]:
        lamp = started(RelayLamp(WORLD, "screen", {"port": str(port.path), "yellow": 0}))
        yield lamp
        lamp.stop()

    @pytest.fixture
    def broken(self, prompts: LampPrompts, port: PtyPort) -> LampPrompts:
        port.unplug()
        until(lambda: prompts.status().state is DeviceState.ABSENT, PATIENCE)
        return prompts

    def test_relays_switch_lamp_and_buzzer(self, prompts: LampPrompts, port: PtyPort) -> None:
        board = port.peer
        assert isinstance(board, LcusBoard)
        prompts.show(prompt("green", "double"))
        until(lambda: len(board.switches) == 5, PATIENCE)
        assert [(one.relay, one.on) for one in board.switches] == [
            (1, True), (4, True), (4, False), (4, True), (4, False),
        ]  # fmt: skip
        prompts.show(prompt("red"))
        until(lambda: len(board.switches) == 7, PATIENCE)
        assert [(one.relay, one.on) for one in board.switches[5:]] == [(1, False), (2, True)]


DRIVERS = [SerialLamp, RelayLamp]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_line_that_gives_back_what_it_is_sent_is_no_lamps(
    tmp_path: Path, driver: type[LampPrompts]
) -> None:
    """The board and its port are one piece, and the board says nothing."""
    with PtyPort(tmp_path / "echo", EchoingLine(None)) as port:
        lamp = driver(WORLD, "screen", {"port": str(port.path)})  # type: ignore[call-arg, arg-type]
        lamp.start()
        until(lambda: lamp.status().fault == "device.echo", PATIENCE)
        lamp.show(WELCOME)
        assert lamp.status().counters == {"unshown": 1}
        lamp.stop()


def test_a_lamp_that_restarts_when_its_port_is_opened_goes_dark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was sent while it was deaf is said again."""
    monkeypatch.setattr("drivers.prompts.lamps.DARK_AGAIN", 0.1)
    tower = TowerSimulator(tmp_path / "tower")
    board = RestartingBoard(tower.peer, boot=0.5, text=BOOT_TEXT)
    tower.port.peer = board
    tower.peer.received(b"\x11\x18", lambda data: None)  # it comes up red and loud
    with tower:
        lamp = started(SerialLamp(WORLD, "screen", {"port": str(tower.port.path)}))
        assert tower.peer.await_on()
        assert board.openings == 1
        lamp.stop()


def test_signals_are_bytes_and_pauses() -> None:
    assert steps("") == []
    assert steps("18 28") == [Step(b"\x18\x28", 0.0)]
    assert steps("18 @120 28 @50") == [Step(b"\x18", 0.12), Step(b"\x28", 0.05)]


def test_without_a_buzzer_there_is_no_beep() -> None:
    assert not any(beeps(b"", b"").values())

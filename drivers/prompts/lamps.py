"""Lamps and a buzzer on a serial line: prompt → lamp and beep of the board's table → bytes.

`serial-lamp` has a table of bytes as options, `relay-lamp` switches the relays of an LCUS board.
The device's own thread sends; the newest prompt cuts off the beep of the one before.
"""

from typing import Annotated, Final

from msgspec import Meta

from drivers.barriers.lcus import command
from drivers.contract import Options, Prompt
from drivers.io.keeper import STARTS_WITHIN, ManagedDevice
from drivers.io.line import LineEchoes, LineOptions, OpenLine, open_line
from drivers.io.wait import Interrupted
from drivers.options import typed
from drivers.prompts.mailbox import Mailbox
from drivers.prompts.signals import Signal, Step, Steps, Table, beeps, steps
from world import World

DARK_AGAIN: Final = 2.0  # seconds

HoldMs = Annotated[int, Meta(ge=0, le=600_000)]
Relay = Annotated[int, Meta(ge=0, le=16)]  # 0: there is no such lamp


class LampPrompts(ManagedDevice[OpenLine]):
    """See `drivers.contract.Prompts`. Counters: `shown`, `cut` (beeps), `skipped` (a newer prompt
    came first), `unshown` (no board)."""

    RESTARTS = True

    def __init__(self, world: World, name: str, line: LineOptions, table: Table, hold: int) -> None:
        """`hold`: milliseconds until the lamp goes off by itself; 0: with the next prompt."""
        super().__init__(world, name)
        self._line = line
        self._table = table
        self._hold = hold / 1000 if hold else None
        self._mailbox = Mailbox(world)

    def show(self, prompt: Prompt) -> None:
        with self._guard:
            line = self._connection
        if line is None:
            self._count("unshown")
            return
        if self._mailbox.put(prompt):
            self._count("skipped")
        line.nudge()

    # The device's thread

    def _open(self) -> OpenLine:
        return open_line(self._world, self._line, device=self.name)

    def _greet(self, connection: OpenLine) -> None:
        """The board says nothing, and its port is its own: one that gives back what it is sent is
        another's."""
        self._send(connection, self._dark)
        connection.await_echo()
        self._refuse_echo(connection)
        # What was meant before the board was there is old; from here on it is there.
        self._count("unshown", self._mailbox.take() is not None)

    def _refuse_echo(self, line: OpenLine) -> None:
        if line.echoes:
            raise LineEchoes(device=self.name, port=line.attached)

    def _serve(self, connection: OpenLine) -> None:
        try:
            prompt = None
            while True:
                prompt = prompt or self._next(connection, self._dark_again_in())
                if prompt is not None:
                    prompt = self._show(connection, prompt)
                else:
                    self._send(connection, self._dark)
        except Interrupted:
            self._send(connection, self._dark)  # nothing lights or beeps on when we are gone
            raise

    def _dark_again_in(self) -> float | None:
        """A board that restarted may not have heard it, and may light up by itself."""
        since = self._served_since
        started = since is None or self._world.monotonic() - since >= STARTS_WITHIN
        return None if started else DARK_AGAIN

    def _show(self, line: OpenLine, prompt: Prompt) -> Prompt | None:
        """Lamp, beep, and dark again after a while. A prompt that comes meanwhile is returned."""
        self._send(line, [*self._table.quiet, *self._table.lamps[prompt.lamp]])
        self._count("shown")
        for step in self._table.beeps[prompt.beep]:
            line.write(step.data, marks=True)
            following = self._next(line, step.pause) if step.pause else None
            if following is not None:
                self._count("cut")
                return following
        following = self._next(line, self._hold)
        if following is None:
            self._send(line, self._dark)
        return following

    def _next(self, line: OpenLine, seconds: float | None) -> Prompt | None:
        """The next prompt, if one comes within `seconds` (None: for ever)."""
        deadline = None if seconds is None else self._world.monotonic() + seconds
        while True:
            prompt = self._mailbox.take()
            left = None if deadline is None else deadline - self._world.monotonic()
            if prompt is not None or (left is not None and left <= 0):
                return prompt
            line.read(left)  # the board has nothing to say; a nudge ends it
            self._refuse_echo(line)

    def _send(self, line: OpenLine, steps: Steps) -> None:
        """All steps without an eye on the mailbox: they are short."""
        for step in steps:
            line.write(step.data, marks=True)
            if step.pause:
                self._world.wait(step.pause)

    @property
    def _dark(self) -> Steps:
        return [*self._table.quiet, *self._table.lamps["off"]]


class SerialLampOptions(LineOptions, frozen=True, kw_only=True):
    """The bytes that are there without options are those of the common three-colour USB tower
    light with buzzer (Adafruit 5125 and its like): 1x on, 2x off; 1 red, 2 yellow, 4 green,
    8 buzzer."""

    green: Signal = "21 22 14"
    red: Signal = "22 24 11"
    yellow: Signal = "21 24 12"
    off: Signal = "21 22 24"
    quiet: Signal = "28"
    short: Signal = "18 @120 28"
    double: Signal = "18 @120 28 @120 18 @120 28"
    long: Signal = "18 @600 28"
    hold_ms: HoldMs = 3000


class SerialLamp(LampPrompts):
    """Driver `serial-lamp`."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        chosen = typed(options, SerialLampOptions, device=name)
        table = Table(
            quiet=steps(chosen.quiet),
            lamps={
                "green": steps(chosen.green),
                "red": steps(chosen.red),
                "yellow": steps(chosen.yellow),
                "off": steps(chosen.off),
            },
            beeps={
                "short": steps(chosen.short),
                "double": steps(chosen.double),
                "long": steps(chosen.long),
                "none": (),
            },
        )
        super().__init__(world, name, chosen, table, chosen.hold_ms)


class RelayLampOptions(LineOptions, frozen=True, kw_only=True):
    """Which relay switches what, as the board's print counts."""

    green: Relay = 1
    red: Relay = 2
    yellow: Relay = 3
    buzzer: Relay = 4
    hold_ms: HoldMs = 3000


class RelayLamp(LampPrompts):
    """Driver `relay-lamp`: an LCUS board (devices.md) of its own, not the one that opens a gate."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        chosen = typed(options, RelayLampOptions, device=name)
        lamps = (chosen.green, chosen.red, chosen.yellow)
        table = Table(
            quiet=[Step(_switch(chosen.buzzer, False), 0.0)],
            lamps={
                "green": [_only(chosen.green, lamps)],
                "red": [_only(chosen.red, lamps)],
                "yellow": [_only(chosen.yellow, lamps)],
                "off": [_only(0, lamps)],
            },
            beeps=beeps(_switch(chosen.buzzer, True), _switch(chosen.buzzer, False)),
        )
        super().__init__(world, name, chosen, table, chosen.hold_ms)


def _only(wanted: int, lamps: tuple[int, ...]) -> Step:
    """One lamp on, the others off before it."""
    off = b"".join(_switch(lamp, False) for lamp in lamps if lamp != wanted)
    return Step(off + _switch(wanted, True), 0.0)


def _switch(relay: int, on: bool) -> bytes:
    return command(relay, on) if relay else b""

"""What waits for what: the one that asks has to wait longer than the answer may take.

Else a caller gives up while the work is still done, and what became of it (a PIN that was changed,
a card that was written) is told as unknown. Seconds; the sums are of the longest waits, one after
the other.
"""

from collections.abc import Iterator

from config.faults import ConfigFault, WrongValue
from config.model import AgentSettings, FacadeSettings, SceneSettings

# libsscard gives a call so long, from its turn on (agent/facade/c/sscard.c).
LIBRARY_CARD = 30.0  # iReadCardBas and the like
LIBRARY_PIN = 150.0  # where a person may have to type
# Before and after the card: a reader that is busy with a tap, other flows' PSAM, the journal.
BESIDE = 10.0
ENTRIES = 3  # of a PIN in one call: iChangePIN has the old one, the new one, and that again
ANSWERS = 4  # of the HSM in one call: the card's proof, and what opens a file or sets a PIN
BOOKED = 2.0  # for the journal, behind all answers
DRAIN = 5.0  # least time that a tap under way gets to end at a reload


def too_long_waits(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    """Waits that are longer than those who wait for them."""
    if agent.facade is not None:
        # One at a time: what makes a read too long makes a PIN too long as well.
        yield from [*_card_calls(agent, file)] or _pin_calls(agent, agent.facade, file)


def longest_tap(agent: AgentSettings) -> float:
    """Seconds that a tap under way may need to its end when those whom it asks answer late."""
    proved = agent.watchdog.psam_silent + _hsm(agent)  # the HSM is asked when the PSAM is silent
    asked = max([proved, *(code.within for code in agent.codes if code.resolve == "platform")])
    return max(DRAIN, asked + _status(agent) + BOOKED)


def _card_calls(agent: AgentSettings, file: str) -> Iterator[ConfigFault]:
    waits = {
        "hsm.within": _hsm(agent),
        "status.within": _status(agent),
        "watchdog.card_silent": agent.watchdog.card_silent,
        "watchdog.psam_silent": agent.watchdog.psam_silent,
    }
    over = BESIDE + sum(waits.values()) - LIBRARY_CARD
    if over > 0:
        key = max(waits, key=lambda name: waits[name])
        yield _too_long(file, key, waits[key], waits[key] - over)


def _pin_calls(agent: AgentSettings, facade: FacadeSettings, file: str) -> Iterator[ConfigFault]:
    silent = agent.watchdog.card_silent + agent.watchdog.psam_silent
    beside = BESIDE + silent + ANSWERS * _hsm(agent)
    longest = (LIBRARY_PIN - beside) / ENTRIES
    if facade.pin_timeout > longest:
        yield _too_long(file, "facade.pin_timeout", facade.pin_timeout, longest)


def _too_long(file: str, key: str, found: float, longest: float) -> ConfigFault:
    tenths = max(0, int(longest * 10)) / 10
    return WrongValue(file=file, key=key, found=f"{found:g}", allowed=f"≤ {tenths:g} (libsscard)")


def _hsm(agent: AgentSettings) -> float:
    return agent.hsm.within if agent.sync is not None and agent.hsm.enabled else 0.0


def _status(agent: AgentSettings) -> float:
    return agent.status.within if may_ask_status(agent.scene) and agent.status.services else 0.0


def may_ask_status(scene: SceneSettings) -> bool:
    """Whether its taps may ask a status service: without a word on it the scene decides."""
    return scene.check != "lists"

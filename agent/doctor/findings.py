"""What `doctor` has to go by, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from config.model import AgentSettings as Settings
from trust.keystore import KeyStore
from world import Fault, World

Facts = Mapping[str, str | int]
RULES: Final = "/etc/udev/rules.d/70-onecard.rules"  # what this terminal needs besides ours


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `id` is stable; the texts' section `finding` has its words, and
    the sentence of `cause`, where a fault is behind it, has the particular remedy. `warning`: well,
    but somebody should know."""

    id: str
    well: bool
    facts: Facts = field(default_factory=dict)
    cause: tuple[str, Facts] | None = None  # the fault's code and facts
    warning: bool = False


@dataclass(frozen=True)
class ExaminedTerminal:
    """One terminal that is examined."""

    world: World
    settings: Settings
    keys: KeyStore
    pcscd_socket: str
    status: Mapping[str, Any] | None  # what the daemon answered at /v1/status, None: none runs
    devices: Sequence[Mapping[str, Any]]  # as /v1/devices tells them, readers among them
    attached: Sequence[str]  # the system's names of all slots
    psam_before: str = ""  # terminal number with which the last card was authenticated
    user: str = "onecard"  # who uses the devices
    root: Path = Path("/")  # of /proc and /etc
    own_sams: Sequence[Mapping[str, Any]] | None = None  # where no daemon runs
    silent: bool = False  # one runs and does not answer: its devices cannot be looked at
    file: str = ""  # that the settings should come from
    wrong: Sequence[Fault] = ()  # what is wrong with it: `settings` are those in force
    # What the daemon goes by, as /v1/settings tells it; None where it does not.
    in_force: Mapping[str, Any] | None = None

    @property
    def sams(self) -> Sequence[Mapping[str, Any]] | None:
        """All PSAMs, as /v1/status tells them; None where the daemon has not looked."""
        return self.own_sams if self.status is None else self.status["sams"]

    def device(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """How a configured device is; None when the daemon does not know it yet."""
        same = (d for d in self.devices if (d["kind"], d["name"]) == (kind, name))
        return next(same, None)

    def read(self, path: Path) -> bytes:
        """A file below `root`; empty when it is not there or may not be read."""
        try:
            with self.world.open(self.root / path, "rb", regular=True) as stream:
                return stream.read()
        except OSError:
            return b""

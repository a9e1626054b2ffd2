"""What every scene of the demo shows alike in the terminal: its real parts, what goes wrong, and
whether the platform's rows are the journal's."""

from collections.abc import Sized
from typing import Protocol

from agent.cli.context import Context
from agent.messages.texts import Texts
from simulators.site import Site


class Compared(Protocol):
    """A scene's end."""

    @property
    def journal(self) -> Sized: ...

    @property
    def platform(self) -> Sized: ...

    @property
    def same(self) -> bool: ...

    @property
    def whole(self) -> bool: ...

    @property
    def reader_stack(self) -> str: ...

    @property
    def broker_pid(self) -> int: ...

    @property
    def good(self) -> bool: ...


def compared(outcome: Compared) -> dict[str, object]:
    """What every scene ends with, for `--json`."""
    return {
        "journal_rows": len(outcome.journal),
        "platform_rows": len(outcome.platform),
        "equal_hashes": outcome.same,
        "chain_whole": outcome.whole,
        "reader_stack": outcome.reader_stack,
        "broker_pid": outcome.broker_pid,
        "good": outcome.good,
    }


class SceneScreen:
    """Base; with `--json` it keeps silent until the end."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._texts: Texts = context.texts
        self._print = context.console.print
        self._silent = context.as_json

    def _remark(self, note: str) -> str:
        """What is odd about one who comes; of most there is nothing."""
        return self._texts.word("remark", note) if note else ""

    def parts(self, site: Site) -> None:
        """Which real parts are running."""
        if not self._silent:
            facts = {"pcscd": site.pcscd.pid, "broker": site.broker.pid, "port": site.broker.port}
            self._print(
                self._texts.ui("demo-parts", stack=site.reader_stack, **facts), highlight=False
            )

    def incident(self, name: str) -> None:
        if not self._silent:
            self._print(f"[yellow]⚡ {self._texts.ui('demo-' + name)}[/]")

    def _end(self, outcome: Compared, last: str, **facts: str | int) -> None:
        """The last two lines; `last` is the key of the second one's words."""
        rows = {"journal": len(outcome.journal), "platform": len(outcome.platform)}
        self._print(self._texts.ui("demo-same" if outcome.same else "demo-differs", **rows))
        verdict = self._texts.ui("demo-good" if outcome.good else "demo-bad")
        self._print(self._texts.ui(last, verdict=verdict, **facts), highlight=False)

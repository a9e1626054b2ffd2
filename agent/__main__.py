"""The daemon: `python -m agent --config FILE`. SIGTERM drains and ends, SIGHUP reloads.

Kept apart from the CLI so that a terminal's memory holds nothing that only people's commands need.
"""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

import msgspec

from agent.daemon import Agent
from agent.messages.texts import Texts, language_of, locale_of
from agent.streams import take_every_sign
from config.load import load
from config.model import AgentSettings as Settings
from drivers.foreign.guard import is_foreign_code
from world import Fault
from world.real import RealWorld

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
LOG = logging.getLogger("onecard")
LINE = "%(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """For machines that read the log."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON: `level`, `room` (the logger's name), `message`."""
        message = record.getMessage().encode(errors="backslashreplace").decode()
        line = {"level": record.levelname, "room": record.name, "message": message}
        return msgspec.json.encode(line).decode()


def main() -> int:
    """Exit status: 0 after SIGTERM, 78 (EX_CONFIG) when it could not start."""
    take_every_sign()
    arguments = argparse.ArgumentParser(prog="onecard run")
    arguments.add_argument("--config", type=Path, required=True)
    arguments.add_argument("--json", action="store_true", help="log one JSON object per line")
    options = arguments.parse_args()
    path: Path = options.config
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if options.json else logging.Formatter(LINE))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.raiseExceptions = False  # a log that takes nothing is no reason for a traceback
    # Blocked before any thread starts, so that only `sigwait` below ever sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    world = RealWorld()
    world.end_on_defect(spares=is_foreign_code)
    world.return_large_blocks()
    texts = Texts(language_of("auto", locale_of(os.environ)))
    try:
        settings = load(world, path)
        texts = texts_for(settings)
        agent = Agent(world, settings, texts)
        agent.start()
        world.keep_what_is_there()
    except Fault as fault:
        LOG.error("%s [%s]", texts.fault(fault), fault.code)
        return 78
    while True:
        if signal.sigwait(SIGNALS) is not signal.SIGHUP:
            agent.stop()
            return 0
        try:
            settings = load(world, path)
            agent.reload(settings, texts_for(settings))
            texts = texts_for(settings)
            LOG.info("%s", texts.ui("reloaded"))
        except Fault as fault:
            agent.refuse(fault)
            LOG.error("%s [%s]", texts.fault(fault), fault.code)


def texts_for(settings: Settings) -> Texts:
    """The language of the settings, or of the locale."""
    return Texts(language_of(settings.terminal.language, locale_of(os.environ)))


if __name__ == "__main__":
    sys.exit(main())

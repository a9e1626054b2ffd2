"""`python -m agent.identify.tickets.issue`: one ticket, for cities that try it out and for
simulators.

The issuer's private key (32 bytes) is a secret of a key store's folder; the code goes to stdout.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from agent.beside import exit_on_fault, sentence
from agent.identify.tickets.ticket import ANYBODY, EVERY_GROUP, KINDS, Ticket, issue
from offline_store.clock import CHINA
from trust.keystore import FileKeyStore
from trust.sm2 import sm2
from world import Fault, World
from world.real import RealWorld

EX_USAGE, EX_CONFIG = 64, 78


def main(world: World, arguments: Sequence[str]) -> int:
    """The exit status; what is wrong is said on stderr, without a key."""
    wanted = _parser().parse_args(arguments)
    try:
        ticket = Ticket(
            kind=wanted.kind,
            id=world.random(16),
            first=_seconds(wanted.first),
            last=_seconds(wanted.last),
            issuer=wanted.key_id,
            holder=bytes.fromhex(wanted.holder) if wanted.holder else ANYBODY,
            group=wanted.group,
            uses=wanted.uses,
        )
        private = FileKeyStore(world, wanted.keys).read(wanted.key)
        sys.stdout.write(issue(ticket, sm2(), private) + "\n")
    except ValueError as error:
        sys.stderr.write(f"agent.identify.tickets.issue: {error}\n")
        return EX_USAGE
    except Fault as fault:
        sys.stderr.write(f"agent.identify.tickets.issue: {sentence(fault)}\n")
        return EX_CONFIG
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent.identify.tickets.issue", description=__doc__)
    parser.add_argument("--keys", type=Path, required=True, help="folder of the key store")
    parser.add_argument("--key", required=True, help="name of the secret, 32 bytes")
    parser.add_argument("--key-id", type=int, required=True, help="index in ticket-issuers")
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0])
    parser.add_argument("--first", required=True, help="2026-10-01T09:00, China's time if unsaid")
    parser.add_argument("--last", required=True)
    parser.add_argument("--holder", default="", help="person reference, 64 hex; none: anybody")
    parser.add_argument("--group", type=int, default=EVERY_GROUP, help="of gates; 0: every one")
    parser.add_argument("--uses", type=int, default=1)
    return parser


def _seconds(moment: str) -> int:
    """Raises ValueError."""
    said = datetime.fromisoformat(moment)
    return int((said if said.tzinfo else said.replace(tzinfo=CHINA)).timestamp())


if __name__ == "__main__":
    with exit_on_fault():
        status = main(RealWorld(), sys.argv[1:])
        sys.stdout.flush()
    sys.exit(status)

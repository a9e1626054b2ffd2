"""Who made a connection to this machine: the kernel says it, and nobody is taken for root."""

import os
import pwd
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world import peers
from world.peers import owner_in, owner_told
from world.real import RealWorld

ME = (os.geteuid(), pwd.getpwuid(os.geteuid()).pw_name)
HERE, THERE = (bytes((127, 0, 0, 1)), 0x1F90), (bytes((127, 0, 0, 1)), 0xC350)
HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
little = pytest.mark.skipif(sys.byteorder != "little", reason="the made-up rows are")


def row(
    *,
    local: bytes = b"0100007F:C350",
    remote: bytes = b"0100007F:1F90",
    state: bytes = b"01",
    uid: bytes = b"1000",
    inode: bytes = b"25613",
) -> bytes:
    tail = b"00000000:00000000 00:00000000 00000000"
    ends = b" ".join((b"   0:", local, remote, state, tail))
    return (
        HEAD + ends + b"  " + uid + b"        0 " + inode + b" 1 0000000000000000 20 4 30 10 -1\n"
    )


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")]
)
@pytest.mark.parametrize("asked", [True, False])
def test_the_owner_of_a_loopback_connection_is_told(
    stack: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    family: socket.AddressFamily,
    host: str,
    asked: bool,
) -> None:
    if family == socket.AF_INET6 and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    listener = stack.enter_context(RealWorld().listen_local(0))
    caller = stack.enter_context(socket.socket(family))
    caller.connect((host, listener.getsockname()[1]))
    served, _ = listener.accept()
    stack.enter_context(served)
    if not asked:
        monkeypatch.setattr(peers, "_asked", lambda *ends: None)
    peer = RealWorld().peer_of(served)
    assert (peer.uid, peer.user, peer.pid) == (*ME, 0)
    caller.shutdown(socket.SHUT_WR)
    assert RealWorld().peer_of(served).uid == ME[0]


def test_a_connection_whose_owner_has_gone_is_nobodys(stack: ExitStack) -> None:
    listener = stack.enter_context(RealWorld().listen_local(0))
    caller = socket.create_connection(listener.getsockname())
    served, _ = listener.accept()
    stack.enter_context(served)
    caller.close()
    with pytest.raises((LookupError, OSError)):
        RealWorld().peer_of(served)


def test_the_other_end_of_a_unix_socket_is_told(stack: ExitStack) -> None:
    one, other = socket.socketpair()
    stack.enter_context(one)
    stack.enter_context(other)
    peer = RealWorld().peer_of(one)
    assert (peer.uid, peer.user, peer.pid) == (*ME, os.getpid())


@little
def test_the_row_with_both_ends_counts() -> None:
    assert owner_in(row(), THERE, HERE) == 1000
    assert owner_in(row(uid=b"0"), THERE, HERE) == 0
    assert owner_in(row(), HERE, THERE) is None, "that is our own end"
    assert owner_in(row(remote=b"0100007F:1F91"), THERE, HERE) is None
    assert owner_in(row(local=b"0200007F:C350"), THERE, HERE) is None
    assert owner_in(HEAD, THERE, HERE) is None


@little
def test_an_ipv4_connection_of_an_ipv6_socket_counts() -> None:
    mapped = b"0000000000000000FFFF00000100007F"
    table = row(local=mapped + b":C350", remote=mapped + b":1F90")
    assert owner_in(table, THERE, HERE) == 1000


@little
@pytest.mark.parametrize(
    "orphan",
    [
        row(uid=b"0", inode=b"0"),
        row(uid=b"1000", inode=b"0"),
        row(state=b"06", uid=b"0", inode=b"0"),  # TIME_WAIT
        row(state=b"0A"),  # LISTEN
        row(state=b"08"),  # CLOSE_WAIT: we have gone
    ],
)
def test_a_socket_that_its_program_has_let_go_of_is_nobodys_and_never_roots(orphan: bytes) -> None:
    assert owner_in(orphan, THERE, HERE) is None


@given(st.binary(max_size=200))
def test_any_answer_is_an_owner_or_none_or_nobody(answer: bytes) -> None:
    try:
        told = owner_told(answer)
    except LookupError:
        return
    assert told is None or told >= 0


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: row()[:200] + tail))
def test_any_table_is_an_owner_or_none(table: bytes) -> None:
    assert owner_in(HEAD + table, THERE, HERE) in (None, 1000)

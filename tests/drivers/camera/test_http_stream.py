"""What a network camera answers: heads, chunks, passwords and redirections."""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import md5
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera.http_stream import (
    Chunks,
    HttpStream,
    NoCamera,
    NotLetIn,
    StreamTarget,
    _digest,
    open_http,
    target_of,
)
from world import Stream
from world.real import RealWorld

OK = b"HTTP/1.1 200 OK\r\n\r\nbody"


def moved_to(place: str) -> "Script":
    """A camera that always sends us there."""
    return Script(*[f"HTTP/1.1 302 Found\r\nLocation: {place}\r\n\r\n".encode("latin-1")] * 9)


class Script(RealWorld):
    """A camera that answers each request in turn, and what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.connected: list[tuple[str, int] | str] = []

    def random(self, size: int) -> bytes:
        return bytes(size)

    def connect(self, address: tuple[str, int] | str, timeout: float) -> Stream:
        self.connected.append(address)
        return Line(self)


class Line:
    """One connection; a byte at a time, as the slowest network."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._answer = script.answers.pop(0)

    def sendall(self, data: bytes) -> None:
        self._script.asked.append(data)

    def recv(self, size: int) -> bytes:
        given, self._answer = self._answer[:1], self._answer[1:]
        return given

    def settimeout(self, seconds: float | None) -> None: ...

    def close(self) -> None: ...


def body(stream: HttpStream) -> bytes:
    parts = []
    while part := stream.read(1.0):
        parts.append(part)
    return b"".join(parts)


def opened(script: Script, address: str = "http://cam:8080/video?id=1") -> HttpStream:
    return open_http(script, address, within=60.0)


@pytest.mark.parametrize(
    "answer",
    [OK, OK.replace(b"\r\n", b"\n"), b"HTTP/1.0 200\n\nbody", b"ICY 200 OK\r\n\r\nbody"],
)
def test_heads_of_every_kind(answer: bytes) -> None:
    script = Script(answer)
    assert body(opened(script)) == b"body"
    assert script.connected == [("cam", 8080)]
    assert script.asked[0].startswith(b"GET /video?id=1 HTTP/1.1\r\nHost: cam:8080\r\n")


def test_a_body_without_a_head_is_a_body() -> None:
    stream = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n..."
    assert body(opened(Script(stream))) == stream


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 404 Not Found\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
def test_what_gives_no_stream_is_no_camera(answer: bytes) -> None:
    with pytest.raises(NoCamera):
        opened(Script(answer))


def test_a_head_without_an_end_is_given_up() -> None:
    with pytest.raises(NoCamera):
        opened(Script(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4_000))


pieces = st.lists(st.binary(min_size=1, max_size=30), max_size=6)


@given(sent=pieces, places=st.lists(st.integers(0, 400), max_size=6))
def test_chunks_are_put_together_however_they_arrive(sent: list[bytes], places: list[int]) -> None:
    stream = b"".join(b"%X;x=1\r\n%b\r\n" % (len(one), one) for one in sent) + b"0\r\n\r\n"
    edges: Sequence[int] = [0, *sorted(min(at, len(stream)) for at in places), len(stream)]
    chunks = Chunks()
    assert b"".join(chunks.feed(stream[a:b]) for a, b in pairwise(edges)) == b"".join(sent)
    assert chunks.over


def test_a_body_that_is_not_in_chunks_as_it_says_is_passed_on() -> None:
    stream = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + bytes(100)
    assert Chunks().feed(stream) == stream


def test_a_password_is_given_when_it_is_asked_for() -> None:
    asks = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n'
    script = Script(asks, OK)
    assert body(opened(script, "http://a%40b:s%3Acret@cam/")) == b"body"
    assert b"Authorization" not in script.asked[0]
    assert b"Authorization: Basic YUBiOnM6Y3JldA==\r\n" in script.asked[1]


def test_a_wrong_password_is_not_given_again() -> None:
    asks = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n'
    script = Script(asks, asks)
    with pytest.raises(NoCamera):
        opened(script, "http://a:b@cam/")


def test_digest_as_the_rfc_has_it() -> None:
    """RFC 7616, 3.9.1."""
    target = StreamTarget("www.example.org", 80, "/dir/index.html", "Mufasa", "Circle of Life")
    words = {
        "realm": "http-auth@example.org",
        "qop": "auth, auth-int",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }
    own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    for algorithm, response in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        assert f'response="{response}"' in _digest(target, {**words, "algorithm": algorithm}, own)


def test_digest_is_asked_for_and_given() -> None:
    asks = (
        b"HTTP/1.1 401 Unauthorized\r\n"
        b'WWW-Authenticate: Digest realm="IP Camera", nonce="abc", qop="auth"\r\n\r\n'
    )
    script = Script(asks, OK)
    assert body(opened(script, "http://admin:pw@cam/ISAPI/preview")) == b"body"
    assert (
        b'Authorization: Digest username="admin", realm="IP Camera", nonce="abc"' in script.asked[1]
    )
    assert b"pw" not in script.asked[1]


@pytest.mark.parametrize(
    ("asks", "given"),
    [
        (['DIGEST Realm="c" , Nonce = "abc",QOP="auth"'], "algorithm=MD5, qop=auth"),
        (['Digest realm="c", nonce="abc", algorithm=MD5-sess, qop="auth"'], "MD5-sess, qop=auth"),
        # The first that can be computed, in one field or in several.
        (
            [
                'Digest realm="c", nonce="x", algorithm=SHA-512-256, qop="auth"',
                'Digest realm="c", nonce="abc", algorithm="SHA-256", qop="auth"',
                'Basic realm="c"',
            ],
            "algorithm=SHA-256, qop=auth",
        ),
        (['Basic realm="c", Digest realm="c", nonce="abc", qop="auth"'], "MD5, qop=auth"),
        (['Digest realm="c", nonce="abc", algorithm=SHA-512-256, Basic realm="c"'], "Basic YTpi"),
        (['Digest realm="c", nonce="abc", algorithm=SHA-512-256', "basic"], "Basic YTpi"),
    ],
)
def test_however_a_camera_asks_for_a_password_it_is_given(asks: list[str], given: str) -> None:
    fields = "".join(f"WWW-Authenticate: {one}\r\n" for one in asks)
    script = Script(f"HTTP/1.1 401 No\r\n{fields}\r\n".encode(), OK)
    assert body(opened(script, "http://a:b@cam/")) == b"body"
    (answered,) = [row for row in script.asked[1].splitlines() if b"Authorization" in row]
    assert given.encode() in answered
    if b"Digest" in answered:
        assert b'nonce="abc"' in answered


def test_a_sessions_key_as_the_rfc_has_it() -> None:
    """RFC 7616, 3.4.2: A1 of `-sess`; by hand from the hash itself."""
    words = {"realm": "c", "nonce": "n", "algorithm": "MD5-sess", "qop": "auth"}

    def hashed(text: str) -> str:
        return md5(text.encode()).hexdigest()

    key = hashed(f"{hashed('a:c:b')}:n:own")
    response = hashed(f"{key}:n:00000001:own:auth:{hashed('GET:/x')}")
    assert f'response="{response}"' in _digest(
        StreamTarget("cam", 80, "/x", "a", "b"), words, "own"
    )


@pytest.mark.parametrize(
    ("answer", "address", "kind"),
    [
        (b"HTTP/1.1 401 No\r\n\r\n", "http://cam/", NotLetIn),
        (b"HTTP/1.1 403 No\r\n\r\n", "http://a:b@cam/", NotLetIn),
        (
            b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest nonce="a", algorithm=X\r\n\r\n',
            "http://a:b@cam/",
            NotLetIn,
        ),
        (b"HTTP/1.1 404 No\r\n\r\n", "http://cam/", NoCamera),
    ],
)
def test_a_camera_that_keeps_us_out_is_no_camera_without_pictures(
    answer: bytes, address: str, kind: type[NoCamera]
) -> None:
    with pytest.raises(NoCamera) as caught:
        opened(Script(answer), address)
    assert caught.type is kind


def test_a_camera_that_has_moved_is_followed_and_its_password_stays_at_home() -> None:
    asks = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'
    script = Script(
        b"HTTP/1.1 302 Found\r\nLocation: /live\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/live\r\n\r\n",
        asks,
    )
    with pytest.raises(NoCamera):
        opened(script, "http://a:b@cam/")
    assert script.connected == [("cam", 80), ("cam", 80), ("elsewhere", 80)]
    assert not any(b"Authorization" in asked for asked in script.asked)


@pytest.mark.parametrize("place", ["file:///etc/passwd", "https://cam/", "", "http://:80/"])
def test_nothing_but_http_is_followed(place: str) -> None:
    with pytest.raises(NoCamera):
        opened(moved_to(place))


NO_ADDRESSES = ["http://[camera]/mjpeg", "http://[", "//[x", "//]", "http://cam:99999/", "//c:x/"]


@pytest.mark.parametrize("place", NO_ADDRESSES)
def test_a_redirection_to_what_is_no_address_is_no_camera(place: str) -> None:
    with pytest.raises(NoCamera):
        opened(moved_to(place))


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_has_no_target(address: str) -> None:
    with pytest.raises(NoCamera):
        target_of(address)


@given(place=st.text(st.characters(codec="latin-1")))
def test_whatever_a_redirection_says_is_followed_or_no_camera(place: str) -> None:
    with suppress(NoCamera):
        opened(moved_to(place))

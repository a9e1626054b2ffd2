"""The newest Chromium of the system calls the national interface from pages of three kinds of
address, with and without the policy that `doctor` writes: an identity, or a refusal by somebody.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from agent.doctor.browsers import policy
from tests import product

LOOPBACK, PRIVATE, PUBLIC = (
    "http://localhost:8080",
    "https://private.example:8443",
    "https://public.example:8443",
)
PRIVATE_PLAIN, PUBLIC_PLAIN = "http://private.example:8080", "http://public.example:8080"
STRANGER = "https://stranger.example:8443"  # let through by the browser, unknown to the terminal
PAGES = [
    {"url": url, "way": way}
    for url in (LOOPBACK, PRIVATE, PRIVATE_PLAIN, PUBLIC, PUBLIC_PLAIN, STRANGER)
    for way in ("fetch", "socket")
]
LONG = 600  # seconds; the stage has limits of its own
Seen = Mapping[tuple[str, str], Mapping[str, Any]]


def on_stage(said: object) -> tuple[Seen, Mapping[str, Any]]:
    """What each page saw, by URL and way, and what the terminal saw."""
    require_chromium()
    namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        namespaces.append("--map-root-user")
    done = subprocess.run(
        [*namespaces, sys.executable, "-m", "tests.agent.facade.browser.stage"],
        input=json.dumps({"policy": said, "pages": PAGES}),
        capture_output=True,
        text=True,
        check=False,
        timeout=LONG,
        cwd=product.ROOT,
    )
    assert done.returncode == 0, done.stderr
    *pages, terminal = map(json.loads, done.stdout.splitlines())
    ways = [(page["url"], page["way"]) for page in PAGES]
    return dict(zip(ways, pages, strict=True)), terminal


def require_chromium() -> None:
    """Skips only where the system has none to install; `./run test` installs it."""
    if shutil.which("chromium") is not None:
        return
    if shutil.which("apt-cache") is None:
        pytest.skip("this system has no chromium")
    known = subprocess.run(["apt-cache", "show", "chromium"], capture_output=True, check=False)
    if known.returncode != 0:
        pytest.skip("this system has no chromium")
    pytest.fail("chromium is not installed; ./run test does it")


@pytest.fixture(scope="module")
def without() -> tuple[Seen, Mapping[str, Any]]:
    return on_stage(None)


@pytest.fixture(scope="module")
def with_policy() -> tuple[Seen, Mapping[str, Any]]:
    """The file that `doctor` has a technician write."""
    return on_stage(json.loads(policy([PRIVATE, PUBLIC, PUBLIC_PLAIN, STRANGER])))


def answered(seen: Mapping[str, Any], name: str) -> bool:
    """The page has the person's identity."""
    told = seen.get("told")
    return bool(told and told["result"] == "0" and told["out"][4] == name and told["id"] == "page")


def kept_away(seen: Mapping[str, Any]) -> bool:
    """The browser itself refused: no answer of whatever kind came to the page."""
    return "told" not in seen and "status" not in seen and not seen.get("opened")


@pytest.mark.parametrize("way", ["fetch", "socket"])
class TestPages:
    def test_a_page_of_this_machine_reads_a_card(
        self, way: str, without: tuple[Seen, Mapping[str, Any]]
    ) -> None:
        seen, terminal = without
        assert answered(seen[LOOPBACK, way], terminal["name"])

    def test_control_the_browser_keeps_a_public_page_away_without_the_policy(
        self, way: str, without: tuple[Seen, Mapping[str, Any]]
    ) -> None:
        seen, terminal = without
        assert kept_away(seen[PUBLIC, way])
        assert not [caller for caller in terminal["callers"] if PUBLIC in caller]
        assert not [refused for refused in terminal["refused"] if refused["origin"] == PUBLIC]

    def test_a_public_page_reads_a_card_with_the_policy(
        self, way: str, with_policy: tuple[Seen, Mapping[str, Any]]
    ) -> None:
        seen, terminal = with_policy
        assert answered(seen[PUBLIC, way], terminal["name"])
        assert [caller for caller in terminal["callers"] if f"origin:{PUBLIC} user:" in caller]

    def test_a_private_page_reads_a_card_with_the_policy(
        self, way: str, with_policy: tuple[Seen, Mapping[str, Any]]
    ) -> None:
        seen, terminal = with_policy
        assert answered(seen[PRIVATE, way], terminal["name"])

    @pytest.mark.parametrize("url", [PRIVATE, PRIVATE_PLAIN])
    def test_a_private_page_without_the_policy_reads_a_card_or_the_browser_keeps_it_away(
        self, way: str, url: str, without: tuple[Seen, Mapping[str, Any]]
    ) -> None:
        """Chromium 156 lets it; the draft has the same permission for it, too."""
        seen, terminal = without
        assert answered(seen[url, way], terminal["name"]) or kept_away(seen[url, way])

    def test_no_policy_of_pages_helps_a_public_page_without_https(
        self, way: str, with_policy: tuple[Seen, Mapping[str, Any]]
    ) -> None:
        seen, _ = with_policy
        assert not seen[PUBLIC_PLAIN, way]["secure"]
        assert kept_away(seen[PUBLIC_PLAIN, way])


def test_a_stranger_page_can_read_at_its_socket_why_it_is_refused(
    with_policy: tuple[Seen, Mapping[str, Any]],
) -> None:
    seen, terminal = with_policy
    socket = seen[STRANGER, "socket"]
    assert (socket["closed"], socket["told"]["result"]) == (4403, "-12")
    assert socket["reason"].startswith("facade.client-unknown ")
    assert "failed" in seen[STRANGER, "fetch"], "no CORS header for it"
    assert STRANGER in {refused["origin"] for refused in terminal["refused"]}
    assert not [caller for caller in terminal["callers"] if STRANGER in caller]

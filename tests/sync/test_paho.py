"""paho is imported without what only its proxies need, and has that where it asks for it."""

import subprocess
import sys

LOADED = "import sync.paho, sys; print('http.client' in sys.modules, 'email' in sys.modules)"
ASKED = "import sync.paho, urllib.request; print(callable(urllib.request.getproxies))"
BARE = "import paho.mqtt.client, sys; print('http.client' in sys.modules, 'email' in sys.modules)"
BEFORE = "import urllib.request as a, sync.paho, urllib.request as b; print(a is b, a.urlopen)"


def printed(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_only_a_proxy_needs_is_not_loaded() -> None:
    assert printed(LOADED) == "False False"


def test_the_control_paho_by_itself_loads_it() -> None:
    assert printed(BARE) == "True True"


def test_it_is_there_for_who_uses_it() -> None:
    assert printed(ASKED) == "True"


def test_a_module_that_is_there_already_stays() -> None:
    assert printed(BEFORE).startswith("True <function urlopen")

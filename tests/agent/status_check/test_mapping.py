"""A mistake in a mapping file is told with file, key, found and allowed, by `onecard config check`
too; all at once."""

import time
import tomllib
from pathlib import Path

import pytest

from agent.doctor.config_check import require_usable
from agent.status_check.mapping import load_mapping
from config.faults import ConfigFault
from config.load import parse
from simulators.city.provinces import Mountain, Province, River
from simulators.city.status import StatusDesk
from tests import product
from world.real import RealWorld

MAPPING = """
[request]
url = "https://status.example/ask"
format = "json"
[request.fields]
idno = "number"
nonce = "nonce"
[request.sign]
method = "sm2"
secret = "own"
over = "body"
header = "X-Signature"
[answer]
echo = "nonce"
[answer.success]
path = "code"
values = ["0"]
[answer.errors]
7 = "busy"
[answer.card]
path = "card"
values = { "1" = "normal" }
"""
SETTINGS = """
[terminal]
id = "t1"
city = "519900"
[scene]
kind = "service-window"
[[readers]]
name = "desk"
match = "*"
interface = "contact"
[[lanes]]
name = "counter"
direction = "counter"
readers = ["desk"]
[[status.services]]
name = "river"
kind = "https"
regions = ["51"]
mapping = "{mapping}"
"""


def problems(folder: Path, text: str) -> list[ConfigFault]:
    path = folder / "river.toml"
    path.write_text(text, encoding="utf-8")
    found: list[ConfigFault] = []
    try:
        load_mapping(RealWorld(), path)
    except ConfigFault as fault:
        found += fault.problems
    assert all(one.facts["file"] == str(path) for one in found)
    return found


def test_a_good_mapping_is_good(tmp_path: Path) -> None:
    assert problems(tmp_path, MAPPING) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ("https://", "http://", "config.wrong-value", "request.url"),
        ('format = "json"', 'format = "xml"', "config.wrong-value", "request.format"),
        ('format = "json"', "", "config.missing-key", "request.format"),
        ('idno = "number"', 'idno = "idnumber"', "config.wrong-value", "request.fields.idno"),
        ('idno = "number"', "", "config.missing-key", "request.fields"),
        ('idno = "number"', 'nonce.a = "number"', "config.syntax", None),
        (
            'idno = "number"',
            '"nonce.a" = "number"',
            "config.wrong-value",
            "request.fields.nonce.a",
        ),
        ('idno = "number"', '"id no" = "number"', "config.wrong-value", "request.fields"),
        ('method = "sm2"', 'method = "rsa"', "config.wrong-value", "request.sign.method"),
        ('header = "X-Signature"', "", "config.missing-key", "request.sign.header"),
        ('header = "X-Signature"', 'field = "sign"', "config.needs-key", "request.sign.over"),
        (
            'header = "X-Signature"',
            'header = "X-Sig"\nfield = "s"',
            "config.missing-key",
            "request.sign.header",
        ),
        (
            'header = "X-Signature"',
            'header = "X Sig"',
            "config.wrong-value",
            "request.sign.header",
        ),
        ('nonce = "nonce"', "", "config.needs-key", "answer.echo"),
        ('path = "code"', 'path = "code..a"', "config.wrong-value", "answer.success.path"),
        ('values = ["0"]', "values = []", "config.wrong-value", "answer.success.values"),
        ('7 = "busy"', '7 = "They are busy"', "config.wrong-value", "answer.errors.7"),
        ('"1" = "normal"', '"" = "normal"', "config.wrong-value", "answer.card.values"),
        ('values = ["0"]', 'values = ["0", ""]', "config.wrong-value", "answer.success.values"),
        ('7 = "busy"', '"" = "busy"', "config.wrong-value", "answer.errors"),
        (
            'values = ["0"]',
            'values = ["0", "7"]',
            "config.duplicate-name",
            "answer.success.values, answer.errors",
        ),
        ('"1" = "normal"', '"1" = "normal", "1" = "lost"', "config.syntax", None),
        ('"1" = "normal"', '"1" = "NORMAL"', "config.wrong-value", "answer.card.values.1"),
        ("[answer.card]", "[answer.crad]", "config.unknown-key", "answer.crad"),
        ("[answer]", "[answer]\nstrict = true", "config.unknown-key", "answer.strict"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, code: str, key: str | None) -> None:
    assert MAPPING.count(old) == 1
    found = problems(tmp_path, MAPPING.replace(old, new))
    assert (code, key) in [(one.code, one.facts.get("key")) for one in found]


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = MAPPING.replace("https://", "ftp://").replace('"busy"', '"BUSY"')
    assert len(problems(tmp_path, text)) == 2


def test_headers_cannot_be_broken_out_of(tmp_path: Path) -> None:
    text = MAPPING.replace(
        "[request.sign]", '[request.headers]\n"X-A" = "a\\r\\nB: c"\n[request.sign]'
    )
    (fault,) = problems(tmp_path, text)
    assert (fault.code, fault.facts["key"]) == ("config.wrong-value", "request.headers.X-A")


def test_config_check_tells_the_mapping_files_mistakes_with_that_file(tmp_path: Path) -> None:
    path = tmp_path / "river.toml"
    settings = parse(SETTINGS.format(mapping=path).encode(), "box.toml")
    with pytest.raises(ConfigFault) as caught:
        require_usable(RealWorld(), settings, "box.toml")
    assert (caught.value.code, caught.value.facts["file"]) == ("config.absent", str(path))
    path.write_text(MAPPING.replace("https://", "http://"), encoding="utf-8")
    with pytest.raises(ConfigFault) as caught:
        require_usable(RealWorld(), settings, "box.toml")
    assert caught.value.facts == {
        "file": str(path),
        "key": "request.url",
        "found": '"http://status.example/ask"',
        "allowed": '"https://HOST:PORT/…"',
    }
    path.write_text(MAPPING, encoding="utf-8")
    require_usable(RealWorld(), settings, "box.toml")


@pytest.mark.parametrize("kind", [River, Mountain], ids=lambda kind: kind.name)
def test_the_page_shows_both_provinces_as_they_are(kind: type[Province], tmp_path: Path) -> None:
    """docs/status-mapping.md has each province's whole file, but for its port."""
    page = (product.ROOT / "docs" / "status-mapping.md").read_text(encoding="utf-8")
    blocks = [tomllib.loads(part.split("```")[0]) for part in page.split("```toml\n")[1:]]
    with kind(tmp_path, StatusDesk(time.sleep, time.time)) as province:
        mapping = tomllib.loads(province.mapping)
        mapping["request"]["url"] = f"https://status.{province.name}.example{province.path}"
    assert mapping in blocks

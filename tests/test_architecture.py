"""The rules of docs/architecture.md and design.md that can be read off the source.

Each rule is a function from a file's place and tree to its violations; the control beside each
shows that it bites.
"""

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args, get_origin

import msgspec
import pytest

from offline_store.events.row import Event
from tests import product

Rule = Callable[[Path, ast.Module], Iterator[str]]

FLOOR = {"world", "trust"}
CARDS_AND_SETTINGS = FLOOR | {"apdu", "config"}
MAY_IMPORT = {
    "world": {"world"},
    "trust": FLOOR,
    "apdu": FLOOR | {"apdu"},
    "config": FLOOR | {"config"},
    "drivers": CARDS_AND_SETTINGS | {"drivers"},
    "offline_store": CARDS_AND_SETTINGS | {"offline_store"},
    "sync": FLOOR | {"config", "offline_store", "sync"},
    "agent": set(product.ROOMS),
    # onecard-simulators: made-up parts, which know nothing of what stands on them.
    "simulators": {*product.ROOMS, "simulators"},
    "proving": {*product.ROOMS, "simulators", "proving"},
    "benchmarks": {*product.ROOMS, "simulators", "benchmarks"},
    # A vendor has it with the simulators, and has none of our tests.
    "contracts": {*product.ROOMS, "simulators", "contracts"},
}
HOUSE = {*MAY_IMPORT, "tests"}

# The commands that bring simulated devices along, and what they may bring.
WITH_SIMULATORS = {
    Path("agent/cli/proving.py"): {"simulators", "proving", "benchmarks"},
    Path("agent/cli/conform.py"): {"proving"},
}

# Where a process begins, so somebody has to say which World it lives in.
MAKES_THE_WORLD = {
    Path("agent/__main__.py"): "the daemon",
    Path("agent/cli/context.py"): "the command line",
    Path("agent/identify/tickets/issue.py"): "makes a ticket, for cities that try it out",
    Path("agent/voices/build.py"): "makes the voice pack, at build time",
    Path("agent/facade/c/build.py"): "compiles libsscard, at build time",
    Path("drivers/document.py"): "writes the page of drivers, for developers",
    Path("sync/platform/__main__.py"): "the platform",
    Path("sync/contract/vectors.py"): "writes the contract's test vectors, for developers",
    Path("sync/contract/schemas.py"): "writes the contract's schemas, for developers",
    Path("offline_store/lists/load.py"): "child process of the lists",
    Path("agent/fares/pack.py"): "child process of the entitlements",
    Path("offline_store/migrate.py"): "child process of the journal",
}

OUTSIDE_MODULES = {
    "threading", "_thread", "time", "secrets", "random", "queue", "sched", "socket", "select",
    "selectors", "socketserver", "subprocess", "multiprocessing", "concurrent", "uuid", "tempfile",
    "shutil", "glob",
}  # fmt: skip
OUTSIDE_CALLS = {
    "asyncio.sleep", "asyncio.to_thread", "asyncio.open_connection", "asyncio.start_server",
    "datetime.now", "datetime.today", "datetime.utcnow", "date.today", "datetime.datetime.now",
    "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today",
    "io.open", "open", "sqlite3.connect",
    "os.chmod", "os.fork", "os.fsync", "os.getrandom", "os.kill", "os.listdir", "os.makedirs",
    "os.mkdir", "os.open", "os.popen", "os.remove", "os.rename", "os.replace", "os.scandir",
    "os.path.getmtime", "os.path.getsize", "os.path.isdir", "os.path.isfile",
    "os.stat", "os.system", "os.unlink", "os.urandom", "os.walk",
    "Path.cwd", "Path.home",
}  # fmt: skip
# `Path` methods that touch the disk and that nothing else in the house is called like.
DISK_METHODS = {
    "chmod", "exists", "glob", "is_dir", "is_file", "iterdir", "lstat", "mkdir", "read_bytes",
    "read_text", "rglob", "rmdir", "stat", "symlink_to", "touch", "unlink", "write_bytes",
    "write_text",
}  # fmt: skip
PACKAGE_DATA = re.compile(r"\bfiles\(|_folder\(\)|^entry$")  # importlib.resources: what is shipped

ALLOWED_OUTSIDE: dict[tuple[str, str], str] = {
    ("world/real.py", "*"): "the one door",
    ("world/peers.py", "*"): "asks the kernel for the one door",
    ("world/tasks.py", "*"): "the threads of the one door",
    ("world/packages.py", "*"): "what is installed: Python's own files, not the box's",
    ("world/ports.py", "socket"): "the type of a listening socket, which uvicorn wants",
    ("agent/streams.py", "open"): "a standard output that was closed before we began",
    ("agent/messages/texts.py", ".read_text()"): "shipped with the package, and wanted at once",
    ("drivers/io/wait.py", "select"): "waits for devices' descriptors, so that threads can end it",
    ("drivers/io/device_file.py", "os.open"): "device files: both ways, without blocking",
    (
        "drivers/io/device_file.py",
        "os.stat",
    ): "the number of a device node, which is no file's size",
    ("drivers/io/device_file.py", ".stat()"): "the same call",
    ("drivers/io/events.py", "os.open"): "an event file is grabbed by its descriptor, unbuffered",
    ("drivers/hotplug.py", "socket"): "asks the kernel which error the monitor's socket has",
    ("drivers/io/line.py", "socket"): "asks the kernel to look after a serial server's connection",
}

# Who decodes what is no stranger's, or tells more about it than a fault of `world.foreign` can.
DECODES_ITSELF = {
    Path("world/foreign.py"): "the one place",
    Path("config/load.py"): "the profiles: shipped with the package",
    Path("agent/facade/errors.py"): "shipped with the package",
    Path("agent/messages/reasons.py"): "shipped with the package, or with the scene that brings it",
    Path("agent/fares/announcement.py"): "shipped with the package",
    Path("agent/messages/texts.py"): "shipped with the package",
    Path("agent/purse/card_types.py"): "shipped with the package",
    Path("apdu/transit/files.py"): "shipped with the package",
    Path("drivers/known.py"): "shipped with the package",
    Path("agent/cli/journal.py"): "rows of our own journal",
    Path("offline_store/chain.py"): "rows of our own journal",
    Path("offline_store/events/row.py"): "rows of our own journal",
    Path("offline_store/events/version_1.py"): "the same of an older text",
    Path("offline_store/journal.py"): "rows of our own journal",
    Path("offline_store/receipts.py"): "rows of our own journal",
    Path("offline_store/rows.py"): "rows of our own journal",
    Path("offline_store/salvage.py"): "rows of our own journal",
    Path("offline_store/turn.py"): "rows of our own journal",
}  # fmt: skip
# Where what others wrote may raise anything: the entry points of other packages.
CATCHES_ALL = {
    Path("drivers/foreign/guard.py"),
    Path("drivers/registry.py"),
    Path("agent/scenes/foreign.py"),
    Path("agent/scenes/registry.py"),
}
DECODERS = {
    "msgspec.json.decode", "msgspec.json.Decoder", "msgspec.toml.decode", "msgspec.yaml.decode",
    "msgspec.msgpack.decode", "json.load", "json.loads", "json.JSONDecoder", "tomllib.load",
    "tomllib.loads",
}  # fmt: skip


def rooms_import_one_way(path: Path, tree: ast.Module) -> Iterator[str]:
    room = path.parts[0]
    allowed = MAY_IMPORT[room] | WITH_SIMULATORS.get(path, set())
    for line, module in imports(path, tree):
        target = module.partition(".")[0]
        if target in HOUSE and target not in allowed:
            yield f"{path}:{line}: {room} imports {module}"


def only_entries_make_the_world(path: Path, tree: ast.Module) -> Iterator[str]:
    for line, module in imports(path, tree):
        if module.startswith("world.real") and path not in MAKES_THE_WORLD:
            yield f"{path}:{line}: imports {module}; be handed a World instead"


def outside_only_by_the_world(path: Path, tree: ast.Module) -> Iterator[str]:
    for line, what in [*_outside_imports(path, tree), *_outside_calls(tree)]:
        allowed = {(path.as_posix(), "*"), (path.as_posix(), what)} & ALLOWED_OUTSIDE.keys()
        if not allowed:
            yield f"{path}:{line}: {what} goes around the World"


def foreign_text_is_decoded_in_one_place(path: Path, tree: ast.Module) -> Iterator[str]:
    if path in DECODES_ITSELF:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _name(node) in DECODERS:
            yield f"{path}:{node.lineno}: {_name(node)}; `world.foreign` knows what it may raise"
    for line, module in imports(path, tree):
        if module in DECODERS:
            yield f"{path}:{line}: {module}; `world.foreign` knows what it may raise"


def nothing_is_swallowed(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ExceptHandler)
            and (node.type is None or _broad(node.type))
            and path not in CATCHES_ALL
            and ast.unparse(node.body[-1]) != "raise"  # tidying up on the way out is fine
        ):
            yield f"{path}:{node.lineno}: broad except"
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("suppress")
            and any(_broad(argument) for argument in node.args)
        ):
            yield f"{path}:{node.lineno}: broad suppress"


def files_are_short(path: Path, tree: ast.Module) -> Iterator[str]:
    last = max((getattr(node, "end_lineno", 0) or 0 for node in tree.body), default=0)
    if last > 500:
        yield f"{path}: {last} lines; two rooms want to be made of it"


def imports(path: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, absolute module) of every import, relative and by `importlib` too."""
    package = product.module_name(product.ROOT / path).split(".")
    package = package if path.name == "__init__.py" else package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _name(node.func).endswith(
            ("import_module", "__import__")
        ):
            for constant in ast.walk(node):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    yield node.lineno, constant.value


def _outside_imports(path: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for line, module in imports(path, tree):
        if module.partition(".")[0] in OUTSIDE_MODULES:
            yield line, module.partition(".")[0]


def _outside_calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    paths = _paths(tree)
    for node in ast.walk(tree):
        # A mere reference counts too: `reader = open` or `map(os.remove, …)` is a call elsewhere.
        if isinstance(node, ast.Attribute) and _name(node) in OUTSIDE_CALLS:
            yield node.lineno, _name(node)
        elif isinstance(node, ast.Name) and node.id in OUTSIDE_CALLS:
            if isinstance(node.ctx, ast.Load):  # a field of that name is none
                yield node.lineno, node.id
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                if f"{node.module}.{alias.name}" in OUTSIDE_CALLS:
                    yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            method, owner = node.func.attr, ast.unparse(node.func.value)
            on_disk = method in DISK_METHODS or (
                method in ("open", "rename", "replace") and owner in paths
            )
            if on_disk and not PACKAGE_DATA.search(owner):
                yield node.lineno, f".{method}()"


def _paths(tree: ast.Module) -> set[str]:
    """Expressions that hold a `Path`: annotated so, or assigned from `Path(…)` or `… / …`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            target = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            if re.fullmatch(r"(pathlib\.)?Path( \| None)?", ast.unparse(node.annotation)):
                found |= {target, f"self.{target}", f"self._{target}"}
        elif isinstance(node, ast.Assign) and re.match(
            r"(pathlib\.)?Path\(|.* / ", ast.unparse(node.value)
        ):
            found |= {ast.unparse(target) for target in node.targets}
        elif isinstance(node, ast.Call) and _name(node.func) in ("Path", "pathlib.Path"):
            found.add(ast.unparse(node))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            found |= {ast.unparse(node), f"({ast.unparse(node)})"}
    return found


def _name(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def _broad(node: ast.expr) -> bool:
    kinds = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(_name(kind).rpartition(".")[2] in ("Exception", "BaseException") for kind in kinds)


RULES = [
    rooms_import_one_way,
    only_entries_make_the_world,
    outside_only_by_the_world,
    foreign_text_is_decoded_in_one_place,
    nothing_is_swallowed,
    files_are_short,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_product_keeps(rule: Rule) -> None:
    broken = [
        violation
        for path in product.sources()
        for violation in rule(path.relative_to(product.ROOT), product.tree(path))
    ]
    assert not broken, "\n" + "\n".join(broken)


def test_made_up_parts_import_nothing_of_what_stands_on_them() -> None:
    broken = [
        violation
        for path in product.sources(*product.SIMULATED)
        for violation in rooms_import_one_way(path.relative_to(product.ROOT), product.tree(path))
    ]
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(
    ("rule", "place", "source"),
    [
        (rooms_import_one_way, "world/x.py", "import trust.sm3"),
        (rooms_import_one_way, "trust/x.py", "from apdu.channel import Channel"),
        (rooms_import_one_way, "apdu/x.py", "def f() -> None:\n    import drivers.contract"),
        (rooms_import_one_way, "config/x.py", "from offline_store import event"),
        (rooms_import_one_way, "drivers/x.py", "from ..sync import link"),
        (rooms_import_one_way, "offline_store/x.py", "import agent"),
        (rooms_import_one_way, "sync/x.py", "from drivers import contract"),
        (rooms_import_one_way, "sync/x.py", "import_module('agent.tap.tap')"),
        (rooms_import_one_way, "agent/tap/tap.py", "import simulators.cards"),
        (rooms_import_one_way, "agent/cli/tap.py", "importlib.import_module('proving.demos')"),
        (rooms_import_one_way, "agent/cli/tap.py", "optional_import_module('proving.demos')"),
        (rooms_import_one_way, "agent/cli/proving.py", "from tests import product"),
        (rooms_import_one_way, "simulators/x.py", "from proving.malice.card import MaliciousCard"),
        (rooms_import_one_way, "simulators/site.py", "import benchmarks.measure"),
        (rooms_import_one_way, "simulators/cards/x.py", "from tests.agent.stand import Stand"),
        (rooms_import_one_way, "proving/demos/x.py", "from benchmarks import measure"),
        (rooms_import_one_way, "benchmarks/x.py", "from proving.proofs.tear import run"),
        (rooms_import_one_way, "drivers/x.py", "from contracts.drivers import reader"),
        (rooms_import_one_way, "contracts/drivers/x.py", "from tests.drivers import conftest"),
        (rooms_import_one_way, "contracts/scenes/x.py", "import benchmarks.measure"),
        (only_entries_make_the_world, "agent/tap/tap.py", "from world.real import RealWorld"),
        (only_entries_make_the_world, "sync/x.py", "from world import real"),
        (outside_only_by_the_world, "sync/x.py", "import threading"),
        (outside_only_by_the_world, "sync/x.py", "from concurrent.futures import Future"),
        (outside_only_by_the_world, "sync/x.py", "from time import monotonic as m"),
        (outside_only_by_the_world, "agent/x.py", "await asyncio.sleep(1)"),
        (outside_only_by_the_world, "agent/x.py", "from asyncio import sleep"),
        (outside_only_by_the_world, "agent/x.py", "x = os.urandom(8)"),
        (outside_only_by_the_world, "agent/x.py", "from os import urandom"),
        (outside_only_by_the_world, "agent/x.py", "x = datetime.now(UTC)"),
        (outside_only_by_the_world, "agent/x.py", "x = datetime.datetime.utcnow()"),
        (outside_only_by_the_world, "agent/x.py", "x = date.today()"),
        (outside_only_by_the_world, "agent/x.py", "open('x')"),
        (outside_only_by_the_world, "agent/x.py", "reader = open"),
        (outside_only_by_the_world, "agent/x.py", "Path('x').open()"),
        (outside_only_by_the_world, "agent/x.py", "def f(p: Path): p.open('rb')"),
        (outside_only_by_the_world, "agent/x.py", "(folder / 'x').open()"),
        (outside_only_by_the_world, "agent/x.py", "(folder / 'x').read_text()"),
        (outside_only_by_the_world, "agent/x.py", "path.write_bytes(b'')"),
        (outside_only_by_the_world, "agent/x.py", "path.exists()"),
        (outside_only_by_the_world, "agent/x.py", "sqlite3.connect('x')"),
        (foreign_text_is_decoded_in_one_place, "agent/x.py", "msgspec.json.decode(raw, type=B)"),
        (foreign_text_is_decoded_in_one_place, "sync/x.py", "reader = msgspec.json.Decoder(B)"),
        (foreign_text_is_decoded_in_one_place, "apdu/x.py", "import json\njson.loads(raw)"),
        (foreign_text_is_decoded_in_one_place, "apdu/x.py", "from tomllib import loads"),
        (nothing_is_swallowed, "agent/x.py", "try: f()\nexcept: pass"),
        (nothing_is_swallowed, "agent/x.py", "try: f()\nexcept Exception as e: log(e)"),
        (nothing_is_swallowed, "agent/x.py", "try: f()\nexcept (OSError, BaseException): pass"),
        (nothing_is_swallowed, "agent/x.py", "with contextlib.suppress(Exception): f()"),
        (files_are_short, "agent/x.py", "x = 1\n" * 501),
    ],
)
def test_control_a_violation_is_caught(rule: Rule, place: str, source: str) -> None:
    assert list(rule(Path(place), ast.parse(source)))


@pytest.mark.parametrize(
    ("rule", "place", "source"),
    [
        (rooms_import_one_way, "agent/tap/tap.py", "from sync import uplink\nimport timeit"),
        (rooms_import_one_way, "agent/cli/proving.py", "import_module('proving.demos')"),
        (rooms_import_one_way, "proving/proofs/x.py", "from simulators.cards import Card"),
        (outside_only_by_the_world, "agent/x.py", "world.open(path, 'rb')\nnow = world.now()"),
        (outside_only_by_the_world, "agent/x.py", "def f(reader: CardReader): reader.open()"),
        (outside_only_by_the_world, "agent/x.py", "(files('agent') / 'x.toml').read_text()"),
        (outside_only_by_the_world, "agent/x.py", "text.replace('a', 'b')"),
        (outside_only_by_the_world, "world/real.py", "import threading\nopen('x')"),
        (foreign_text_is_decoded_in_one_place, "agent/x.py", "decoded(raw, B); json.dumps(x)"),
        (foreign_text_is_decoded_in_one_place, "config/load.py", "tomllib.loads(text)"),
        (nothing_is_swallowed, "agent/x.py", "try: f()\nexcept OSError as e: raise F() from e"),
        (nothing_is_swallowed, "agent/x.py", "try: f()\nexcept BaseException:\n  undo()\n  raise"),
        (files_are_short, "agent/x.py", "x = 1\n" * 500),
    ],
)
def test_control_what_is_right_passes(rule: Rule, place: str, source: str) -> None:
    assert not list(rule(Path(place), ast.parse(source)))


def test_the_contract_suites_stand_on_nothing_that_a_vendor_does_not_have() -> None:
    suites = [path.relative_to(product.ROOT) for path in product.sources("contracts")]
    assert len(suites) > 10
    assert not [
        violation
        for path in suites
        for violation in rooms_import_one_way(path, product.tree(product.ROOT / path))
    ]


def test_every_exception_to_a_rule_is_still_needed() -> None:
    named = {
        *WITH_SIMULATORS,
        *MAKES_THE_WORLD,
        *DECODES_ITSELF,
        *(Path(path) for path, _ in ALLOWED_OUTSIDE),
    }
    gone = [str(path) for path in named if not (product.ROOT / path).exists()]
    assert not gone, f"take these out of this file: {gone}"


def bags(shape: object) -> list[str]:
    """Fields of an event, and of all that it holds, whose names no struct says."""
    found, seen, waiting = [], set(), [shape]
    while waiting:
        one = waiting.pop()
        waiting += get_args(one)
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one not in seen:
            seen.add(one)
            for field in msgspec.structs.fields(one):
                waiting.append(field.type)
                if get_origin(field.type) is dict and field.name != "extra":
                    found.append(f"{one.__name__}.{field.name}")
    return found


def test_every_field_of_an_event_is_named_by_its_struct() -> None:
    """One open map, `extra`, is for third parties."""
    assert bags(Event) == []


def test_control_a_bag_in_an_event_is_caught() -> None:
    class Amounts(msgspec.Struct):
        amounts: dict[str, int]

    class Paid(msgspec.Struct):
        inner: tuple[Amounts, ...]
        extra: dict[str, int]

    assert bags(Paid | int) == ["Amounts.amounts"]


# The rooms of agent by floor: a room imports what lies below it. A scene is a room of its own.
FLOORS: Sequence[Collection[str]] = (
    {
        "arrivals", "feed", "in_force", "key_store", "lines", "messages", "psam",
        "reader_service", "routes", "stages", "streams", "uplink",
    },
    {"beside", "fares"},
    {"identify", "voices"},
    {"equipment", "staff", "status_check"},
    {"purse", "secrets"},
    {"scenes"},
    {"facade", "scenes/bus", "scenes/library_gate", "scenes/metro", "scenes/service_window"},
    {"doctor", "tap"},
    {"assembly"},
    {"api"},
    {"cli", "daemon"},
    {"__main__"},
)  # fmt: skip


def room_of(module: str) -> str:
    """`agent.scenes.bus.shift` is in scenes/bus, `agent.scenes.port` in scenes."""
    parts = module.split(".")[1:]
    if parts[0] == "scenes" and len(parts) > 1 and f"scenes/{parts[1]}" in set().union(*FLOORS):
        return f"scenes/{parts[1]}"
    return parts[0]


def climbs(path: Path, tree: ast.Module) -> Iterator[str]:
    """Imports of a module of agent that lead up, or to a room beside it."""
    here = room_of(".".join(path.with_suffix("").parts))
    floor = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
    for line, module in imports(path, tree):
        if not module.startswith("agent.") or room_of(module) == here:
            continue
        there = room_of(module)
        if here not in floor or there not in floor:
            yield f"{path}:{line}: {here if here not in floor else there} has no floor"
        elif floor[there] >= floor[here]:
            yield f"{path}:{line}: {here} imports {there}"


def test_each_room_of_agent_imports_only_what_lies_below_it() -> None:
    found = [
        violation
        for path in sorted((product.ROOT / "agent").rglob("*.py"))
        if path.relative_to(product.ROOT) != Path("agent/__init__.py")
        for violation in climbs(path.relative_to(product.ROOT), ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "\n".join(found)


def test_nothing_is_new_at_the_root_of_agent() -> None:
    """What comes to agent comes into a room."""
    modules = {path.stem for path in (product.ROOT / "agent").glob("*.py")} - {"__init__"}
    rooms = {path.parent.name for path in (product.ROOT / "agent").glob("*/__init__.py")}
    assert modules | rooms == {room for rooms in FLOORS for room in rooms if "/" not in room}


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("agent/purse/x.py", "from agent.scenes.port import Scene"),
        ("agent/scenes/bus/x.py", "from agent.scenes.metro.scene import MetroGate"),
        ("agent/scenes/x.py", "from agent.scenes.bus.scene import Bus"),
        ("agent/new.py", "from agent.stages import Stages"),
        ("agent/tap/x.py", "import agent.assembly"),
    ],
)
def test_control_an_import_that_climbs_is_caught(place: str, source: str) -> None:
    assert [*climbs(Path(place), ast.parse(source))]


# Two things that the field calls by one name; this list may only shrink.
NAMED_TWICE: Collection[str] = {"Receipt"}  # what a printer prints; the platform's, of rows


def classes_by_name(modules: Iterable[tuple[str, ast.Module]]) -> Mapping[str, Sequence[str]]:
    """Public classes of the product: name → the modules that define one."""
    found: dict[str, list[str]] = {}
    for path, tree in modules:
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path)
    return found


def test_a_class_name_stands_for_one_thing() -> None:
    modules = (
        (str(path.relative_to(product.ROOT)), product.tree(path)) for path in product.sources()
    )
    twice = {name: at for name, at in classes_by_name(modules).items() if len(at) > 1}
    assert set(twice) == set(NAMED_TWICE), twice


def test_control_a_class_name_that_stands_for_two_things_is_caught() -> None:
    one, other = ast.parse("class Place: ..."), ast.parse("class Place: ...\nclass _Own: ...")
    found = classes_by_name([("a.py", one), ("b.py", other), ("c.py", other)])
    assert found == {"Place": ["a.py", "b.py", "c.py"]}

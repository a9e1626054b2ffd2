"""Public names of the product say what they promise: shape, unit, what None means, errors.

Counted are public classes, functions, methods and properties. A member is documented too where a
base class of the product documents it, or a port that its class names in its own docstring ("See
`drivers.contract.Device`.") or has the shape of. A docstring that only says its name again counts
as none.
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tests import product

SHARE = 0.85  # of the public names of a room
PORTS = {"Protocol", "ABC", "ABCMeta"}
FILLERS = {
    "a",
    "an",
    "the",
    "of",
    "get",
    "gets",
    "give",
    "gives",
    "return",
    "returns",
    "its",
    "value",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Source = tuple[str, ast.Module]  # the module's name and its tree


@dataclass(frozen=True)
class Class:
    """A class of the product; `members` are its own functions, the first of each name."""

    module: str
    node: ast.ClassDef
    members: Mapping[str, Function] = field(repr=False)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def bases(self) -> Sequence[str]:
        """Names without module and parameters: `a.Port[int]` is `Port`."""
        shapes = [*self.node.bases, *(word.value for word in self.node.keywords)]
        return [ast.unparse(shape).partition("[")[0].rpartition(".")[2] for shape in shapes]

    @property
    def names(self) -> Collection[str]:
        """What its docstring names in backquotes, without modules."""
        said = re.findall(r"`([\w.]+)`", ast.get_docstring(self.node) or "")
        return {name.rpartition(".")[2] for name in said}

    @property
    def is_port(self) -> bool:
        return not PORTS.isdisjoint(self.bases)


@dataclass(frozen=True)
class Public:
    """A public name, and whether it is documented, here or where its contract stands."""

    where: str
    room: str
    documented: bool


class Product:
    """All classes of the sources by name, and the public names in them."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = [*sources]
        self._classes: dict[str, list[Class]] = {}
        for module, tree in self._sources:
            for one in _classes(module, tree.body):
                self._classes.setdefault(one.name, []).append(one)
        self._ports = [one for same in self._classes.values() for one in same if one.is_port]

    def public(self) -> Iterator[Public]:
        for module, tree in self._sources:
            for node in tree.body:
                if isinstance(node, Function) and _is_public(node.name):
                    yield Public(f"{module}.{node.name}", _room(module), says_something(node))
            for one in _classes(module, tree.body):
                if _is_public(one.name):
                    yield from self._of_class(one)

    def silent_port_members(self) -> Iterator[str]:
        """Members of ports, and ports themselves, that nothing documents."""
        for port in self._ports:
            if not says_something(port.node):
                yield f"{port.module}.{port.name}"
            for name in _public(port.members):
                if not self._documented(port, name):
                    yield f"{port.module}.{port.name}.{name}"

    def _of_class(self, one: Class) -> Iterator[Public]:
        where, room = f"{one.module}.{one.name}", _room(one.module)
        yield Public(where, room, says_something(one.node))
        for name in _public(one.members):
            yield Public(f"{where}.{name}", room, self._documented(one, name))

    def _documented(self, one: Class, name: str) -> bool:
        return any(
            says_something(contract.members[name])
            for contract in [one, *self._contracts(one)]
            if name in contract.members
        )

    def _contracts(self, one: Class) -> Iterator[Class]:
        """A port speaks for itself; another class may leave it to the ports that it fulfils."""
        yield from self._above(one)
        if not one.is_port:
            for port in self._ports:
                if port.name in one.names or _fulfils(one, port):
                    yield port
                    yield from self._above(port)

    def _above(self, one: Class) -> Iterator[Class]:
        """The base classes that the product defines, at any height."""
        for name in one.bases:
            named = self._classes.get(name, [])
            for base in [same for same in named if same.module == one.module] or named:
                if base is not one:
                    yield base
                    yield from self._above(base)


def says_something(node: Function | ast.ClassDef) -> bool:
    """Its docstring has a word that its name has not."""
    said = re.findall(r"\w+", (ast.get_docstring(node) or "").lower())
    named = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", node.name).lower().split("_")
    return not {*said} <= {*named} | FILLERS


def _classes(module: str, body: Sequence[ast.stmt]) -> Iterator[Class]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            members: dict[str, Function] = {}
            for member in node.body:
                if isinstance(member, Function):
                    members.setdefault(member.name, member)
            yield Class(module, node, members)


def _fulfils(one: Class, port: Class) -> bool:
    """It has every function of the port, with the port's parameters: a port of one function
    without any is too easily fulfilled by chance.
    """
    telling = len(port.members) > 1 or any(len(_parameters(m)) > 1 for m in port.members.values())
    return telling and all(
        name in one.members and _parameters(one.members[name]) == _parameters(member)
        for name, member in port.members.items()
    )


def _parameters(member: Function) -> Sequence[str]:
    named = member.args
    return [each.arg for each in [*named.posonlyargs, *named.args, *named.kwonlyargs]]


def _public(names: Iterable[str]) -> Collection[str]:
    return [name for name in names if _is_public(name)]


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def _room(module: str) -> str:
    return module.partition(".")[0]


@pytest.fixture(scope="module")
def whole() -> Product:
    return Product((product.module_name(path), product.tree(path)) for path in product.sources())


def test_every_member_of_a_port_is_documented(whole: Product) -> None:
    silent = [*whole.silent_port_members()]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("room", product.ROOMS)
def test_most_of_what_a_room_offers_is_documented(whole: Product, room: str) -> None:
    names = [name for name in whole.public() if name.room == room]
    silent = [name.where for name in names if not name.documented]
    share = 1 - len(silent) / len(names)
    assert share >= SHARE, "\n".join([f"{room}: {share:.1%}", *silent])


def _made(source: str) -> Product:
    return Product([("drivers.x", ast.parse(source))])


PORT = '''
class Reader(Protocol):
    """What reads cards."""

    def read(self, most: int) -> bytes:
        """At most `most` bytes; empty at the end."""
'''


@pytest.mark.parametrize(
    ("source", "silent"),
    [
        ("class Reader(Protocol):\n  '''Cards.'''\n  def read(self): ...", "Reader.read"),
        ("class _Own(ABC):\n  '''Cards.'''\n  def read(self): ...", "_Own.read"),
        ("class Reader(Protocol[T]):\n  def read(self): '''Bytes.'''", "Reader"),
        ("class Reader(p.Protocol):\n  '''Cards.'''\n  def read(self): 'Read.'", "Reader.read"),
    ],
)
def test_control_a_silent_member_of_a_port_is_caught(source: str, silent: str) -> None:
    assert [*_made(source).silent_port_members()] == [f"drivers.x.{silent}"]


def test_control_a_port_that_speaks_passes() -> None:
    assert not [*_made(PORT).silent_port_members()]


@pytest.mark.parametrize(
    ("source", "documented"),
    [
        ("def read(): ...", False),
        ("def read():\n  '''Get the read value.'''", False),
        ("def read():\n  '''Bytes, at most 255.'''", True),
        ("class CardReader:\n  '''The card reader.'''", False),
        ("class CardReader:\n  '''Powers a card.'''", True),
        (f"{PORT}class _A(Reader): ...\nclass B(_A):\n  'It.'\n  def read(self, most): ...", True),
        (f"{PORT}class B:\n  '''Other.'''\n  def read(self, most): ...", True),
        (f"{PORT}class B:\n  '''Other.'''\n  def read(self, least): ...", False),
        (f"{PORT}class B:\n  '''See `drivers.x.Reader`.'''\n  def read(self): ...", True),
        (f"{PORT}class B:\n  '''See `drivers.x.Writer`.'''\n  def read(self): ...", False),
        (f"{PORT}class B(Reader):\n  '''Other.'''\n  def write(self, most): ...", False),
    ],
)
def test_control_what_counts_as_documented(source: str, documented: bool) -> None:
    assert all(name.documented for name in _made(source).public()) is documented


def test_control_what_is_private_or_the_languages_is_not_counted() -> None:
    private = "class _A:\n  def f(self): ...\nclass B:\n  'It.'\n  def _f(self): ...\n"
    language = "  def __len__(self): ...\ndef _g():\n  def h(): ..."
    assert [name.where for name in _made(private + language).public()] == ["drivers.x.B"]

"""Finds a scene by the name that the settings give: by entry points, so that others can add theirs.

`[scene] kind, options` ─▶ class and options ─▶ `Scene.make`.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from agent.messages.reasons import ReasonRow, rows_of, table
from agent.messages.results import Announcer
from agent.messages.texts import Texts
from agent.scenes.port import Parts, Scene
from config.faults import ConfigFault, ConfigInvalid, NeedsKey
from config.model import AgentSettings as Settings
from config.shape import departures
from drivers.foreign.guard import Origin, ours
from world import Fault
from world.packages import EntryPoint, entry_points

T = TypeVar("T")
GROUP: Final = "onecard.scenes"
OPTIONS: Final = "scene.options"


class SceneUnknown(Fault):
    """No installed package offers a scene of that name. Facts: `scene`, `installed`."""

    code = "scene.unknown"


class SceneBroken(Fault):
    """The scene is installed but cannot be loaded, or two packages of others offer one under that
    name. Facts: `scene`, `package`, `point` (MODULE:NAME), `missing`: what it lacks, or the error's
    type."""

    code = "scene.broken"


def installed() -> Sequence[str]:
    """Names of all scenes."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find(name: str) -> type[Scene]:
    """The scene of that name. Raises `SceneUnknown`, `SceneBroken`."""
    return _loaded(_point(name))


def make(parts: Parts) -> Scene:
    """The scene of the settings; one of another package's comes behind a guard. Raises as `find`,
    and what `Scene.make` raises."""
    point = _point(parts.settings.scene.kind)
    scene = _loaded(point)
    if ours(point):
        return scene.make(parts)
    from agent.scenes.foreign import ForeignScene

    return ForeignScene(Origin.of(point), scene, parts, {**reasons_of(scene), **table()})


def options_of(scene: type[Scene], settings: Settings, file: str = "") -> msgspec.Struct:
    """`[scene.options]` as that scene wants them; errors call the settings `file`. Raises one
    `ConfigFault` that carries every problem, those of the other settings for that scene among
    them."""
    given = settings.scene.options
    _refuse(departures(given, scene.options, file, OPTIONS), file)
    options = msgspec.convert(given, scene.options)
    point = _point(scene.kind)
    own = _asked(point, "problems", lambda: [*scene.problems(settings, options, file)])
    _refuse([*_misfits(scene, settings, file), *own], file)
    return options


def announcer_of(scene: type[Scene], settings: Settings, texts: Texts) -> Announcer | None:
    """What makes this scene's prompts fuller; another package's comes behind a guard. Raises
    `SceneBroken`."""
    point = _point(scene.kind)
    if ours(point):
        return scene.announcer(settings, texts)
    from agent.scenes.foreign import ForeignAnnouncer

    announcer = _asked(point, "announcer", lambda: scene.announcer(settings, texts))
    return None if announcer is None else ForeignAnnouncer(Origin.of(point), announcer, texts)


def reasons_of(scene: type[Scene]) -> Mapping[str, ReasonRow]:
    """The scene's own reasons by their codes. Raises `SceneBroken`."""
    try:
        return rows_of(scene.reasons)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _broken(_point(scene.kind), f"reasons: {error}") from error


def _misfits(scene: type[Scene], settings: Settings, file: str) -> Iterator[ConfigFault]:
    """Business programs can be refused by answers only where they are asked for."""
    refuses = settings.facade is not None and settings.facade.standing == "refuse"
    if refuses and not scene.asks_status(settings.scene):
        yield NeedsKey(file=file, key="facade.standing", allowed='scene.check = "ask"')


def _refuse(problems: Sequence[ConfigFault], file: str) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ConfigInvalid(file, problems)


def _point(name: str) -> EntryPoint:
    """Ours before another's of the same name."""
    points = sorted(entry_points(group=GROUP, name=name), key=lambda point: not ours(point))
    if not points:
        raise SceneUnknown(scene=name, installed=", ".join(installed()) or "–")
    first, *others = points
    if others and not ours(first):
        packages = ", ".join(sorted({Origin.of(point).package for point in points}))
        raise SceneBroken(scene=name, package=packages, point=first.value, missing="one of them")
    return first


def _loaded(point: EntryPoint) -> type[Scene]:
    try:
        found = point.load()
    except ImportError as error:
        raise _broken(point, error.name or point.value) from error
    except AttributeError as error:  # the module has no such name
        raise _broken(point, point.value) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _broken(point, type(error).__name__) from error
    of_this_kind = getattr(found, "kind", None) == point.name
    if not (of_this_kind and isinstance(found, type) and issubclass(found, Scene)):
        raise _broken(point, f"Scene, kind = {point.name}")
    if not (isinstance(found.options, type) and issubclass(found.options, msgspec.Struct)):
        raise _broken(point, "options: msgspec.Struct")
    if not isinstance(found.reasons, str):
        raise _broken(point, "reasons: str")
    return found


def _asked(point: EntryPoint, where: str, question: Callable[[], T]) -> T:
    """What a scene's class says. Raises `SceneBroken` where it is another package's and fails."""
    try:
        return question()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if ours(point):
            raise
        raise _broken(point, f"{where}: {type(error).__name__}") from error


def _broken(point: EntryPoint, missing: str) -> SceneBroken:
    origin = Origin.of(point)
    facts = {"scene": point.name, "package": origin.package, "point": origin.point}
    return SceneBroken(missing=missing, **facts)

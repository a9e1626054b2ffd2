"""What can be wrong with a configuration. Facts: file, key (dotted, tables by their name), found,
allowed. A `found` never comes from a key that may hold a secret.
"""

from collections.abc import Sequence
from typing import ClassVar

from world import Fault


class ConfigFault(Fault):
    """The configuration cannot be used. `problems` are the single ones, at least one."""

    code: ClassVar[str] = "config.fault"

    @property
    def problems(self) -> "Sequence[ConfigFault]":
        """The faults to be shown one by one; of a single problem it itself."""
        return (self,)


class ConfigAbsent(ConfigFault):
    """There is no such file. Facts: file."""

    code = "config.absent"


class ConfigUnreadable(ConfigFault):
    """The file is there but cannot be read. Facts: file, cause."""

    code = "config.unreadable"


class ConfigTooLarge(ConfigFault):
    """More bytes than any configuration has. Facts: file, allowed (bytes)."""

    code = "config.too-large"


class ConfigEncoding(ConfigFault):
    """Not UTF-8 text. Facts: file, found (what it seems to be: UTF-16, UTF-32, GBK, NUL, –), line
    and column (from 1)."""

    code = "config.encoding"


class ConfigSyntax(ConfigFault):
    """Not TOML. Facts: file, line and column (from 1), cause."""

    code = "config.syntax"


class UnknownProfile(ConfigFault):
    """`profile` names none that is shipped. Facts: file, key, found, allowed."""

    code = "config.unknown-profile"


class UnknownKey(ConfigFault):
    """A key that no setting has. Facts: file, key, nearest, allowed (the keys known there)."""

    code = "config.unknown-key"


class NothingToSet(ConfigFault):
    """A key where none can be: a driver without options has been given one. Facts: file, key."""

    code = "config.nothing-to-set"


class WrongKey(ConfigFault):
    """A key whose form is not allowed, in a table that takes keys of one's own. Facts: file, key,
    allowed."""

    code = "config.wrong-key"


class MissingKey(ConfigFault):
    """A key that must be there is not. Facts: file, key, allowed."""

    code = "config.missing-key"


class WrongValue(ConfigFault):
    """The value's type, range or form. Facts: file, key, found, allowed."""

    code = "config.wrong-value"


class DuplicateName(ConfigFault):
    """Two tables of one list have the same name. Facts: file, key, found."""

    code = "config.duplicate-name"


class UnknownName(ConfigFault):
    """A lane names a device, or `status.default` a service, that is not there. Facts: file, key,
    found, allowed."""

    code = "config.unknown-name"


class ReaderWithoutLane(ConfigFault):
    """No lane would serve this reader, scanner or ID-card reader. Facts: file, key, found, list
    (the lanes' key that it belongs into), allowed (the lanes)."""

    code = "config.reader-without-lane"


class ReaderInTwoLanes(ConfigFault):
    """A tap must belong to one lane. Facts: file, key, found (its name), lanes."""

    code = "config.reader-in-two-lanes"


class SamInLane(ConfigFault):
    """People tap no PSAM: a slot of interface "sam" is in no lane. Facts: file, key, found."""

    code = "config.sam-in-lane"


class NeedsKey(ConfigFault):
    """One setting makes sense only with another. Facts: file, key, allowed (the missing key)."""

    code = "config.needs-key"


class SaidTwice(ConfigFault):
    """Two keys would say one thing. Facts: file, key (which does not count), allowed (which
    does)."""

    code = "config.said-twice"


class PlainLink(ConfigFault):
    """Records of people would travel unencrypted. Facts: file, key, found (host), allowed."""

    code = "config.plain-link"


class DriverMisfit(ConfigFault):
    """A device's driver does not take what the settings give it. Facts: file, key, problem (in
    the driver's words)."""

    code = "config.driver-misfit"


class SceneMisfit(ConfigFault):
    """The scene is installed and cannot be loaded. Facts: file, key, scene, package, point
    (MODULE:NAME), missing."""

    code = "config.scene-misfit"


class LayoutMisfit(ConfigFault):
    """A city's own record table cannot be used. Facts: file, key, problem (table, field, why)."""

    code = "config.layout-misfit"


class AuthorityMisfit(ConfigFault):
    """The issuing authority's key table cannot be used. Facts: file, key, problem (table, entry,
    why)."""

    code = "config.authority-misfit"


class FileDenied(ConfigFault):
    """A file that the settings name, or they themselves, and that the service's user may not read.
    Facts: file, key (empty: the settings themselves), path, user."""

    code = "config.file-denied"


class ConfigInvalid(ConfigFault):
    """Several problems at once. Facts: file, count."""

    code = "config.invalid"

    def __init__(self, file: str, problems: Sequence[ConfigFault]) -> None:
        super().__init__(file=file, count=len(problems))
        self._problems = tuple(problems)

    @property
    def problems(self) -> Sequence[ConfigFault]:
        """The single faults, in the order in which they were found."""
        return self._problems

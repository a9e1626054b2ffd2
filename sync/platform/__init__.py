"""The other end of the contract: a reference receiver that a city can start from.

Batches come in by shared subscriptions, are checked row by row, committed to SQLite, and only then
receipted; lists, configuration and commands go out as signed envelopes, versioned, to each terminal
that does not hold them yet.
"""

from sync.platform.platform import Platform
from sync.platform.settings import PlatformSettings

__all__ = ["Platform", "PlatformSettings"]

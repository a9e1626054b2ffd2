"""What somebody wants of a social security card beside its proof: no more is read (最小必要)."""

from typing import Final, Literal

# `person`: the social security number; `details`: sex, nation and birth.
Need = Literal["card-number", "issue-date", "expiry-date", "person", "name", "details"]
BASIC: Final[frozenset[Need]] = frozenset(
    {"card-number", "issue-date", "expiry-date", "person", "name"}
)
DETAILED: Final[frozenset[Need]] = BASIC | {"details"}
OF_HOLDER: Final[frozenset[Need]] = frozenset({"person", "name", "details"})  # EF06

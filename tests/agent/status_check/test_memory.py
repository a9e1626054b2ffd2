"""What the journal remembers of how people stand: against somebody it has no age, in his favour it
has to have one. Whatever the clock said then, and says now."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from agent.identify.identity import Identity
from agent.status_check import Findings, recalled
from offline_store.clock import ClockQuality, ClockReading
from offline_store.events.happened import NOT_ASKED, UNKNOWN, Authentication, Check, Subject
from offline_store.turn import RememberedStatus

YEAR_MS = 365 * 86_400_000
NOW_MS = 1_790_000_000_000
SUBJECTS: tuple[Subject, ...] = ("holder", "card", "business")
SOMEBODY = Identity(
    credential="card-contact",
    card="ca" * 32,
    number="b0" * 32,
    person="d0" * 32,
    issued=None,
    expires=None,
    authentication=Authentication(mode="psam", result="passed"),
)

moments = st.one_of(
    st.integers(0, 86_400_000),  # never set: 1970
    st.integers(NOW_MS - YEAR_MS, NOW_MS + YEAR_MS),
    st.sampled_from([NOW_MS - 10_000, NOW_MS, NOW_MS + 10_000]),
)
qualities: st.SearchStrategy[ClockQuality] = st.sampled_from(["synchronised", "holdover", "unset"])
clocks = st.builds(ClockReading, moments, qualities, st.sampled_from(["boot-1", "boot-2"]))
against = st.sampled_from(["lost", "cancelled", "deceased", "stock", "frozen", "LOST", "x"])


@dataclass(frozen=True)
class Journal:
    """See `agent.status_check.memory.StatusHistory`."""

    remembered: Sequence[RememberedStatus]

    def last_standing(
        self, *, card: str, person: str, application: str = ""
    ) -> Sequence[RememberedStatus]:
        return self.remembered


def of(statuses: Sequence[str], time_ms: int) -> Journal:
    checks = (
        Check(subject=subject, status=status, source="platform")
        for subject, status in zip(SUBJECTS, statuses, strict=True)
    )
    told = ClockReading(time_ms, "synchronised", "boot-0")
    return Journal([RememberedStatus(check, told) for check in checks])


def unknown(fault: str, source: str = "none") -> Findings:
    return Findings(
        tuple(Check(subject=one, status=UNKNOWN, source=source) for one in SUBJECTS), fault
    )


def words(checks: Sequence[Check]) -> list[str]:
    return [check.status for check in checks]


@given(st.lists(against, min_size=3, max_size=3), moments, clocks, st.sampled_from(["", "x.y"]))
def test_what_is_remembered_against_somebody_has_no_age(
    statuses: list[str], then: int, now: ClockReading, fault: str
) -> None:
    """Nobody answers, or whoever does knows nothing."""
    found = recalled(of(statuses, then), SOMEBODY, "9901", unknown(fault), now)
    assert words(found) == statuses
    assert all(check.age_s >= 0 for check in found)


@given(moments, clocks)
def test_what_is_remembered_in_somebodys_favour_has_an_age_or_is_forgotten(
    then: int, now: ClockReading
) -> None:
    found = recalled(of(["normal"] * 3, then), SOMEBODY, "9901", unknown("x.y"), now)
    aged = now.quality != "unset" and then <= now.time_ms
    assert words(found) == ["normal" if aged else UNKNOWN] * 3
    if aged:
        assert {check.age_s for check in found} == {(now.time_ms - then) // 1000}


def test_a_service_that_knows_nothing_is_not_taken_for_an_earlier_good_word() -> None:
    now = ClockReading(NOW_MS, "synchronised", "boot-1")
    memory = of(["normal", "lost", "normal"], NOW_MS - 1000)
    found = recalled(memory, SOMEBODY, "9901", unknown("", "platform"), now)
    assert words(found) == [UNKNOWN, "lost", UNKNOWN]


def test_what_is_answered_now_counts_whatever_is_remembered() -> None:
    now = ClockReading(NOW_MS, "synchronised", "boot-1")
    answered = tuple(
        Check(subject=subject, status=status, source="platform")
        for subject, status in zip(SUBJECTS, ("normal", UNKNOWN, NOT_ASKED), strict=True)
    )
    memory = of(["deceased", "lost", "ineligible"], NOW_MS - 1000)
    found = recalled(memory, SOMEBODY, "9901", Findings(answered), now)
    assert words(found) == ["normal", "lost", NOT_ASKED]

"""The window of batches on their way: opens with receipts, closes without, loses no row."""

from hypothesis import given
from hypothesis import strategies as st

from sync.backoff import Backoff
from sync.contract.messages import Packed, Range, Receipt
from sync.window import GAP_GRACE, Patience, Window
from tests.sync.journal import EPOCH, row
from world.real import RealWorld

PATIENCE = Patience(first=10.0, most=80.0)


def batch(first: int, last: int, epoch: str = EPOCH) -> Packed:
    return Packed(epoch, first, last, b"")


def receipt(seq: int, *gaps: tuple[int, int], epoch: str = EPOCH) -> Receipt:
    return Receipt(
        epoch=epoch, seq=seq, gaps=tuple(Range(first=first, last=last) for first, last in gaps)
    )


def opened(limit: int = 4) -> Window:
    """A window that receipts have opened all the way."""
    window = Window(PATIENCE)
    window.begin(limit)
    for seq in range(1, limit + 1):
        window.sent(batch(seq, seq), 0.0)
        window.receipted(receipt(seq), 0.0)
    return window


def test_a_new_connection_begins_with_one_batch() -> None:
    window = Window(PATIENCE)
    window.begin(4)
    assert window.has_room
    window.sent(batch(1, 50), 0.0)
    assert not window.has_room


def test_receipts_open_the_window_up_to_the_limit() -> None:
    window = opened(4)
    for number in range(4):
        assert window.has_room
        window.sent(batch(100 + number, 100 + number), 0.0)
    assert not window.has_room


def test_a_missing_receipt_closes_the_window_and_doubles_the_wait() -> None:
    window = opened()
    now = 0.0
    waits = []
    for _ in range(5):
        window.sent(batch(101, 150), now)
        deadline = window.deadline
        assert deadline is not None
        waits.append(deadline - now)
        now = deadline
        missed = window.missed(now)
        assert missed is not None
        assert missed.first == 101
        window.sent(batch(101, 150), now)
        assert not window.has_room
        window.begin(4)
    assert waits == [10.0, 20.0, 40.0, 80.0, 80.0]


def test_a_batch_that_is_missed_is_no_longer_on_its_way() -> None:
    window = opened()
    window.sent(batch(101, 150), 0.0)
    assert window.grounded([row(101), row(151)]) == [row(151)]
    assert window.missed(9.9) is None
    assert window.missed(10.0) is not None
    assert window.grounded([row(101)]) == [row(101)]


def test_a_receipt_of_a_past_epoch_or_below_changes_nothing() -> None:
    window = opened()
    window.sent(batch(101, 150), 0.0)
    window.receipted(receipt(900, epoch="f" * 32), 1.0)
    window.receipted(receipt(149), 1.0)
    assert window.rows == 50


def test_a_gap_is_sent_again_once_its_batch_has_had_its_time() -> None:
    window = opened()
    window.sent(batch(101, 150), 0.0)
    window.sent(batch(151, 200), 0.0)
    window.receipted(receipt(100, (101, 150)), GAP_GRACE / 2)
    assert window.rows == 100
    window.receipted(receipt(100, (101, 150)), GAP_GRACE)
    assert window.grounded([row(101), row(151)]) == [row(101)]


def test_a_conflict_lets_go_of_everything() -> None:
    window = opened()
    window.sent(batch(101, 150), 0.0)
    window.receipted(Receipt(epoch=EPOCH, seq=100, conflicts=(101,)), 0.1)
    assert window.rows == 0


steps = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 50)),
    st.tuples(st.just("receipt"), st.integers(0, 400)),
    st.tuples(st.just("wait"), st.integers(1, 120)),
    st.tuples(st.just("reconnect"), st.integers(1, 8)),
)


@given(st.lists(steps, max_size=60))
def test_every_row_is_on_its_way_or_can_be_sent(history: list[tuple[str, int]]) -> None:
    """Against a model: rows 1…400, what is receipted, and nothing that is stuck in between."""
    window = Window(PATIENCE)
    window.begin(3)
    now, receipted = 0.0, 0
    for step, value in history:
        match step:
            case "send" if window.has_room:
                rows = window.grounded([row(seq) for seq in range(receipted + 1, 401)])
                if rows:
                    window.sent(batch(rows[0].seq, min(rows[0].seq + value - 1, 400)), now)
            case "receipt":
                receipted = max(receipted, value)
                window.receipted(receipt(value), now)
            case "wait":
                now += value
                window.missed(now)
            case "reconnect":
                window.begin(value)
    deadline = window.deadline
    left = [row(seq) for seq in range(receipted + 1, 401)]
    if left and not (window.has_room and window.grounded(left)):
        assert deadline is not None
        window.missed(deadline)
        assert window.has_room
        assert window.grounded(left)


def test_attempts_double_up_to_the_cap_and_never_come_at_once() -> None:
    backoff = Backoff(RealWorld(), most=4.0)
    steps = [0.5, 1.0, 2.0, 4.0, 4.0]
    waits = [backoff.next() for _ in steps]
    assert all(step / 2 <= wait <= step for step, wait in zip(steps, waits, strict=True))
    backoff.reset()
    assert backoff.next() <= 0.5

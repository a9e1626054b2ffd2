"""Times are told by China's clock, wherever the box's own stands."""

from datetime import datetime, timedelta, timezone
from typing import Final

CHINA: Final = timezone(timedelta(hours=8))


def moment(time_ms: int | None) -> str:
    """Day and minute as people say them; empty where the time (unix milliseconds) is not known."""
    if time_ms is None:
        return ""
    return datetime.fromtimestamp(time_ms / 1000, CHINA).strftime("%m-%d %H:%M")

"""The status check (卡鉴权): how holder, card and business stand, asked or remembered."""

from agent.standing.build import make_status_service
from agent.standing.memory import recalled
from agent.standing.service import Findings, StatusService

__all__ = ["Findings", "StatusService", "make_status_service", "recalled"]

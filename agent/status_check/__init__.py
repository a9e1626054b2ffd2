"""The status check (卡鉴权): how holder, card and business stand, asked or remembered."""

from agent.status_check.build import make_status_service
from agent.status_check.memory import recalled
from agent.status_check.service import Findings, StatusService

__all__ = ["Findings", "StatusService", "make_status_service", "recalled"]

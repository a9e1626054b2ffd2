"""What a ride costs whom: signed fare list → typed rules → a pure decision that explains itself."""

from agent.fares.decide import fare
from agent.fares.ride import AppliedRule, Fare, Journey, Rider, Why
from agent.fares.rules import Rules

__all__ = ["AppliedRule", "Fare", "Journey", "Rider", "Rules", "Why", "fare"]

"""What a ride costs whom: signed fare list → typed rules → a pure decision that explains itself."""

from agent.fares.decide import fare
from agent.fares.ride import Fare, Journey, Rider, Step, Why
from agent.fares.rules import Rules

__all__ = ["Fare", "Journey", "Rider", "Rules", "Step", "Why", "fare"]

"""What a ride costs whom: signed fare list → typed rules → a pure decision that explains itself."""

from agent.fares.decide import fare
from agent.fares.ride import Fare, Journey, LastRide, Rider, State, Step, Why
from agent.fares.rules import Rules

__all__ = ["Fare", "Journey", "LastRide", "Rider", "Rules", "State", "Step", "Why", "fare"]

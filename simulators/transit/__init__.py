"""Made-up transit cities: purse keys from a seed, purses, PSAMs, passengers, the back office."""

from simulators.transit.city import PurseOrder, TransitCity
from simulators.transit.torn import Torn

__all__ = ["PurseOrder", "Torn", "TransitCity"]

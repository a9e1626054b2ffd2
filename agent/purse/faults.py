"""What keeps a terminal from charging a card, beside what card and PSAM say."""

from world import Fault


class FareMoved(Fault):
    """Between looking and recording something changed that the fare goes by; nothing was paid."""

    code = "transit.fare-moved"

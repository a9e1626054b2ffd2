"""What goes wrong when clips are made."""

from world import Fault


class VoiceUnspoken(Fault):
    """espeak-ng did not speak a text, or no voice could by the text alone. Facts: `clip`,
    `cause`."""

    code = "voice.unspoken"

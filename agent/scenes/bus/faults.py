"""Why the vehicle's state is not changed as somebody wants it."""

from world import Fault


class JourneyFault(Fault):
    """Base: all is as it was."""

    code = "journey.fault"


class JourneyOff(JourneyFault):
    """This terminal is in no vehicle: there is no `[vehicle]` in the settings."""

    code = "journey.off"


class LineUnknown(JourneyFault):
    """Facts: `line`, `known`."""

    code = "journey.line-unknown"


class StopUnknown(JourneyFault):
    """The line does not stop there, this way. Facts: `line`, `stop`, `known`."""

    code = "journey.stop-unknown"


class NobodyOn(JourneyFault):
    """No driver is signed on whose shift could be closed."""

    code = "journey.nobody-on"

"""Why a call of the national interface is refused before or beside the card's own answers.

Facts never hold what the caller sent, nor anything of the card.
"""

from world import Fault


class FacadeSocketUnusable(Fault):
    """The socket cannot be made: its folder is missing or may not be written. Facts: `path`,
    `cause`."""

    code = "facade.socket"


class FacadePortUnusable(Fault):
    """The loopback port is taken. Facts: `port`, `cause`."""

    code = "facade.port"


class FacadeFault(Fault):
    """The national interface cannot serve this call."""

    code = "facade.fault"


class ClientUnknown(FacadeFault):
    """No entry of `[[facade.clients]]` is that caller. Fact: `caller` (user, or origin and
    host)."""

    code = "facade.client-unknown"


class UserUnknown(FacadeFault):
    """A page is listed, and not for the user whose program calls as it. Facts: `user`, `client`."""

    code = "facade.user-unknown"


class TooManyCallers(FacadeFault):
    """The caller's user, or all users together, have as many lines open as they may. Fact:
    `allowed` for one user."""

    code = "facade.too-many"


class SilentCaller(FacadeFault):
    """A line was opened and no call came. Fact: `seconds` that it was waited for."""

    code = "facade.silent"


class FunctionUnknown(FacadeFault):
    """The national interface has no function of that name."""

    code = "facade.function-unknown"


class Unsupported(FacadeFault):
    """The function is there and its APDUs are not sourced. Fact: `function`."""

    code = "facade.unsupported"


class NotAllowed(FacadeFault):
    """The client's settings lack the capability. Facts: `client`, `capability`."""

    code = "facade.not-allowed"


class BadParameter(FacadeFault):
    """A parameter is not one of those allowed. Facts: `parameter`, `allowed`."""

    code = "facade.parameter"


class BadInput(FacadeFault):
    """A parameter's text has not the parts that it must have. Fact: `parameter`."""

    code = "facade.input"


class BadCharacters(FacadeFault):
    """NUL, no GBK, or characters that the parameter does not take. Fact: `parameter`."""

    code = "facade.characters"


class BadLength(FacadeFault):
    """A parameter, or the answer, is too long or too short. Facts: `parameter`, `allowed`."""

    code = "facade.length"


class NoReader(FacadeFault):
    """No reader that the call could use is there. Fact: `interface`."""

    code = "facade.no-reader"


class NoCard(FacadeFault):
    """The reader is there, and no card lies on it."""

    code = "facade.no-card"


class LeftLying(FacadeFault):
    """No reader saw the card coming, so it may be read and not be changed. Fact: `function`."""

    code = "facade.left-lying"


class OtherKind(FacadeFault):
    """A card lies there, at a reader of the other kind than the call asked for."""

    code = "facade.other-kind"


class NotPowered(FacadeFault):
    """The card does not answer to power."""

    code = "facade.not-powered"


class NoAnswer(FacadeFault):
    """The reader or its card kept silent; what became of the card's work is not known."""

    code = "facade.no-answer"


class Held(FacadeFault):
    """Somebody else has the reader. Facts: `reader`, `client`, `function`, `seconds`."""

    code = "facade.held"


class OneAtATime(FacadeFault):
    """The same caller's earlier call is still under way. Fact: `function`."""

    code = "facade.one-at-a-time"


class NoLease(FacadeFault):
    """A later step without its first, or after its time. Fact: `function`."""

    code = "facade.no-lease"


class LeaseOver(FacadeFault):
    """The lease has ended. Fact: `ending`: time, caller-gone, stopping, over, done, withdrawn."""

    code = "facade.lease-over"


class HsmNotNeeded(FacadeFault):
    """The file needs no key, so there is nothing to ask an HSM. (National interface: -2204.)"""

    code = "facade.hsm-not-needed"


class NoPinPad(FacadeFault):
    """The lane has no PIN pad, so no person can type a PIN. Fact: `lane`."""

    code = "facade.no-pinpad"

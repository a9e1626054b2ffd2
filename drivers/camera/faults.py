"""What a camera can have beyond what every device can have."""

from drivers.contract import DeviceFault, DeviceProtocol


class CameraFrozen(DeviceFault):
    """The camera is open and gives no pictures, or the very same one again and again."""

    code = "camera.frozen"


class CameraDark(DeviceFault):
    """The camera works and sees nothing: covered, or no light. It goes on."""

    code = "camera.dark"


class CameraPassword(DeviceProtocol):
    """A network camera wants a user and password, or others than those given. Facts: `device`,
    `port`."""

    code = "camera.password"

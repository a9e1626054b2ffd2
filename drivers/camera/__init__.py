"""A camera that reads codes: frames from a device or the network, codes from `drivers.eye`.

OpenCV reads its own limits from the environment as it is loaded, so they are set here, before any
module of this package imports it. The program that runs us may have set others.
"""

import os

ENVIRONMENT = {
    # A V4L2 camera that gives nothing is given up after so many seconds (OpenCV's own: 10).
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2",
    # What answers at an address may pretend to be a playlist that sends FFmpeg elsewhere, to files
    # too: MJPEG and nothing else.
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": (
        "format_whitelist;mpjpeg,mjpeg|protocol_whitelist;http,tcp|fflags;nobuffer"
    ),
    # 16 million pixels: a header that promises more is a bad picture, not a request for memory.
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(1 << 24),
    # Both write to standard error what they think of each picture, and addresses with passwords.
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}
for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

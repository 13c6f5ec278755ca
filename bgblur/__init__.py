"""bgblur: a virtual camera that blurs what is behind you."""

import os

__version__ = "0.1.0"

# Seconds of silence after which a V4L2 camera counts as lost. OpenCV reads it once, when loaded.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")
# OpenCV's threads wait for their next work asleep: to spin until it comes, some twenty times a
# frame, is a seventh of all processor time at 1280x720, and saves a millisecond. Read when loaded.
os.environ.setdefault("OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER", "0")
os.environ.setdefault("OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN", "0")
# torch's warnings from below Python are for those who develop it; it reads this when loaded, too.
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
# Neither torch nor pydantic need look through all that is installed for plug-ins of their own.
os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

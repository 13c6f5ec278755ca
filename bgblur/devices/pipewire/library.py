"""libpipewire-0.3 by ctypes: the functions and structures that bgblur uses.

The layouts are those of the public headers (pipewire/stream.h, core.h, keys.h; spa/buffer/buffer.h,
spa/utils/hook.h and dict.h), which stay the same from 0.3 to 1.x.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import cache
from pathlib import Path
from typing import Any

SONAME = "libpipewire-0.3.so.0"
ANY = 0xFFFFFFFF  # PW_ID_ANY
INPUT, OUTPUT = 0, 1  # enum pw_direction
AUTOCONNECT, MAP_BUFFERS, DRIVER, DONT_RECONNECT = 1, 4, 8, 128  # enum pw_stream_flags
ERROR, UNCONNECTED, CONNECTING, PAUSED, STREAMING = -1, 0, 1, 2, 3  # enum pw_stream_state


class Chunk(Structure):
    _fields_ = [
        ("offset", c_uint32),
        ("size", c_uint32),
        ("stride", c_int32),
        ("flags", c_int32),
    ]


class Data(Structure):
    _fields_ = [
        ("type", c_uint32),
        ("flags", c_uint32),
        ("fd", c_int64),
        ("mapoffset", c_uint32),
        ("maxsize", c_uint32),
        ("data", c_void_p),
        ("chunk", POINTER(Chunk)),
    ]


class SpaBuffer(Structure):
    _fields_ = [
        ("n_metas", c_uint32),
        ("n_datas", c_uint32),
        ("metas", c_void_p),
        ("datas", POINTER(Data)),
    ]


class Buffer(Structure):
    _fields_ = [("buffer", POINTER(SpaBuffer)), ("user_data", c_void_p), ("size", c_uint64)]


class Item(Structure):
    _fields_ = [("key", c_char_p), ("value", c_char_p)]


class Dict(Structure):
    _fields_ = [("flags", c_uint32), ("n_items", c_uint32), ("items", POINTER(Item))]

    def as_dict(self) -> dict[str, str]:
        pairs = (self.items[i] for i in range(self.n_items))
        return {_text(pair.key): _text(pair.value) for pair in pairs}


class Interface(Structure):
    """``struct spa_interface``: every proxy begins with it."""

    _fields_ = [
        ("type", c_char_p),
        ("version", c_uint32),
        ("methods", POINTER(c_void_p)),  # a number in a pointer's place, then functions
        ("data", c_void_p),
    ]


class Hook(Structure):
    """``struct spa_hook``, to be zero and to outlive what it listens to."""

    _fields_ = [("_private", c_void_p * 6)]


StateChanged = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_int, c_char_p)
ParamChanged = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, c_void_p)
Process = ctypes.CFUNCTYPE(None, c_void_p)
Done = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, c_int)
CoreError = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, c_int, c_int, c_char_p)
Global = ctypes.CFUNCTYPE(None, c_void_p, c_uint32, c_uint32, c_char_p, c_uint32, POINTER(Dict))


class StreamEvents(Structure):
    _fields_ = [
        ("version", c_uint32),
        ("destroy", c_void_p),
        ("state_changed", StateChanged),
        ("control_info", c_void_p),
        ("io_changed", c_void_p),
        ("param_changed", ParamChanged),
        ("add_buffer", c_void_p),
        ("remove_buffer", c_void_p),
        ("process", Process),
        ("drained", c_void_p),
    ]


class CoreEvents(Structure):
    _fields_ = [
        ("version", c_uint32),
        ("info", c_void_p),
        ("done", Done),
        ("ping", c_void_p),
        ("error", CoreError),
        ("remove_id", c_void_p),
        ("bound_id", c_void_p),
        ("add_mem", c_void_p),
        ("remove_mem", c_void_p),
    ]


class RegistryEvents(Structure):
    _fields_ = [("version", c_uint32), ("added", Global), ("removed", c_void_p)]


# Places in ``Interface.methods``: struct pw_core_methods and pw_registry_methods.
ADD_LISTENER, SYNC, GET_REGISTRY = 1, 3, 6

_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "pw_init": (None, [c_void_p, c_void_p]),
    "pw_get_library_version": (c_char_p, []),
    "pw_properties_new_string": (c_void_p, [c_char_p]),
    "pw_thread_loop_new": (c_void_p, [c_char_p, c_void_p]),
    "pw_thread_loop_get_loop": (c_void_p, [c_void_p]),
    "pw_thread_loop_start": (c_int, [c_void_p]),
    "pw_thread_loop_stop": (None, [c_void_p]),
    "pw_thread_loop_lock": (None, [c_void_p]),
    "pw_thread_loop_unlock": (None, [c_void_p]),
    "pw_thread_loop_destroy": (None, [c_void_p]),
    "pw_context_new": (c_void_p, [c_void_p, c_void_p, c_size_t]),
    "pw_context_connect": (c_void_p, [c_void_p, c_void_p, c_size_t]),
    "pw_context_destroy": (None, [c_void_p]),
    "pw_stream_new_simple": (
        c_void_p,
        [c_void_p, c_char_p, c_void_p, POINTER(StreamEvents), c_void_p],
    ),
    "pw_stream_connect": (
        c_int,
        [c_void_p, c_int, c_uint32, c_int, POINTER(c_void_p), c_uint32],
    ),
    "pw_stream_update_params": (c_int, [c_void_p, POINTER(c_void_p), c_uint32]),
    "pw_stream_dequeue_buffer": (POINTER(Buffer), [c_void_p]),
    "pw_stream_queue_buffer": (c_int, [c_void_p, POINTER(Buffer)]),
    "pw_stream_trigger_process": (c_int, [c_void_p]),
    "pw_stream_destroy": (None, [c_void_p]),
}


@cache
def library() -> Any:
    """The library, ready to use. Raises OSError where there is none."""
    loaded = ctypes.CDLL(SONAME, use_errno=True)
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError as error:
            raise OSError(f"{SONAME} lacks {name}") from error
        function.restype, function.argtypes = result, arguments
    os.environ.setdefault("PIPEWIRE_DEBUG", "0")  # bgblur says the same in a line of its own
    loaded.pw_init(None, None)
    return loaded


def call(proxy: int, method: int, result: Any, *arguments: tuple[Any, Any]) -> Any:
    """Call a method of a proxy, as the headers' inline functions do, with (type, value) pairs."""
    interface = ctypes.cast(proxy, POINTER(Interface)).contents
    types = [kind for kind, _ in arguments]
    function = ctypes.CFUNCTYPE(result, c_void_p, *types)(interface.methods[method])
    return function(interface.data, *(value for _, value in arguments))


def socket_path() -> Path | None:
    """Where PipeWire listens for this user; None where the session has no such place."""
    remote = os.environ.get("PIPEWIRE_REMOTE") or "pipewire-0"
    folder = os.environ.get("PIPEWIRE_RUNTIME_DIR") or os.environ.get("XDG_RUNTIME_DIR")
    if remote.startswith("/"):
        return Path(remote)
    return Path(folder) / remote if folder else None


def trouble() -> str | None:
    """Why PipeWire cannot be used, and how to change that; None where it can."""
    path = socket_path()
    if path is None or not path.exists():
        return "PipeWire does not run here: `systemctl --user start pipewire wireplumber`"
    try:
        library()
    except OSError:
        return "PipeWire runs, but its library is missing: `sudo apt install libpipewire-0.3-0`"
    return None


def _text(value: bytes | None) -> str:
    return value.decode("utf-8", "replace") if value else ""

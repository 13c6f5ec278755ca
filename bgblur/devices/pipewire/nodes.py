"""The camera nodes of PipeWire."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable, Mapping
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from dataclasses import dataclass
from typing import Any

from bgblur.devices.listing import LABEL
from bgblur.devices.pipewire import library as pw
from bgblur.errors import CameraGoneError

PREFIX = "pipewire"
_ANSWERS_WITHIN = 3.0  # seconds
_REGISTRY_VERSION = 3
_NODE = "PipeWire:Interface:Node"


@dataclass(frozen=True)
class Node:
    """``name`` is PipeWire's own, stable over restarts; ``description`` is for people.

    ``serial`` is never used again within a session. ``v4l2`` is the device file that it is about,
    if it is one.
    """

    name: str
    description: str
    serial: str
    v4l2: str | None = None

    def __str__(self) -> str:
        return f"{self.description} (pipewire:{self.name})"


def camera_nodes() -> list[Node]:
    """What PipeWire offers as cameras, in its order. Raises OSError where it cannot be asked."""
    if problem := pw.trouble():
        raise OSError(0, problem)
    found = (_camera(properties) for properties in _Registry().nodes())
    return [node for node in found if node is not None]


def without_doubles(nodes: Iterable[Node], v4l2: Mapping[str, str]) -> list[Node]:
    """The nodes of none of the V4L2 devices, which are names by path. libcamera may have a second
    node for one, of the same name."""
    named = set(v4l2.values())
    return [
        node
        for node in nodes
        if node.v4l2 not in v4l2
        and not (node.name.startswith("libcamera") and node.description in named)
    ]


def is_pipewire(device: str) -> bool:
    """Whether ``camera.device`` means a node of PipeWire: "pipewire" or "pipewire:NAME"."""
    return device == PREFIX or device.startswith(f"{PREFIX}:")


def is_own(node: Node) -> bool:
    """Whether it is a virtual camera of bgblur, which would film itself: the node that it offers,
    or the one of its loopback device."""
    return LABEL in (node.name, node.description)


def find_node(device: str) -> Node:
    """The node that ``device`` means. Raises CameraError."""
    try:
        nodes = [node for node in camera_nodes() if not is_own(node)]
    except OSError as error:
        raise CameraGoneError(error.strerror or str(error)) from error
    name = device.removeprefix(PREFIX).removeprefix(":")
    fitting = [node for node in nodes if name in ("", node.name)]
    fitting = fitting or [node for node in nodes if name == node.description]
    if fitting:
        return fitting[0]
    there = " and ".join(str(node) for node in nodes) or "none but bgblur's own"
    missing = f'there is no camera "{name}" in PipeWire' if name else "PipeWire has no camera"
    raise CameraGoneError(
        f"{missing} (it has {there}): run `bgblur-cam devices`, or try --device demo"
    )


def _camera(properties: dict[str, str]) -> Node | None:
    if properties.get("media.class") != "Video/Source":
        return None
    if properties.get("media.role", "Camera") != "Camera":  # a shared screen
        return None
    name = properties.get("node.name", "")
    serial = properties.get("object.serial", "")
    path = properties.get("object.path", "")
    v4l2 = path.removeprefix("v4l2:") if path.startswith("v4l2:/dev/") else None
    description = properties.get("node.description") or properties.get("node.nick") or name
    return Node(name or serial, description, serial, v4l2) if name or serial else None


class _Registry:
    """Asks PipeWire once what there is."""

    def __init__(self) -> None:
        self._nodes: list[dict[str, str]] = []
        self._done = threading.Event()
        self._problem: str | None = None
        self._core_events = pw.CoreEvents(
            version=0, done=pw.Done(self._on_done), error=pw.CoreError(self._on_error)
        )
        self._events = pw.RegistryEvents(version=0, added=pw.Global(self._on_global))
        self._hooks = pw.Hook(), pw.Hook()

    def nodes(self) -> list[dict[str, str]]:
        """The properties of every node. Raises OSError."""
        library = pw.library()
        loop = library.pw_thread_loop_new(b"bgblur", None)
        context = None
        if not loop:
            raise _os_error()
        try:
            context = library.pw_context_new(library.pw_thread_loop_get_loop(loop), None, 0)
            core = library.pw_context_connect(context, None, 0) if context else None
            if not core:
                raise _os_error()
            self._listen(core)
            library.pw_thread_loop_start(loop)
            answered = self._done.wait(_ANSWERS_WITHIN)
        finally:
            library.pw_thread_loop_stop(loop)
            if context:
                library.pw_context_destroy(context)
            library.pw_thread_loop_destroy(loop)
        if self._problem is not None or not answered:
            raise OSError(0, f"PipeWire gives no answer ({self._problem or 'it hangs'})")
        return self._nodes

    def _listen(self, core: int) -> None:
        # The second round trip ends after everything that the first has asked for.
        _add_listener(core, self._hooks[0], self._core_events)
        registry = pw.call(
            core, pw.GET_REGISTRY, c_void_p, (c_uint32, _REGISTRY_VERSION), (c_size_t, 0)
        )
        if not registry:
            raise _os_error()
        _add_listener(registry, self._hooks[1], self._events)
        pw.call(core, pw.SYNC, c_int, (c_uint32, 0), (c_int, 0))

    # ------------------------------------------------------------ called by the library

    def _on_global(
        self, _: Any, _id: int, _permissions: int, kind: bytes, _version: int, properties: Any
    ) -> None:
        if kind == _NODE.encode() and properties:
            self._nodes.append(properties.contents.as_dict())

    def _on_done(self, _: Any, _id: int, _seq: int) -> None:
        self._done.set()

    def _on_error(self, _: Any, _id: int, _seq: int, _result: int, message: bytes | None) -> None:
        self._problem = (message or b"it has ended").decode("utf-8", "replace")
        self._done.set()


def _add_listener(proxy: int, hook: pw.Hook, events: ctypes.Structure) -> None:
    pw.call(
        proxy,
        pw.ADD_LISTENER,
        c_int,
        (POINTER(pw.Hook), ctypes.pointer(hook)),
        (c_void_p, ctypes.addressof(events)),
        (c_char_p, None),
    )


def _os_error() -> OSError:
    return OSError(ctypes.get_errno(), "PipeWire does not answer")

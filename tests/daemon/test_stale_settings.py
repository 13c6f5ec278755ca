"""Settings that were read before others were applied must not follow them: each interleaving is
forced, and fails where the file is read outside the lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bgblur.compositing.look import Look
from bgblur.config import file as config_file
from bgblur.config import watch
from bgblur.config.file import load, read_text, set_value
from bgblur.config.settings import Settings
from bgblur.config.watch import ConfigWatcher
from bgblur.daemon import live_settings
from bgblur.daemon.daemon import Daemon
from bgblur.daemon.live_settings import LiveSettings

BLUR, RAW = '[background]\nmode = "blur"\n', '[background]\nmode = "none"\n'
LONG_ENOUGH = 0.3  # seconds in which a thread that nothing holds up is done


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.fixture
def live(path: Path) -> LiveSettings:
    path.write_text(BLUR)
    return Daemon(load(path), path, {"output.device": "web"}, lambda _: None).live


def watcher_of(live: LiveSettings, path: Path) -> ConfigWatcher:
    """As the daemon makes it, see ``test_the_daemon_watches_within_the_lock``."""
    return ConfigWatcher(
        path, live.edited, live.note_problem, lambda: live.from_file, within=live.changing
    )


class Meanwhile:
    """Runs ``work`` in another thread at the moment of a call: until it is done, or cannot go on.

    ``on`` patches a function so that this happens when it has read the file for the ``nth`` time.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work)
        self.begun = False

    def on(self, function: Callable[..., Any], nth: int = 1) -> Callable[..., Any]:
        calls = 0

        def patched(*arguments: Any, **more: Any) -> Any:
            nonlocal calls
            result = function(*arguments, **more)
            calls += threading.current_thread() is not self._thread
            if calls == nth and not self.begun:
                self.begun = True
                self._thread.start()
                self._thread.join(LONG_ENOUGH)
            return result

        return patched

    def end(self) -> None:
        assert self.begun, "the moment never came"
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("nth", [1, 2])
def test_an_edit_that_the_watcher_has_read_does_not_follow_the_pages(
    nth: int, live: LiveSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads "none", the page writes "blur", and then the watcher goes on."""
    watcher = watcher_of(live, path)
    path.write_text(RAW)
    page = Meanwhile(lambda: live.change("background.mode", "blur"))
    monkeypatch.setattr(watch, "read_text", page.on(read_text, nth))
    watcher._check()
    page.end()
    assert load(path).background.mode == "blur"
    assert not live.pipeline.look.raw
    assert live.now.background.mode == live.from_file.background.mode == "blur"


@pytest.mark.parametrize("order", [["none", "blur"], ["blur", "none", "blur"]])
def test_of_two_writers_the_last_in_the_file_is_the_last_in_force(
    order: list[str], live: LiveSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page writes, and before it applies that, another request writes and applies."""
    *before, first, second = order
    for mode in before:
        live.change("background.mode", mode)
    other = Meanwhile(lambda: live.change("background.mode", second))
    monkeypatch.setattr(live_settings, "set_value", other.on(set_value))
    live.change("background.mode", first)
    other.end()
    assert load(path).background.mode == second
    assert live.now.background.mode == second
    assert not live.pipeline.look.raw


@pytest.mark.parametrize("door", ["page", "choice"])
def test_the_file_is_read_while_nobody_else_applies(
    door: str, live: LiveSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a request of the page wrote, or a choice that ended an option, is read again."""
    path.write_text(RAW)
    page = Meanwhile(lambda: live.change("background.mode", "blur"))
    monkeypatch.setattr(live_settings, "read_text", page.on(read_text))
    monkeypatch.setattr(live._choices, "new", lambda: ["background.strength"])
    if door == "page":
        live.change("background.mode", "none")
    else:
        live.take_choices()
    page.end()
    assert not live.pipeline.look.raw


def test_a_lost_file_is_written_again_with_the_newest_settings(
    live: LiveSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``change`` waits for the file's lock while a pause is applied and the file vanishes."""

    def paused_meanwhile(*arguments: Any, **more: Any) -> Settings:
        path.write_text(BLUR + "[output]\npaused = true\n")
        live.edited(load(path))
        path.unlink()
        return config_file.set_value(*arguments, **more)

    monkeypatch.setattr(live_settings, "set_value", paused_meanwhile)
    live.change("camera.mirror", True)
    assert live.now.output.paused
    assert load(path).output.paused


def test_what_the_page_wrote_and_the_tray_took_back_is_taken_back(
    live: LiveSettings, path: Path
) -> None:
    """Both within one tick: the watcher finds the file as it left it."""
    watcher = watcher_of(live, path)
    watcher._check()
    live.change("background.mode", "none")
    assert live.pipeline.look.raw
    set_value(path, "background.mode", "blur")
    watcher._check()
    assert not live.pipeline.look.raw


def test_the_daemon_watches_within_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bgblur.daemon import daemon

    made: dict[str, Any] = {}

    def watcher(*arguments: Any, **more: Any) -> None:
        made.update(more, arguments=arguments)
        raise KeyboardInterrupt

    path.write_text('[camera]\ndevice = "demo"\n[output]\ndevice = "web"\n')
    monkeypatch.setattr(daemon, "ConfigWatcher", watcher)
    running = Daemon(load(path), path, {}, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        running.run(threading.Event())
    live = running.live
    assert made["within"] is live.changing
    assert made["current"]() is live.from_file
    assert made["arguments"] == (path, live.edited, live.note_problem)


# ------------------------------------------------------------ what hides more comes first


def looks_at(
    live: LiveSettings, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> list[tuple[bool, bool]]:
    """Whether the picture is raw, and whether there is a pause, at each call of a function."""
    seen: list[tuple[bool, bool]] = []
    function = getattr(module, name)

    def noted(*arguments: Any, **more: Any) -> Any:
        seen.append((live.pipeline.look.raw, live.pipeline._in_force.rest is not None))
        return function(*arguments, **more)

    monkeypatch.setattr(module, name, noted)
    return seen


@pytest.mark.parametrize("part", ["source", "sinks", "backend"])
def test_a_pause_comes_before_anything_else_of_the_edit(
    part: str, live: LiveSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looks_at(live, monkeypatch, live.pipeline, f"replace_{part}")
    live._overrides.drop("output.device")
    path.write_text(
        RAW + '[output]\npaused = true\ndevice = "x.mp4"\n'
        '[camera]\ndevice = "demo"\n[engine]\ndevice = "cpu"\n'
    )
    live.edited(load(path))
    assert seen == [(False, True)]


def test_a_pause_counts_where_the_rest_contradicts_an_option(path: Path) -> None:
    image = '[background]\nimage = "there.png"\n'
    path.write_text(image)
    settings = load(path).model_copy()
    live = Daemon(settings, path, {"output.device": "web"}, lambda _: None).live
    live._overrides._values["background.mode"] = "image"
    path.write_text('[background]\nimage = ""\n[output]\npaused = true\n')
    live.edited(load(path))
    assert "background.image is empty" in (live.problem or "")
    assert live.now.output.paused
    assert live.pipeline._in_force.rest is not None


@pytest.mark.parametrize("there", [True, False])
def test_a_raw_picture_is_blurred_before_a_new_background_is_read(
    there: bool, live: LiveSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading it may take long, from a slow disk; and fail."""
    import cv2
    import numpy as np

    picture = path.parent / "beach.png"
    if there:
        cv2.imwrite(str(picture), np.zeros((90, 160, 3), np.uint8))
    live.edited(config_file.parse(RAW, "c"))
    assert live.pipeline.look.raw
    seen = looks_at(live, monkeypatch, live_settings, "look_of")
    shown: list[Look] = []
    show = live._show

    def noted(look: Look) -> None:
        shown.append(look)
        show(look)

    monkeypatch.setattr(live, "_show", noted)
    live.edited(config_file.parse(f'[background]\nmode = "image"\nimage = "{picture}"\n', "c"))
    assert seen[-1] == (False, False)
    assert (shown[0].mode, shown[0].strength) == ("blur", 100)
    assert live.pipeline.look.mode == ("image" if there else "blur")

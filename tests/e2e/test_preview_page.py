"""The preview page in a real Chromium, fed with synthetic moving pictures."""

from __future__ import annotations

import http.server
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest
from browser import ARGUMENTS, CHROMIUM
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from bgblur.errors import UsageError
from bgblur.frame import Image
from bgblur.sinks.web import WebSink

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

WIDTH, HEIGHT = 640, 360
BLUE, RED = (220, 60, 20), (20, 40, 220)


class Daemon:
    """Publishes a white square that moves over blue; before the blur the ground is red."""

    def __init__(self, port: int = 0) -> None:
        self.strength = 60
        self.mode = "blur"
        self.state = "blurring"
        self.problem: str | None = None
        self.changes: list[tuple[str, object]] = []
        self.before_calls = 0
        self._shift = 0
        self.sink = WebSink(
            status=self._status, change=self._change, before=self._before, port=port
        )
        parts = urlsplit(self.sink.url)
        self.origin = f"http://{parts.netloc}"
        self.port = int(parts.port or 0)
        self.token = parse_qs(parts.query)["token"][0]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish)
        self._thread.start()

    def _publish(self) -> None:
        for shift in itertools.count(step=4):
            if self._stop.wait(1 / 30):
                return
            self._shift = shift
            self.sink.publish(self._picture(BLUE))

    def _picture(self, ground: tuple[int, int, int]) -> Image:
        picture = np.full((HEIGHT, WIDTH, 3), ground, np.uint8)
        left = self._shift % (WIDTH - 40)
        picture[150:190, left : left + 40] = 255
        return picture

    def _before(self) -> Image:
        self.before_calls += 1
        return self._picture(RED)

    def _change(self, key: str, value: int | float | str | bool) -> None:
        self.changes.append((key, value))
        if key == "background.strength":
            if value == 13:
                raise UsageError("background.strength cannot be 13: choose another number")
            self.strength = int(value)
        elif key == "background.mode":
            self.mode = str(value)

    def _status(self) -> dict[str, object]:
        return {
            "state": self.state,
            "problem": self.problem,
            "strength": self.strength,
            "mode": self.mode,
            "width": WIDTH,
            "height": HEIGHT,
            "source": "moving square",
            "fps": 29.97,
            "latency_ms": {"p50": 21.4, "p95": 38.2},
            "stages_ms": {
                "segment": {"p50": 14.0, "p95": 22.0},
                "composite": {"p50": 5.0, "p95": 9.0},
            },
        }

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.sink.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1100, "height": 850})
    context.set_default_timeout(8000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, daemon: Daemon) -> Iterator[Page]:
    """The open page; afterwards: no console error, and no request to anybody else."""
    page = context.new_page()
    complaints = watch_console(page)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(daemon.sink.url)
    expect(page.locator("#waiting")).to_be_hidden()
    yield page
    assert complaints == []
    assert requested
    assert [url for url in requested if not url.startswith(daemon.origin + "/")] == []


def watch_console(page: Page) -> list[str]:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def shot(target: Page | Locator, path: Path) -> Image:
    target.screenshot(path=path)
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture.astype(np.uint8, copy=False)


def looks(pixel: Image, color: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - color).max() < 40)


def eventually(page: Page, check: Callable[[], bool], seconds: float = 4.0) -> bool:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        page.wait_for_timeout(50)
    return True


# ---- the picture ----


def square_at(stage: Image) -> float:
    """Where the white square is, in parts of the width."""
    row = stage[stage.shape[0] * 170 // HEIGHT].min(axis=1)
    return float(np.flatnonzero(row > 200).mean() / len(row))


def test_the_picture_moves(page: Page, tmp_path: Path) -> None:
    places = []
    for i in range(3):
        places.append(square_at(shot(page.locator("#stage"), tmp_path / f"{i}.png")))
        page.wait_for_timeout(250)
    assert len({round(place, 2) for place in places}) == 3


def test_the_numbers_are_shown(page: Page) -> None:
    expect(page.locator("#fps")).to_have_text("30.0 a second")
    expect(page.locator("#p50")).to_have_text("21 ms")
    expect(page.locator("#p95")).to_have_text("38 ms")
    expect(page.locator("#size")).to_have_text("640 × 360")
    page.get_by_text("Time in each stage").click()
    expect(page.locator("#stage-rows tr").nth(1)).to_contain_text("composite")


def test_a_hidden_tab_ends_its_streams(page: Page) -> None:
    # Headless tabs are never hidden, so the page is told that it is.
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(page.locator("#after")).to_be_hidden()
    assert page.locator("#after").get_attribute("src") is None
    page.evaluate(
        """() => {
            delete document.hidden;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(page.locator("#after")).to_be_visible()


# ---- what the daemon says, in words ----


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("blurring", "Your background is hidden"),
        ("off", "Off: others see your room"),
        ("no camera", "No camera"),
        ("no mask", "You cannot be made out: the whole picture is hidden"),
    ],
)
def test_the_state_is_told_in_words(page: Page, daemon: Daemon, state: str, words: str) -> None:
    daemon.state = state
    expect(page.locator("#state")).to_have_text(words)


def test_a_problem_is_told_and_withdrawn(page: Page, daemon: Daemon) -> None:
    daemon.problem = "The camera was unplugged: plug it in again. <b>Now</b>"
    line = page.get_by_role("status")
    expect(line).to_have_text(daemon.problem)
    daemon.problem = None
    expect(line).to_be_empty()


# ---- strength ----


def test_strength_by_keyboard(page: Page, daemon: Daemon) -> None:
    slider = page.get_by_label("Blur strength")
    expect(slider).to_have_value("60")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#strength-number")).to_have_text("62")
    assert eventually(page, lambda: daemon.strength == 62)
    page.keyboard.press("Home")
    assert eventually(page, lambda: daemon.strength == 0)


def test_dragging_strength_is_live_and_not_fought(page: Page, daemon: Daemon) -> None:
    slider = page.get_by_label("Blur strength")
    expect(slider).to_have_value("60")
    box = slider.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.6, middle)
    page.mouse.down()
    for part in np.linspace(0.6, 0.2, 25):
        page.mouse.move(box["x"] + box["width"] * part, middle)
        page.wait_for_timeout(30)
    live = len(daemon.changes)
    assert 3 <= live <= 15, "live, but not one request a movement"
    page.wait_for_timeout(400)  # until the last one has gone out
    daemon.strength = 99  # somebody else's edit while the hand is still on the slider
    page.wait_for_timeout(1700)
    assert abs(int(slider.input_value()) - 20) <= 3
    page.mouse.up()
    # Let go, the slider follows the daemon again.
    expect(slider).to_have_value("99")


def test_strength_follows_an_edit_made_elsewhere(page: Page, daemon: Daemon) -> None:
    daemon.strength = 25
    expect(page.get_by_label("Blur strength")).to_have_value("25")
    expect(page.locator("#strength-number")).to_have_text("25")
    assert daemon.changes == []


def test_moving_strength_ends_mode_none(page: Page, daemon: Daemon) -> None:
    daemon.mode, daemon.state = "none", "off"
    expect(page.locator("#state")).to_have_text("Off: others see your room")
    page.get_by_label("Blur strength").focus()
    page.keyboard.press("ArrowRight")
    assert eventually(page, lambda: daemon.mode == "blur")
    assert daemon.changes == [("background.strength", 61), ("background.mode", "blur")]


def test_a_refused_change_is_told(context: BrowserContext, daemon: Daemon) -> None:
    page = context.new_page()  # Chromium reports the 422 in its console
    page.goto(daemon.sink.url)
    slider = page.get_by_label("Blur strength")
    expect(slider).to_have_value("60")
    slider.fill("13")
    expect(page.get_by_role("status")).to_contain_text("cannot be 13: choose another number")
    expect(slider).to_have_value("60")


# ---- before and after ----


def test_compare(page: Page, daemon: Daemon, tmp_path: Path) -> None:
    assert daemon.before_calls == 0
    compare = page.get_by_role("button", name="Compare")
    compare.click()
    expect(compare).to_have_attribute("aria-pressed", "true")
    divider = page.get_by_role("slider", name="Divider")
    stage = page.locator("#stage")

    def ground(part: float) -> Image:
        picture = shot(stage, tmp_path / "compare.png")
        # Below the moving square and the tags.
        return picture[picture.shape[0] * 3 // 4, int(picture.shape[1] * part)]

    assert eventually(page, lambda: looks(ground(0.3), RED))
    assert looks(ground(0.7), BLUE)

    divider.focus()
    page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    assert looks(ground(0.9), RED)
    page.keyboard.press("Home")
    assert looks(ground(0.1), BLUE)
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "12")
    assert looks(ground(0.07), RED)

    box = stage.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.12, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "80")
    assert looks(ground(0.7), RED)

    compare.click()
    assert eventually(page, lambda: looks(ground(0.3), BLUE))
    page.wait_for_timeout(300)
    calls = daemon.before_calls
    page.wait_for_timeout(400)
    assert daemon.before_calls == calls, "the raw picture is still asked for"


# ---- looks ----


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_it_is_readable_in_any_window(
    page: Page, tmp_path: Path, scheme: str, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_timeout(300)
    picture = shot(page, tmp_path / f"{scheme}-{width}.png")
    corner = picture[-5:, :5].mean()
    assert corner < 60 if scheme == "dark" else corner > 200
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(wider) is False
    for element in ("#stage", "#strength", "#compare"):
        box = page.locator(element).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height, f"{element} needs scrolling"


def test_everything_is_reached_by_keyboard_and_shows_it(page: Page) -> None:
    def press(key: str) -> str:
        page.keyboard.press(key)
        outlined = page.evaluate(
            """() => ["", "::after"].some((part) =>
                getComputedStyle(document.activeElement, part).outlineStyle === "solid")"""
        )
        reached = page.evaluate("document.activeElement.id || document.activeElement.tagName")
        assert outlined, f"{reached} hides its focus"
        return str(reached)

    assert [press("Tab"), press("Tab"), press("Tab")] == ["strength", "compare", "SUMMARY"]
    press("Enter")
    expect(page.locator("#stage-rows")).to_be_visible()
    press("Shift+Tab")
    press("Space")
    assert [press("Shift+Tab"), press("Shift+Tab")] == ["strength", "divider"]


# ---- the end, and the others ----


def test_the_daemons_end_is_told_and_its_return_found(
    context: BrowserContext, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(daemon.sink.url)
    expect(page.locator("#waiting")).to_be_hidden()
    daemon.close()
    expect(page.locator("#state")).to_have_text("Not connected")
    expect(page.get_by_role("status")).to_contain_text("Trying again")
    expect(page.get_by_label("Blur strength")).to_be_disabled()

    stranger = Daemon(daemon.port)  # started anew, so with another token
    expect(page.get_by_role("status")).to_contain_text("open the address that it printed")
    stranger.close()

    monkeypatch.setattr("secrets.token_urlsafe", lambda: daemon.token)
    returned = Daemon(daemon.port)
    try:
        expect(page.locator("#state")).to_have_text("Your background is hidden")
        expect(page.get_by_role("status")).to_be_empty()
        stage = page.locator("#stage")
        page.wait_for_timeout(500)
        first = square_at(shot(stage, tmp_path / "first.png"))
        page.wait_for_timeout(300)
        assert abs(square_at(shot(stage, tmp_path / "second.png")) - first) > 0.01
    finally:
        returned.close()


HOSTILE = """<!doctype html><title>hostile</title>
<iframe name="hole"></iframe>
<script>
const target = "{target}";
window.loot = {{}};
const report = (name) => (value) => {{ window.loot[name] = value; }};
for (const query of ["", "?view=before"]) {{
  const image = new Image();
  image.onload = () => report("image" + query)("loaded");
  image.onerror = () => report("image" + query)("nothing");
  image.src = target + "/stream" + query;
  document.body.append(image);
}}
const body = JSON.stringify({{ key: "background.strength", value: 0 }});
fetch(target + "/api/status", {{ credentials: "include" }})
  .then((answer) => answer.text()).then(report("status"), () => report("status")("nothing"));
fetch(target + "/api/set", {{ method: "POST", credentials: "include", body }})
  .then((answer) => answer.text()).then(report("set"), () => report("set")("nothing"));
fetch(target + "/api/set", {{ method: "POST", mode: "no-cors", credentials: "include", body }})
  .then((answer) => answer.text()).then(
    (text) => report("blind")(text || "nothing"), () => report("blind")("nothing"));
const form = document.createElement("form");
form.method = "post"; form.action = target + "/api/set";
form.enctype = "text/plain"; form.target = "hole";
const field = document.createElement("input");
field.name = body.slice(0, -1) + ', "x": "'; field.value = '"}}';
form.append(field); document.body.append(form); form.submit();
</script>"""


@pytest.fixture
def hostile_url(daemon: Daemon) -> Iterator[str]:
    content = HOSTILE.format(target=daemon.origin).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_a_hostile_local_page_gets_nothing(
    page: Page, context: BrowserContext, daemon: Daemon, hostile_url: str
) -> None:
    """Another port of the same host, in the same browser as the open preview."""
    hostile = context.new_page()
    posts: list[Request] = []
    hostile.on("request", lambda r: posts.append(r) if r.method == "POST" else None)
    hostile.goto(hostile_url, wait_until="commit")
    hostile.wait_for_function("Object.keys(window.loot).length === 5")
    assert set(hostile.evaluate("Object.values(window.loot)")) == {"nothing"}
    assert len(posts) == 3
    assert all(post.response() is None or post.response().status == 403 for post in posts)  # type: ignore[union-attr]
    assert daemon.changes == []
    assert daemon.before_calls == 0
    expect(page.locator("#state")).to_have_text("Your background is hidden")

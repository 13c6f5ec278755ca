"""The preview page in a real Chromium, fed with synthetic moving pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from support.web.browser import CHROMIUM
from support.web.page_daemon import BLUE, RED, PageDaemon, eventually, looks, shot, square_at

from bgblur.frame import Image

pytest_plugins = ["support.web.page_fixtures"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


# ---- the picture ----


def test_the_picture_moves(page: Page, tmp_path: Path) -> None:
    assert moves(page, tmp_path)


def moves(page: Page, folder: Path) -> bool:
    """Whether the square is soon seen in three places. A busy browser may leave the picture out
    of a screenshot."""
    places: set[float] = set()

    def looked() -> bool:
        place = square_at(shot(page.locator("#stage"), folder / "moves.png"))
        places.update([] if place is None else [round(place, 2)])
        return len(places) >= 3

    return eventually(page, looked)


def test_the_numbers_are_shown(page: Page) -> None:
    expect(page.locator("#fps")).to_have_text("30.0 fps")
    expect(page.locator("#network")).to_have_text("unet-lite, 160 lines")
    expect(page.locator("#p50")).to_have_text("21 ms")
    expect(page.locator("#p95")).to_have_text("38 ms")
    expect(page.locator("#outputs")).to_have_text("preview page, /dev/video10 (not open)")
    expect(page.locator("#size")).to_have_text("640 × 360")
    page.get_by_text("Stages as a table").click()
    expect(page.locator("#stage-rows tr").nth(1)).to_contain_text("blur")


def test_a_hidden_tab_ends_its_streams(page: Page) -> None:
    # Headless tabs are never hidden, so the test pretends it.
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


# ---- the daemon's state in words ----


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("blurring", "Your background is hidden"),
        ("off", "Off: others see your room"),
        ("idle", "Camera off: nobody is watching"),
        ("paused", "Paused: others see no live picture, the camera is off"),
        ("no camera", "No camera"),
        ("no mask", "Person not found: the whole picture is blurred"),
    ],
)
def test_the_state_is_shown_in_words(
    page: Page, daemon: PageDaemon, state: str, words: str
) -> None:
    daemon.state = state
    expect(page.locator("#state")).to_have_text(words)


def test_a_problem_is_shown_and_removed(page: Page, daemon: PageDaemon) -> None:
    daemon.problem = "The camera was unplugged: plug it in again. <b>Now</b>"
    line = page.get_by_role("status")
    expect(line).to_have_text(daemon.problem)
    daemon.problem = None
    expect(line).to_be_empty()


# ---- before and after ----


def test_compare(page: Page, daemon: PageDaemon, tmp_path: Path) -> None:
    assert daemon.asked == {"before": 0, "alpha": 0}
    compare = page.get_by_role("button", name="Before and after")
    compare.click()
    expect(compare).to_have_attribute("aria-pressed", "true")
    divider = page.get_by_role("slider", name="Divider")
    stage = page.locator("#stage")

    def ground(part: float) -> Image:
        picture = shot(stage, tmp_path / "compare.png")
        # Below the moving square and the tags.
        return picture[picture.shape[0] * 3 // 4, int(picture.shape[1] * part)]

    assert eventually(page, lambda: looks(ground(0.3), RED))
    assert eventually(page, lambda: looks(ground(0.7), BLUE))

    divider.focus()
    page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    assert eventually(page, lambda: looks(ground(0.9), RED))
    page.keyboard.press("Home")
    assert eventually(page, lambda: looks(ground(0.1), BLUE))
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "12")
    assert eventually(page, lambda: looks(ground(0.07), RED))

    box = stage.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.12, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "80")
    assert eventually(page, lambda: looks(ground(0.7), RED))

    page.get_by_role("button", name="What others see").click()
    expect(compare).to_have_attribute("aria-pressed", "false")
    assert eventually(page, lambda: looks(ground(0.3), BLUE))
    assert is_left_alone(page, daemon)


def is_left_alone(page: Page, daemon: PageDaemon) -> bool:
    """Whether the camera's picture and the mask are soon no longer asked for."""

    def is_quiet() -> bool:
        asked = dict(daemon.asked)
        page.wait_for_timeout(400)
        return daemon.asked == asked

    return eventually(page, is_quiet)


def test_the_mask(page: Page, daemon: PageDaemon, tmp_path: Path) -> None:
    page.get_by_role("button", name="Mask").click()
    expect(page.locator("#alpha")).to_be_visible()
    expect(page.locator("#blank")).to_be_hidden()
    expect(page.locator("#after")).to_be_hidden()  # its stream has ended
    stage = page.locator("#stage")

    def is_black() -> bool:
        picture = shot(stage, tmp_path / "first.png")
        return bool(picture[picture.shape[0] * 3 // 4].max() < 40)

    assert eventually(page, is_black), "the ground"
    assert moves(page, tmp_path)
    assert daemon.asked["before"] == 0

    page.get_by_role("button", name="What others see").click()
    expect(page.locator("#after")).to_be_visible()
    expect(page.locator("#alpha")).to_be_hidden()
    assert is_left_alone(page, daemon)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("off", "No mask: others see your room."),
        ("paused", "No mask: the camera is off."),
        ("idle", "No mask: the camera is off."),
        ("no mask", "No mask yet."),
    ],
)
def test_without_a_mask_no_old_one_stays_visible(
    page: Page, daemon: PageDaemon, state: str, words: str
) -> None:
    page.get_by_role("button", name="Mask").click()
    expect(page.locator("#alpha")).to_be_visible()
    daemon.state = state
    expect(page.locator("#blank")).to_have_text(words)
    expect(page.locator("#alpha")).to_be_hidden()
    assert is_left_alone(page, daemon)
    daemon.state = "blurring"
    expect(page.locator("#alpha")).to_be_visible()
    expect(page.locator("#blank")).to_be_hidden()


@pytest.mark.parametrize("state", ["paused", "idle", "no camera", "no mask"])
def test_without_a_picture_none_is_compared(page: Page, daemon: PageDaemon, state: str) -> None:
    page.get_by_role("button", name="Before and after").click()
    expect(page.locator("#before")).to_be_visible()
    daemon.state = state
    expect(page.locator("#before")).to_be_hidden()
    expect(page.get_by_role("slider", name="Divider")).to_be_hidden()
    expect(page.locator("#after")).to_be_visible()
    assert is_left_alone(page, daemon)


# ---- the end of the daemon, other windows ----


def test_the_daemons_end_and_return_are_shown(
    context: BrowserContext, daemon: PageDaemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(daemon.sink.url)
    expect(page.locator("#blank")).to_be_hidden()
    daemon.close()
    expect(page.locator("#state")).to_have_text("Not connected")
    expect(page.get_by_role("status")).to_contain_text("Trying again")
    expect(page.get_by_label("Blur strength")).to_be_disabled()

    stranger = PageDaemon(daemon.port)  # restarted, so it has another token
    expect(page.get_by_role("status")).to_contain_text("open the new address that it printed")
    stranger.close()

    monkeypatch.setattr("secrets.token_urlsafe", lambda: daemon.token)
    returned = PageDaemon(daemon.port)
    try:
        expect(page.locator("#state")).to_have_text("Your background is hidden")
        expect(page.get_by_role("status")).to_be_empty()
        assert moves(page, tmp_path)
    finally:
        returned.close()

"""The preview page's controls in a real Chromium."""

from __future__ import annotations

import time

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from support.web.browser import CHROMIUM
from support.web.page_daemon import PageDaemon, eventually

pytest_plugins = ["support.web.page_fixtures"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

SEND_SECONDS = 0.1  # the page's SEND_MS


# ---- strength ----


def test_strength_by_keyboard(page: Page, daemon: PageDaemon) -> None:
    slider = page.get_by_label("Blur strength")
    expect(slider).to_have_value("60")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#strength-number")).to_have_text("62")
    assert eventually(page, lambda: daemon.strength == 62)
    page.keyboard.press("Home")
    assert eventually(page, lambda: daemon.strength == 0)


def test_dragging_strength_is_live_and_not_overwritten(page: Page, daemon: PageDaemon) -> None:
    slider = page.get_by_label("Blur strength")
    expect(slider).to_have_value("60")
    box = slider.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.6, middle)
    page.mouse.down()
    began = time.monotonic()
    for part in np.linspace(0.6, 0.2, 25):
        page.mouse.move(box["x"] + box["width"] * part, middle)
        page.wait_for_timeout(30)
    live = len(daemon.changes)
    most = 1 + (time.monotonic() - began) / SEND_SECONDS
    assert 3 <= live <= most, "live, but no more requests than its interval allows"
    assert eventually(page, lambda: daemon.strength == int(slider.input_value()))
    daemon.strength = 99  # an edit elsewhere while the slider is still held
    page.wait_for_timeout(1700)
    assert abs(int(slider.input_value()) - 20) <= 3
    page.mouse.up()
    # Once released, the slider follows the daemon again.
    expect(slider).to_have_value("99")


def test_strength_follows_an_edit_made_elsewhere(page: Page, daemon: PageDaemon) -> None:
    daemon.strength = 25
    expect(page.get_by_label("Blur strength")).to_have_value("25")
    expect(page.locator("#strength-number")).to_have_text("25")
    assert daemon.changes == []


def test_moving_strength_ends_mode_none(page: Page, daemon: PageDaemon) -> None:
    daemon.mode, daemon.state = "none", "off"
    expect(page.locator("#state")).to_have_text("Off: others see your room")
    page.get_by_label("Blur strength").focus()
    page.keyboard.press("ArrowRight")
    assert eventually(page, lambda: daemon.mode == "blur")
    assert daemon.changes == [("background.strength", 61), ("background.mode", "blur")]


def test_a_refused_change_is_reported(context: BrowserContext, daemon: PageDaemon) -> None:
    page = context.new_page()  # Chromium reports the 422 in its console
    page.goto(daemon.sink.url)
    slider = page.get_by_label("Blur strength")
    expect(slider).to_have_value("60")
    slider.fill("13")
    expect(page.get_by_role("status")).to_contain_text("cannot be 13: choose another number")
    expect(slider).to_have_value("60")


# ---- the background ----


def mode_button(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Background").get_by_role("button", name=name)


def test_the_mode_is_shown_and_changed(page: Page, daemon: PageDaemon) -> None:
    expect(mode_button(page, "Blur")).to_have_attribute("aria-pressed", "true")
    mode_button(page, "None").click()
    assert eventually(page, lambda: daemon.changes == [("background.mode", "none")])
    expect(mode_button(page, "None")).to_have_attribute("aria-pressed", "true")
    expect(mode_button(page, "Blur")).to_have_attribute("aria-pressed", "false")
    mode_button(page, "Blur").focus()
    page.keyboard.press("Enter")
    assert eventually(page, lambda: daemon.mode == "blur")


def test_the_mode_follows_an_edit_made_elsewhere(page: Page, daemon: PageDaemon) -> None:
    daemon.color, daemon.mode = "#123456", "color"
    expect(mode_button(page, "Colour")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Background colour")).to_have_value("#123456")
    expect(page.get_by_label("Blur strength")).to_be_hidden()
    assert daemon.changes == []


def test_moving_to_a_mode_selects_no_other(page: Page, daemon: PageDaemon) -> None:
    mode_button(page, "Blur").focus()
    for key in ("ArrowLeft", "ArrowRight", "Tab", "Tab", "Tab", "End", "Home"):
        page.keyboard.press(key)
    expect(mode_button(page, "None")).to_be_focused()
    page.wait_for_timeout(300)
    assert daemon.changes == [], "the room would be shown for a moment"


def test_camera(page: Page, daemon: PageDaemon) -> None:
    page.get_by_text("Camera, framing and size").first.click()
    choice = page.get_by_label("Camera", exact=True)
    expect(choice.locator("option")).to_have_text(["demo", "HD Webcam", "Second Webcam"])
    expect(choice).to_have_value("")
    choice.select_option(label="Second Webcam")
    assert eventually(page, lambda: daemon.device == "/dev/video2")
    assert daemon.changes == [("camera.device", "/dev/video2")]
    choice.dispatch_event("pointerenter")
    expect(choice.locator("option")).to_have_text(["HD Webcam", "Second Webcam"])
    expect(choice).to_have_value("/dev/video2")


def test_colour(page: Page, daemon: PageDaemon) -> None:
    mode_button(page, "Colour").click()
    picker = page.get_by_label("Background colour")
    expect(picker).to_have_value("#00b140")
    picker.fill("#c81e3c")
    assert eventually(page, lambda: daemon.color == "#c81e3c")
    assert daemon.changes == [("background.mode", "color"), ("background.color", "#c81e3c")]
    page.wait_for_timeout(1700)
    expect(picker).to_have_value("#c81e3c")


def test_a_first_picture(page: Page, daemon: PageDaemon) -> None:
    mode_button(page, "Picture").click()
    path = page.get_by_label("Picture or video")
    expect(path).to_be_focused()
    page.wait_for_timeout(700)  # longer than a poll
    assert daemon.changes == [], "nothing to show yet"
    expect(mode_button(page, "Blur")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Enter the path of a file first.")
    page.keyboard.type("  ~/beach.jpg ")
    page.keyboard.press("Enter")
    expect(mode_button(page, "Picture")).to_have_attribute("aria-pressed", "true")
    assert eventually(page, lambda: daemon.mode == "image")
    assert daemon.changes == [("background.image", "~/beach.jpg"), ("background.mode", "image")]
    expect(path).to_have_value("~/beach.jpg")


def test_back_to_the_same_picture_in_one_click(page: Page, daemon: PageDaemon) -> None:
    daemon.image = "/home/me/sea.jpg"
    expect(page.locator("#picture")).to_have_value("/home/me/sea.jpg")
    mode_button(page, "Picture").click()
    assert eventually(page, lambda: daemon.changes == [("background.mode", "image")])
    expect(page.get_by_label("Picture or video")).to_be_visible()


def test_a_refused_picture_is_reported_and_can_be_corrected(
    context: BrowserContext, daemon: PageDaemon
) -> None:
    page = context.new_page()  # Chromium reports the 422 in its console
    page.goto(daemon.sink.url)
    mode_button(page, "Picture").click()
    path = page.get_by_label("Picture or video")
    path.fill("/nowhere.png")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("status")).to_contain_text("cannot read /nowhere.png: No such file")
    page.wait_for_timeout(1700)
    expect(path).to_have_value("/nowhere.png")
    expect(mode_button(page, "Blur")).to_have_attribute("aria-pressed", "true")
    assert daemon.changes == []
    path.fill("/somewhere.jpg")
    mode_button(page, "Picture").click()  # the same as the button beside the field
    assert eventually(page, lambda: daemon.mode == "image")
    assert daemon.image == "/somewhere.jpg"


# ---- the kind of blur ----


def test_the_kind_of_blur(page: Page, daemon: PageDaemon) -> None:
    kind = page.get_by_label("Kind of blur")
    expect(kind).to_have_value("gaussian")
    kind.select_option("lens")
    assert eventually(page, lambda: daemon.changes == [("background.blur", "lens")])
    daemon.blur = "gaussian"
    expect(kind).to_have_value("gaussian")
    mode_button(page, "Colour").click()
    expect(kind).to_be_hidden()


# ---- framing and size ----


def test_framing_and_size(page: Page, daemon: PageDaemon) -> None:
    page.get_by_text("Camera, framing and size").first.click()
    across, zoom = page.get_by_label("Left to right"), page.get_by_label("Enlarge")
    expect(across).to_be_disabled()
    page.get_by_label("Follow the people").check()
    zoom.fill("2.5")
    expect(page.locator("#zoom-number")).to_have_text("2.50×")
    expect(across).to_be_enabled()
    across.fill("0.3")
    assert eventually(page, lambda: daemon.geometry["center"] == [0.3, 0.5])
    daemon.mirror = True
    expect(across).to_have_value("0.7")
    across.fill("0.9")
    page.get_by_label("Top to bottom").fill("0.25")
    assert eventually(page, lambda: daemon.geometry["center"] == [0.1, 0.25])
    page.get_by_label("Turn").select_option("right")
    page.get_by_label("Flip").select_option("top and bottom")
    page.get_by_label("Size of the output").select_option("1280×720")
    page.get_by_label("A camera of another shape").select_option("cover")
    page.get_by_label("Bars").select_option("black")
    wanted = {
        "rotate": 90,
        "flip": "vertical",
        "zoom": 2.5,
        "center": [0.1, 0.25],
        "follow": True,
        "width": 1280,
        "height": 720,
        "fit": "cover",
        "bars": "#000000",
    }
    assert eventually(page, lambda: daemon.geometry == wanted)
    daemon.geometry |= {"width": 854, "height": "auto", "bars": "#102030", "rotate": 0}
    expect(page.get_by_label("Turn")).to_have_value("0")
    expect(page.get_by_label("Size of the output")).to_have_value("854×auto")
    expect(page.get_by_label("Bars")).to_have_value("#102030")


# ---- mirror and pause ----


def test_mirror(page: Page, daemon: PageDaemon) -> None:
    mirror = page.get_by_role("checkbox", name="Mirror")
    expect(mirror).not_to_be_checked()
    mirror.focus()
    page.keyboard.press("Space")
    assert eventually(page, lambda: daemon.mirror)
    daemon.mirror = False
    expect(mirror).not_to_be_checked()
    assert daemon.changes == [("camera.mirror", True)]


def test_pause(page: Page, daemon: PageDaemon) -> None:
    pause = page.get_by_role("button", name="Pause")
    expect(pause).to_have_attribute("aria-pressed", "false")
    pause.click()
    expect(page.locator("#state")).to_have_text(
        "Paused: others see no live picture, the camera is off"
    )
    expect(pause).to_have_attribute("aria-pressed", "true")
    pause.click()
    expect(page.locator("#state")).to_have_text("Your background is hidden")
    assert daemon.changes == [("output.paused", True), ("output.paused", False)]
    daemon.paused = True
    expect(pause).to_have_attribute("aria-pressed", "true")
    shows = page.get_by_label("In a pause others see")
    expect(shows).to_have_value("card")
    shows.select_option("blurred")
    assert eventually(page, lambda: daemon.changes[-1] == ("output.pause_shows", "blurred"))
    daemon.pause_shows = "card"
    expect(shows).to_have_value("card")

"""The preview page in windows of any size, by keyboard, and its chart, in a real Chromium."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.web.browser import CHROMIUM
from support.web.page_daemon import PageDaemon, eventually, shot

pytest_plugins = ["support.web.page_fixtures"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_it_is_readable_in_any_window(
    page: Page, tmp_path: Path, scheme: str, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.get_by_role("button", name="Before and after").click()
    page.wait_for_timeout(300)
    picture = shot(page, tmp_path / f"{scheme}-{width}.png")
    corner = picture[-5:, :5].mean()
    assert corner < 60 if scheme == "dark" else corner > 200
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(wider) is False
    for element in ("#stage", "#views", "#settings"):
        box = page.locator(element).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height, f"{element} needs scrolling"
    for element in ("#numbers", "#histogram", "#chart"):
        box = page.locator(element).bounding_box()
        assert box
        assert box["width"] > 250
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    sizes = page.locator("dd, dt, text, figcaption, label, button").evaluate_all(
        "(all) => all.map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 12


def test_every_control_is_reached_by_keyboard_with_visible_focus(page: Page) -> None:
    def press(key: str) -> str:
        expect(page.locator("body")).not_to_have_class("lost")  # a busy machine may answer late
        page.keyboard.press(key)
        outlined = page.evaluate(
            """() => ["", "::after"].some((part) =>
                getComputedStyle(document.activeElement, part).outlineStyle === "solid")"""
        )
        reached = page.evaluate(
            """() => {
                const { id, tagName, innerText } = document.activeElement;
                return id || (tagName === "BUTTON" ? innerText : tagName);
            }"""
        )
        assert outlined, f"{reached} hides its focus"
        return str(reached)

    def path(key: str, times: int) -> list[str]:
        return [press(key) for _ in range(times)]

    modes = ["Blur", "Picture", "Colour", "None"]
    views = ["What others see", "Before and after", "Mask"]
    controls = [*views, *modes, "strength", "blur", "mirror", "pause", "pause-shows"]
    assert path("Tab", 14) == [*controls, "SUMMARY", "SUMMARY"]
    press("Enter")
    expect(page.locator("#stage-rows")).to_be_visible()
    assert press("Shift+Tab") == "SUMMARY"
    press("Enter")
    framing = ["camera", "follow", "zoom", "rotate", "flip", "output-size", "fit", "bars"]
    assert path("Tab", 8) == framing, "without the place of what is not enlarged"
    assert path("Shift+Tab", 9) == [*framing[-2::-1], "SUMMARY", "pause-shows"]
    assert path("Shift+Tab", 11) == controls[-2::-1]
    press("Tab")
    press("Space")
    assert path("Shift+Tab", 2) == [views[0], "divider"]
    page.get_by_role("button", name="Colour").click()
    assert path("Tab", 2) == ["None", "color"]
    page.get_by_role("button", name="Picture").click()
    expect(page.locator("#picture")).to_be_focused()
    assert press("Tab") == "Use it"


def test_the_focus_returns_after_a_daemon_did_not_answer(page: Page) -> None:
    page.locator("#strength").focus()
    page.evaluate("() => { window.real = fetch; window.fetch = () => Promise.reject(Error()); }")
    expect(page.locator("body")).to_have_class("lost")
    expect(page.locator("#strength")).to_be_disabled()
    page.evaluate("() => { window.fetch = window.real; }")
    expect(page.locator("body")).not_to_have_class("lost")
    expect(page.locator("#strength")).to_be_focused()


# ---- the chart ----

STAGES = ("capture", "upload", "inference", "smoothing", "edges", "blur", "colour", "publish")


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].map((element) => {
            const { left, right, top, bottom } = element.getBoundingClientRect();
            return { left, right, top, bottom };
        })""",
        selector,
    )
    return found


@pytest.mark.parametrize("width", [1100, 360])
def test_each_line_of_the_chart_has_its_name_beside_it(
    page: Page, daemon: PageDaemon, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    daemon.stages = dict.fromkeys(STAGES, 0.6) | {"inference": 31.0, "capture": 33.0}
    names = page.locator("#chart .name")
    expect(names).to_have_count(len(STAGES))
    assert set(names.all_text_contents()) == {
        *(f"{stage} 0.6" for stage in STAGES if stage not in {"inference", "capture"}),
        "inference 31",
        "capture 33",
    }
    (chart,) = boxes(page, "#chart")
    placed = sorted(boxes(page, "#chart .name"), key=lambda box: box["top"])
    assert all(above["bottom"] <= below["top"] + 1 for above, below in pairwise(placed))
    for box in placed:
        assert box["right"] <= chart["right"]
        assert chart["top"] <= box["top"]
        assert box["bottom"] <= chart["bottom"]
    dashes = page.evaluate(
        """() => [...document.querySelectorAll("#chart .stage")]
            .map((line) => getComputedStyle(line).strokeDasharray)"""
    )
    assert len(set(dashes)) == len(STAGES), "told apart without colour"


def test_the_chart_has_a_minutes_history(page: Page, daemon: PageDaemon) -> None:
    def points() -> list[list[float]]:
        d = page.locator("#chart .k0").first.get_attribute("d") or ""
        return [[float(number) for number in part.split()] for part in re.split("[ML]", d)[1:]]

    daemon.stages = {"inference": 10.0}
    assert eventually(page, lambda: len(points()) >= 3)
    daemon.stages = {"inference": 40.0}
    assert eventually(page, lambda: points()[-1][1] < points()[0][1] - 50), "upwards is slower"
    assert points()[0][0] < points()[-1][0]
    daemon.fps = 0.0
    page.wait_for_timeout(600)
    at_rest = len(points())
    page.wait_for_timeout(1200)
    assert len(points()) <= at_rest + 1, "old numbers are no news"
    daemon.fps = 30.0

    page.evaluate("""() => {
        const now = performance.now.bind(performance);
        performance.now = () => now() + 61_000;
    }""")
    assert eventually(page, lambda: len(points()) < 3), "what is older than a minute goes"


def test_the_chart_has_a_table_and_a_label_for_screen_readers(page: Page) -> None:
    expect(page.get_by_role("img", name="Median time in each stage")).to_be_visible()
    page.get_by_text("Stages as a table").click()
    row = page.get_by_role("row", name="inference")
    expect(row.get_by_role("cell")).to_have_text(["inference", "14 ms", "28 ms"])


@pytest.mark.parametrize("width", [1100, 360])
def test_the_histogram_shows_each_bar_and_says_the_highest(
    page: Page, daemon: PageDaemon, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    daemon.bars = [0, 1, 150, *(0,) * 16, 49]
    drawn = page.get_by_role("img", name="150 of 200 frames took 10 to 15 ms")
    expect(drawn).to_be_visible()
    (ground,) = boxes(page, "#histogram .grid")
    bars = boxes(page, "#histogram .bar")
    assert len(bars) == len(daemon.bars)
    assert all(left["right"] <= right["left"] for left, right in pairwise(bars))
    heights = [round(ground["top"] - bar["top"], 1) for bar in bars]
    assert [height > 0 for height in heights] == [count > 0 for count in daemon.bars]
    assert heights[19] == pytest.approx(heights[2] * 49 / 150, abs=2)
    assert heights[1] >= 2, "one frame among hundreds shows"
    scale = page.locator("#histogram .scale").all_text_contents()
    assert scale == ["0", "25", "50", "75", "95+"]
    texts = sorted(boxes(page, "#histogram .scale"), key=lambda box: box["left"])
    assert all(left["right"] < right["left"] for left, right in pairwise(texts))
    daemon.bars = [0] * 19 + [7]
    expect(page.get_by_role("img", name="7 of 7 frames took 95 ms or more")).to_be_visible()

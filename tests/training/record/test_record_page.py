"""The recording page in a real Chromium, with the demo source as the camera."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from support.web.browser import CHROMIUM
from support.web.page_fixtures import watch_console

from bgblur.frame import Alpha, Image
from bgblur.sources.demo import DemoSource
from bgblur.training.record.folder import RecordFolder
from bgblur.training.record.page import RecordPage
from bgblur.training.record.record import RecordPlan

pytest_plugins = ["support.web.page_fixtures"]
WIDTH, HEIGHT = 320, 180


def left_half(image: Image) -> Alpha:
    alpha = np.zeros(image.shape[:2], np.float32)
    alpha[:, : image.shape[1] // 2] = 1
    return alpha


@pytest.fixture
def folder(tmp_path: Path) -> RecordFolder:
    return RecordFolder(tmp_path)


@pytest.fixture
def session(folder: RecordFolder) -> Iterator[RecordPage]:
    plan = RecordPlan(3, 0.05, False, 0)
    session = RecordPage(DemoSource(WIDTH, HEIGHT), left_half, folder, plan)
    thread = threading.Thread(target=session.run)
    thread.start()
    yield session
    session.finish()
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def record_page(context: BrowserContext, session: RecordPage) -> Iterator[Page]:
    page = context.new_page()
    complaints = watch_console(page)
    page.goto(session.url)
    yield page
    assert complaints == []


def mask_of(folder: RecordFolder, name: str) -> Image:
    mask = cv2.imread(str(folder.root / "masks" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert mask.shape == (HEIGHT, WIDTH)
    return mask.astype(np.uint8, copy=False)


def test_only_the_secret_address_works(session: RecordPage) -> None:
    base = session.url.partition("?")[0]
    for path in ("", "stream", "api/state", "api/picture/0001", "record.js"):
        assert httpx.get(base + path, trust_env=False).status_code == 403


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_take_review_and_finish(record_page: Page, folder: RecordFolder) -> None:
    page = record_page
    expect(page.locator("#guide")).to_contain_text("press Start")
    expect(page.locator("#stream")).to_be_visible()
    page.get_by_role("button", name="Start").click()

    # After the last picture the review opens by itself.
    expect(page.locator("#which")).to_contain_text("Picture 0001, 1 of 3")
    expect(page.locator("#review")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("a")
    expect(page.locator("#which")).to_contain_text("Picture 0002, 1 of 2")
    taken = mask_of(folder, "0001")
    assert (taken[:, : WIDTH // 2] == 255).all()
    assert (taken[:, WIDTH // 2 :] == 0).all()

    # Erase a stroke down the left quarter, and add one down the right quarter.
    expect(page.locator("#review")).to_have_attribute("aria-busy", "false")
    box = page.locator("#picture").bounding_box()
    assert box is not None
    for key, share in (("2", 0.25), ("1", 0.75)):
        page.keyboard.press(key)
        x = box["x"] + share * box["width"]
        page.mouse.move(x, box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(x, box["y"] + 0.8 * box["height"], steps=4)
        page.mouse.up()
    page.keyboard.press("a")
    expect(page.locator("#which")).to_contain_text("Picture 0003")
    edited = mask_of(folder, "0002")
    assert (edited[60:120, 80] == 0).all()
    assert (edited[60:120, 240] == 255).all()
    assert (edited[:, 130:150] == 255).all()

    expect(page.locator("#review")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("r")
    expect(page.locator("#which")).to_contain_text("No pictures to review")
    expect(page.locator("#counts")).to_contain_text("2 accepted")
    assert folder.waiting() == []
    page.locator("#finish").click()
    expect(page.locator("#problem")).to_contain_text("2 pictures are ready")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_no_person_undo_and_the_arrows(record_page: Page, folder: RecordFolder) -> None:
    page = record_page
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#which")).to_contain_text("Picture 0001")
    expect(page.locator("#review")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#which")).to_contain_text("Picture 0002, 2 of 3")
    expect(page.locator("#review")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("n")
    page.keyboard.press("u")
    page.keyboard.press("n")
    page.keyboard.press("a")
    expect(page.locator("#which")).to_contain_text("Picture 0003")
    assert (mask_of(folder, "0002") == 0).all()
    assert [shot.name for shot in folder.waiting()] == ["0001", "0003"]

    expect(page.locator("#review")).to_have_attribute("aria-busy", "false")
    for key in 25 * "n" + 20 * "u" + "a":  # more strokes than can be undone
        page.keyboard.press(key)
    expect(page.locator("#which")).to_contain_text("Picture 0001")
    assert (mask_of(folder, "0003") == 0).all()

#!/usr/bin/env python3
"""Makes the pictures of docs/ from the public-domain portrait of the demo.

before-after is the picture of the README; page and tray are screenshots of the real programs in
Chromium and in a panel under Xvfb; explain and bench are what those commands write.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image as Pillow

from bgblur.frame import Image
from bgblur.sources.demo import DemoSource

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
COMMAND = [sys.executable, "-m", "bgblur"]
COLORS = 256  # in a palette, which makes a file smaller
FULL_COLOR = {"before-after"}
LAMPS = (
    *((60, 90), (150, 190), (250, 70), (300, 330), (110, 400), (220, 500)),
    *((860, 310), (900, 120), (1010, 60), (1040, 400), (1120, 200), (1215, 80), (1200, 350)),
)
LIGHTS = ((210, 240, 255), (120, 200, 255), (255, 220, 190))
HAIR, HAIR_AT = (240, 300), (345, 40)  # width and height, left and top of what is shown of hair
CHART_SECONDS = 50.0  # of measurements that the page's chart shows

sys.path.insert(0, str(ROOT / "tests"))  # the browser and the desktop that the tests use


def before_after(folder: Path) -> Image:
    """The camera's picture, its alpha, and what others see."""
    photo = folder / "demo.png"
    before = DemoSource(1280, 720).picture(seconds=1.5)
    cv2.imwrite(str(photo), before)
    _run(folder, "image", photo.name, "--out-dir", "out", "--save", "composite,alpha")
    panels = [
        cv2.resize(panel, (560, 315), interpolation=cv2.INTER_AREA)
        for panel in (before, _read(folder / "out/demo_alpha.png"), _read(folder / "out/demo.png"))
    ]
    gap = np.full((315, 8, 3), 255, np.uint8)
    return np.hstack([panels[0], gap, panels[1], gap, panels[2]])


def lens(folder: Path) -> Image:
    """The same picture with both kinds of blur: the room at night, with lamps drawn into it."""
    photo = folder / "demo.png"
    scene = DemoSource(1280, 720).picture(seconds=1.5)
    cv2.imwrite(str(photo), scene)
    _run(folder, "image", photo.name, "--out-dir", "day", "--save", "alpha")
    person = _read(folder / "day/demo_alpha.png") / 255
    dark = 0.2 * scene
    for number, (x, y) in enumerate(LAMPS):
        cv2.circle(dark, (x, y), 8, LIGHTS[number % len(LIGHTS)], -1, cv2.LINE_AA)
    cv2.imwrite(str(photo), (scene * person + dark * (1 - person)).astype(np.uint8))
    panels = []
    for kind in ("gaussian", "lens"):
        _run(folder, "image", photo.name, "--out-dir", kind, "--blur", kind, "--strength", "100")
        shown = _read(folder / kind / "demo.png")
        panels.append(cv2.resize(shown, (480, 270), interpolation=cv2.INTER_AREA))
    return np.hstack([panels[0], np.full((270, 8, 3), 255, np.uint8), panels[1]])


def hair(folder: Path) -> Image:
    """The outline of hair at full size: the camera's picture; alpha of the live network at 160 rows
    without and with the guided filter; alpha of a photo."""
    photo = folder / "demo.png"
    scene = DemoSource(1280, 720).picture(seconds=1.5)
    cv2.imwrite(str(photo), scene)
    panels = [scene]
    for name, mask, engine, quality in (
        ("plain", "refine_edges = false", "input_height = 160", "fast"),
        ("filter", "refine_edges = true", "input_height = 160", "fast"),
        ("best", "refine_edges = true", "", "best"),
    ):
        config = folder / f"{name}.toml"
        config.write_text(f'[mask]\n{mask}\n[engine]\ndevice = "cpu"\n{engine}\n')
        options = ("--config", config.name, "--quality", quality, "--save", "alpha")
        _run(folder, "image", photo.name, "--out-dir", name, *options)
        panels.append(_read(folder / name / "demo_alpha.png"))
    gap = np.full((HAIR[1], 8, 3), 255, np.uint8)
    left, top = HAIR_AT
    cut = [panel[top : top + HAIR[1], left : left + HAIR[0]] for panel in panels]
    return np.hstack([cut[0], *(part for panel in cut[1:] for part in (gap, panel))])


def explain(folder: Path) -> Image:
    photo = folder / "portrait.png"
    cv2.imwrite(str(photo), DemoSource(1280, 720).picture(seconds=1.5))
    _run(folder, "image", photo.name, "--out-dir", "out", "--explain")
    return _read(folder / "out/portrait_explain.png")


def bench(folder: Path) -> Image:
    _run(folder, "bench", "--seconds", "4", "--repeat", "2", "--plot", "bench.png")
    return _read(folder / "bench.png")


def page(folder: Path) -> Image:
    """The preview page, divided between before and after."""
    from playwright.sync_api import expect, sync_playwright
    from support.web.browser import ARGUMENTS, CHROMIUM

    with _daemon(folder) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        window = browser.new_page(viewport={"width": 1000, "height": 1010})
        window.goto(url)
        expect(window.locator("#state")).to_have_attribute("data-state", "blurring", timeout=60_000)
        window.locator("[data-view=compare]").click()
        window.wait_for_timeout(CHART_SECONDS * 1000)
        window.screenshot(path=folder / "page.png", full_page=True)
        browser.close()
    return _read(folder / "page.png")


def tray(folder: Path) -> Image:
    """The open menu below its icon."""
    from support.tray.desktop import ICON, Desktop, eventually

    with _daemon(folder), Desktop(folder) as desktop:
        desktop.env |= _home(folder)
        desktop.bgblur("tray")
        if not eventually(lambda: desktop.icon().std() > 20, within=60):
            raise SystemExit("the tray's icon does not come")
        if not eventually(lambda: _state(folder) == "blurring", within=60):
            raise SystemExit("the daemon does not blur")
        time.sleep(2)  # the tray has seen it by then, and has listed the cameras
        desktop.open_menu()
        time.sleep(1)
        desktop.mouse("mousemove", 5, 5)
        time.sleep(0.5)
        screen = desktop.shot()
    menu = np.argwhere(screen[ICON + 2 :].max(axis=2) > 20)  # the desktop is black
    bottom, left = ICON + 2 + int(menu[:, 0].max()), int(menu[:, 1].min())
    return screen[: bottom + 1, max(0, left - 4) :]


# Each with its greatest width in pixels.
PICTURES: dict[str, tuple[Callable[[Path], Image], int]] = {
    "before-after": (before_after, 1696),
    "lens": (lens, 968),
    "hair": (hair, 984),
    "page": (page, 1000),
    "tray": (tray, 800),
    "explain": (explain, 1100),
    "bench": (bench, 1000),
}


@contextmanager
def _daemon(folder: Path) -> Iterator[str]:
    """The demo in the preview page, at the address given."""
    options = ["--device", "demo", "--output", "web"]
    process = subprocess.Popen(
        [*COMMAND, *options], env=_env(folder), stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://\S+", line):
                yield found[0]
                return
        raise SystemExit("the daemon says no address")
    finally:
        process.terminate()
        process.wait(20)


def _state(folder: Path) -> str | None:
    """Of the daemon in ``folder``; None where it has not written its status yet."""
    done = subprocess.run(
        [*COMMAND, "status", "--json"], env=_env(folder), capture_output=True, text=True, check=True
    )
    runs = json.loads(done.stdout)["runs"]
    return str(runs[0]["state"]) if runs else None


def _run(folder: Path, *arguments: str) -> None:
    subprocess.run([*COMMAND, *arguments], cwd=folder, env=_env(folder), check=True)


def _env(folder: Path) -> dict[str, str]:
    return {**os.environ, **_home(folder), "PYTHONPATH": str(ROOT)}


def _home(folder: Path) -> dict[str, str]:
    """Nobody's own settings."""
    return {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "STATE")}


def _read(path: Path) -> Image:
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"cannot read {path}")
    return picture.astype(np.uint8, copy=False)


def _write(picture: Image, target: Path, widest: int) -> None:
    """As a PNG at most ``widest`` pixels wide, all but FULL_COLOR with a palette."""
    image = Pillow.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    if image.width > widest:
        height = round(image.height * widest / image.width)
        image = image.resize((widest, height), Pillow.Resampling.LANCZOS)
    if target.stem not in FULL_COLOR:
        palette = image.quantize(COLORS, Pillow.Quantize.MEDIANCUT)
        image = image.quantize(palette=palette, dither=Pillow.Dither.FLOYDSTEINBERG)
    image.save(target, optimize=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}")
    names = parser.parse_args().names or list(PICTURES)
    for name in names:
        if name not in PICTURES:
            parser.error(f'there is no picture "{name}": name some of {", ".join(PICTURES)}')
    for name in names:
        make, widest = PICTURES[name]
        with TemporaryDirectory() as folder:
            _write(make(Path(folder)), DOCS / f"{name}.png", widest)


if __name__ == "__main__":
    main()

"""README and docs: short enough, linked throughout, true to files, rooms and keys."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from support.docs.markdown import PAPERS, ROOT, anchors, blocks, inline_code, links, prose, tables

from bgblur.api import Options
from bgblur.config.settings import Settings

IN_DOCS = [pytest.param(paper, id=str(paper.relative_to(ROOT))) for paper in PAPERS]
PLACES = ("bgblur/", "tests/", "scripts/", "docs/", "configs/")
PICTURES_MB = 1.5


def test_readme_is_at_most_900_words() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 900


@pytest.mark.parametrize("paper", IN_DOCS)
def test_links_lead_somewhere(paper: Path) -> None:
    lost = []
    for link in links(paper):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (paper.parent / file).resolve() if file else paper
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("paper", IN_DOCS)
def test_named_files_exist(paper: Path) -> None:
    named = [
        word
        for code in inline_code(paper)
        for word in re.findall(r"(?<![\w./-])[\w./*-]+", code)
        if word.startswith(PLACES) and not re.search("NAME|ROOM", word)
    ]
    assert [name for name in named if not list(ROOT.glob(name.rstrip("./")))] == []


def test_docs_are_all_linked_from_the_readme() -> None:
    linked = set(links(ROOT / "README.md")) | set(links(ROOT / "docs/training.md"))
    papers = {paper.name for paper in (ROOT / "docs").glob("*.md")}
    assert {name for name in papers if not {f"docs/{name}", name} & linked} == set()


def test_pictures_are_used_and_small() -> None:
    pictures = sorted((ROOT / "docs").glob("*.png"))
    used = {(paper.parent / link).resolve() for paper in PAPERS for link in links(paper)}
    assert [picture.name for picture in pictures if picture not in used] == []
    assert sum(picture.stat().st_size for picture in pictures) < PICTURES_MB * 1e6


def test_every_room_is_in_the_plan_of_the_house() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8").split("## The rooms")[1]
    planned = [row[0].strip("`") for row in tables(text.split("\n## ")[0])][2:]
    rooms = {
        f"{init.parent.relative_to(ROOT).as_posix()}/"
        for init in (ROOT / "bgblur").rglob("__init__.py")
    }
    assert sorted(planned) == sorted(rooms | {"bgblur/weights/"})


def test_the_layers_are_those_that_are_checked() -> None:
    shown = [
        block.text.splitlines()
        for block in blocks(ROOT / "docs/architecture.md")
        if block.language == "text"
    ]
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = checked["tool"]["importlinter"]["contracts"]
    assert shown == [contract["layers"] for contract in contracts if contract["type"] == "layers"]


def test_every_key_is_documented_with_its_default() -> None:
    documented = {
        row[0].strip("`"): row[1].strip("`")
        for row in tables((ROOT / "docs/configuration.md").read_text("utf-8"))
        if re.fullmatch(r"`\w+\.\w+`", row[0])
    }
    keys = {
        f"{area}.{key}": json.dumps(value, ensure_ascii=False)
        for area, values in Settings().model_dump().items()
        for key, value in values.items()
    }
    keys["tray.presets"] = ", ".join(f"{p.name} {p.strength}" for p in Settings().tray.presets)
    assert documented == keys


def test_every_option_of_the_api_is_documented() -> None:
    text = (ROOT / "docs/api.md").read_text("utf-8").split("## Options")[1].split("\n## ")[0]
    documented = [row[0].strip("`") for row in tables(text)][2:]
    assert sorted(documented) == sorted(Options.__annotations__)


# Of an older style of this project; CONTRIBUTING.md quotes some of them.
RETIRED = r"\b(anew|mend\w*|be had|given on|whoever|told|tells)\b"


@pytest.mark.parametrize("paper", IN_DOCS)
def test_words_are_plain(paper: Path) -> None:
    if paper.name == "training-log.md":
        pytest.skip("it has a history")
    lines = [line for line in prose(paper).splitlines() if not line.startswith("| ")]
    assert [line for line in lines if re.search(RETIRED, line)] == []


@pytest.mark.parametrize("paper", IN_DOCS)
def test_named_objects_are_in_their_files(paper: Path) -> None:
    pairs = re.findall(
        r"`([A-Za-z_.]+)`(?: protocol)? (?:in|of) `(bgblur/[\w/]+\.py)`", prose(paper)
    )
    lost = [
        f"{name} in {file}"
        for name, file in pairs
        if not re.search(rf"\b{name.split('.')[-1]}\b", (ROOT / file).read_text("utf-8"))
    ]
    assert lost == []

"""Dependencies have bounds, and the weights match their checksums."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bgblur.segmentation.contract import contract_of
from bgblur.segmentation.ladder import TABLE
from bgblur.segmentation.models import WEIGHTS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASKED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *(line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines),
]
MODELS = (".ts", ".xml", ".bin")  # TorchScript, and OpenVINO's IR in two files


@pytest.mark.parametrize("line", ASKED)
def test_every_dependency_is_bound_to_known_major_versions(line: str) -> None:
    wanted = Requirement(line)
    if wanted.name == PROJECT["project"]["name"]:
        return  # the extra that includes the others
    assert wanted.url is None, "it must come from the package index"
    bounds = {bound.operator: Version(bound.version) for bound in wanted.specifier}
    assert set(bounds) == {">=", "<"}
    below, least = bounds["<"], bounds[">="]
    assert below.release[1:] in ((), (0,)), "the bound must be a major version"
    assert least < below


def test_every_model_has_a_checksum_and_every_checksum_a_model() -> None:
    lines = (WEIGHTS / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert len(sums) == len(lines)
    models = {path.name: path for ending in MODELS for path in WEIGHTS.glob(f"*{ending}")}
    assert sums.keys() == models.keys()
    for name, path in models.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sums[name]
    others = [path.name for path in WEIGHTS.iterdir() if path.suffix not in (*MODELS, ".md", "")]
    assert others == [TABLE.name]
    for ir in WEIGHTS.glob("*.xml"):
        assert ir.with_suffix(".bin").is_file()
        script = ir.with_suffix(".ts")
        if not script.is_file():  # int8 for OpenVINO alone
            script = script.with_stem(ir.stem.removesuffix("-int8"))
        assert contract_of(ir).stages == contract_of(script).stages
    assert max(path.stat().st_size for path in models.values()) < 30e6

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from bgblur.config.settings import Settings
from bgblur.machine.checks import Check, exit_code
from bgblur.machine.checks.software import check_config, check_packages, check_python


def test_this_python_and_its_packages_pass() -> None:
    assert check_python().status == "ok"
    check = check_packages()
    assert check.status == "ok", check
    assert f"torch {version('torch')}" in check.detail


def test_missing_and_wrong_packages_are_named_with_the_command() -> None:
    check = check_packages(["numpy>=999", "no-such-thing>=1", "pytest; extra == 'dev'", "rich>=1"])
    assert check.status == "fail"
    assert f"numpy is {version('numpy')}, but must be >=999" in check.detail
    assert "no-such-thing is missing" in check.detail
    assert "rich" not in check.detail
    assert check.fix is not None
    assert check.fix.endswith("-m pip install 'numpy>=999' 'no-such-thing>=1'")


def test_a_requirement_of_another_system_is_left_out() -> None:
    assert check_packages(["no-such-thing; sys_platform == 'amiga'"]).status == "ok"


def test_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[background]\nstrength = 35\n")
    check, settings = check_config(path)
    assert check.status == "ok"
    assert settings.background.strength == 35
    path.write_text("[background]\nstrength = 350\n")
    check, settings = check_config(path)
    assert (check.status, check.exit_code) == ("fail", 2)
    assert "line 2" in check.detail
    assert settings == Settings()


def test_the_exit_code_is_the_failures_common_one() -> None:
    fine, warning = Check("ok", "a", ""), Check("warn", "b", "", None, 4)
    camera, output = Check("fail", "c", "", None, 3), Check("fail", "d", "", None, 4)
    assert exit_code([]) == exit_code([fine, warning]) == 0
    assert exit_code([fine, camera, warning, camera]) == 3
    assert exit_code([output]) == 4
    assert exit_code([camera, output]) == 1
    assert exit_code([Check("fail", "e", "")]) == 1

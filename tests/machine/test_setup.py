"""Each test has its own root folder. Files are written there; modprobe is not run."""

from __future__ import annotations

import os
import platform
import stat
from pathlib import Path

import pytest
from support.machine_tree import DEBIAN, Commands, loopback, machine, node

from bgblur.errors import OutputError
from bgblur.machine.setup import (
    LOAD_FILE,
    MARK,
    OPTIONS_FILE,
    Execute,
    Plan,
    Remove,
    Write,
    carry_out,
    describe,
    elevation,
    plan_setup,
    plan_undo,
    ready,
)
from bgblur.machine.system import System

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="setup is for Linux")

LOAD, UNLOAD = ["modprobe", "v4l2loopback"], ["modprobe", "-r", "v4l2loopback"]
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def installed() -> Commands:
    return Commands(version="0.13.2", modprobe="")


def options(number: int) -> str:
    line = f"options v4l2loopback exclusive_caps=1 card_label=bgblur video_nr={number}"
    return f"{MARK}\n{line}\n"


def executed(plan: Plan) -> list[list[str]]:
    return [step.argv for step in plan.steps if isinstance(step, Execute)]


def written(plan: Plan) -> dict[str, str]:
    return {step.path: step.text for step in plan.steps if isinstance(step, Write)}


def refusal(system: System, number: int | None = None) -> str:
    with pytest.raises(OutputError) as caught:
        plan_setup(system, number)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4
    return str(caught.value)


def files_of(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


# ------------------------------------------------------------ setting up


def test_a_fresh_machine(tmp_path: Path) -> None:
    commands = installed()
    system = machine(tmp_path, DEBIAN, node(0, "HD Webcam"), run=commands)
    plan = plan_setup(system)
    assert written(plan) == {OPTIONS_FILE: options(10), LOAD_FILE: f"{MARK}\nv4l2loopback\n"}
    assert executed(plan) == [LOAD]
    assert isinstance(plan.steps[-1], Execute)  # modprobe reads the options

    carry_out(plan, system, commands, [])
    assert system.path(OPTIONS_FILE).read_text() == options(10)
    assert system.path(LOAD_FILE).read_text() == f"{MARK}\nv4l2loopback\n"
    assert commands.of("modprobe") == [LOAD]
    for path in (OPTIONS_FILE, LOAD_FILE):
        assert stat.S_IMODE(system.path(path).stat().st_mode) == 0o644
        assert len(list(system.path(path).parent.iterdir())) == 1  # nothing left beside it


def test_planning_changes_nothing(tmp_path: Path) -> None:
    commands = installed()
    system = machine(tmp_path, DEBIAN, loopback(nodes={4: "OBS"}), run=commands)
    before = files_of(tmp_path)
    describe(plan_setup(system), ["sudo"])
    plan_undo(system)
    assert files_of(tmp_path) == before
    assert {argv[0] for argv in commands.ran} == {"modinfo"}


def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    system = machine(tmp_path, DEBIAN, run=installed())
    carry_out(plan_setup(system), system, installed(), [])
    machine(tmp_path, loopback())  # what the kernel shows then
    assert plan_setup(system) == Plan()
    assert plan_setup(system, 10) == Plan()


def test_numbers(tmp_path: Path) -> None:
    system = machine(tmp_path, node(10, "codec"), node(11, "codec"), run=installed())
    assert written(plan_setup(system))[OPTIONS_FILE] == options(12)
    assert written(plan_setup(system, 20))[OPTIONS_FILE] == options(20)
    assert "/dev/video11 belongs to another device" in refusal(system, 11)
    machine(tmp_path, {OPTIONS_FILE: options(42)})
    assert OPTIONS_FILE not in written(plan_setup(system))  # the number of the last time stays


def test_a_device_that_suits_is_kept(tmp_path: Path) -> None:
    """Loaded by hand, as the README said: its number is made permanent."""
    system = machine(tmp_path, loopback(nodes={3: "bgblur"}, refcnt=1), run=installed())
    plan = plan_setup(system)
    assert written(plan)[OPTIONS_FILE] == options(3)
    assert executed(plan) == []


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (loopback(nodes={4: "OBS Virtual Camera"}), "OBS Virtual Camera (/dev/video4)"),
        (loopback(nodes={4: "bgblur"}, exclusive="N"), "bgblur (/dev/video4)"),
    ],
    ids=["another label", "not exclusive"],
)
def test_other_options_are_replaced_only_while_nobody_uses_them(
    tmp_path: Path, files: dict[str, str], names: str
) -> None:
    system = machine(tmp_path, files, run=installed())
    plan = plan_setup(system)
    assert executed(plan) == [UNLOAD, LOAD]
    assert any(names in note for note in plan.notes)
    machine(tmp_path, {"/sys/module/v4l2loopback/refcnt": "1\n"})
    message = refusal(system)
    assert names in message
    assert "end that program" in message


def test_another_number_does_not_unload_a_module_in_use(tmp_path: Path) -> None:
    system = machine(tmp_path, loopback(), run=installed())
    assert executed(plan_setup(system, 10)) == []
    assert executed(plan_setup(system, 12)) == [UNLOAD, LOAD]
    machine(tmp_path, {"/sys/module/v4l2loopback/refcnt": "1\n"})
    assert "a program uses it" in refusal(system, 12)


def test_without_the_module_its_package_is_named(tmp_path: Path) -> None:
    assert "sudo apt install v4l2loopback-dkms" in refusal(machine(tmp_path / "a", DEBIAN))
    fedora = {"/etc/os-release": "ID=fedora\n"}
    assert "sudo dnf install" in refusal(machine(tmp_path / "b", fedora))
    source = {"/usr/src/v4l2loopback-0.12.7/dkms.conf": ""}
    assert "not built for the running kernel" in refusal(machine(tmp_path / "c", DEBIAN, source))


# ------------------------------------------------------------ what others wrote


@pytest.mark.parametrize("path", [OPTIONS_FILE, LOAD_FILE])
def test_a_file_of_the_users_is_never_overwritten(tmp_path: Path, path: str) -> None:
    mine = "options v4l2loopback devices=2\n"
    system = machine(tmp_path, {path: mine}, run=installed())
    assert f"bgblur did not write {path}" in refusal(system)
    assert plan_undo(system).steps == []
    assert any(path in note for note in plan_undo(system).notes)
    assert system.path(path).read_text() == mine


def test_a_file_of_ours_that_was_edited_is_shown_and_written_again(tmp_path: Path) -> None:
    edited = {OPTIONS_FILE: f"{MARK}\noptions v4l2loopback video_nr=7 exclusive_caps=0\n"}
    system = machine(tmp_path, edited, run=installed())
    assert written(plan_setup(system))[OPTIONS_FILE] == options(7)


@pytest.mark.parametrize("path", ["/etc/modprobe.d/a.conf", "/usr/lib/modprobe.d/v4l2.conf"])
def test_options_elsewhere_that_would_override_ours_are_named(tmp_path: Path, path: str) -> None:
    system = machine(tmp_path, {path: "options v4l2loopback devices=2\n"}, run=installed())
    assert f"{path} has options for v4l2loopback already" in refusal(system)


def test_sufficient_options_of_the_user_stay(tmp_path: Path) -> None:
    path = "/etc/modprobe.d/mine.conf"
    mine = "options v4l2loopback exclusive_caps=1 card_label=bgblur video_nr=10\n"
    system = machine(tmp_path, {path: mine}, run=installed())
    plan = plan_setup(system)
    assert list(written(plan)) == [LOAD_FILE]
    assert plan.notes == [f"{path} has the needed options: it stays unchanged"]


def test_options_elsewhere_that_do_not_matter(tmp_path: Path) -> None:
    vendor = "/usr/lib/modprobe.d/98-v4l2loopback.conf"
    others = {
        vendor: "options v4l2loopback exclusive_caps=1\n",
        "/etc/modprobe.d/z.conf": "# options v4l2loopback devices=2\noptions uvcvideo quirks=2\n",
    }
    system = machine(tmp_path, others, run=installed())
    (tmp_path / "lib").symlink_to("usr/lib")
    (note,) = plan_setup(system).notes
    assert vendor in note


# ------------------------------------------------------------ taking it away


def test_undo_removes_what_setup_installed(tmp_path: Path) -> None:
    commands = installed()
    system = machine(tmp_path, DEBIAN, run=commands)
    before = files_of(tmp_path)
    carry_out(plan_setup(system), system, commands, [])
    plan = plan_undo(system)
    assert plan.steps == [Remove(OPTIONS_FILE), Remove(LOAD_FILE)]  # it was never really loaded
    carry_out(plan, system, commands, [])
    assert files_of(tmp_path) == before
    assert plan_undo(system) == Plan()


@pytest.mark.parametrize(
    ("files", "unloads", "note"),
    [
        (loopback(), True, None),
        (loopback(refcnt=2), False, "until the next restart"),
        (loopback(nodes={4: "OBS", 10: "bgblur"}), False, "OBS (/dev/video4) is not bgblur's"),
    ],
    ids=["ours", "in use", "with another's"],
)
def test_undo_leaves_what_is_in_use(
    tmp_path: Path, files: dict[str, str], unloads: bool, note: str | None
) -> None:
    system = machine(tmp_path, files, {OPTIONS_FILE: options(10)}, run=installed())
    plan = plan_undo(system)
    assert (UNLOAD in executed(plan)) is unloads
    assert note is None or any(note in line for line in plan.notes)


def test_undo_without_a_setup_leaves_the_module(tmp_path: Path) -> None:
    assert plan_undo(machine(tmp_path, loopback(), run=installed())) == Plan()


# ------------------------------------------------------------ showing and doing


def test_the_plan_is_shown_whole(tmp_path: Path) -> None:
    system = machine(tmp_path, loopback(nodes={4: "OBS"}), run=installed())
    assert describe(plan_setup(system, 10), ["sudo"]) == [
        f"write {OPTIONS_FILE}:",
        *(f"    {line}" for line in options(10).splitlines()),
        f"write {LOAD_FILE}:",
        f"    {MARK}",
        "    v4l2loopback",
        "run sudo modprobe -r v4l2loopback",
        "run sudo modprobe v4l2loopback",
        "note: unloads OBS (/dev/video4); no program uses it now",
    ]


def test_every_step_uses_sudo_where_it_is_needed(tmp_path: Path) -> None:
    commands = Commands(version="0.13.2", sudo="")
    system = machine(tmp_path, run=commands)
    plan = plan_setup(system)
    commands.ran.clear()
    carry_out(plan, system, commands, ["sudo"])
    assert {argv[0] for argv in commands.ran} == {"sudo"}
    assert commands.ran[-1] == ["sudo", *LOAD]
    assert not system.path(OPTIONS_FILE).exists()  # sudo was not real: nothing went past it


def test_a_step_that_fails_ends_it(tmp_path: Path) -> None:
    commands = Commands(version="0.13.2")  # modprobe fails
    system = machine(tmp_path, run=commands)
    with pytest.raises(OutputError) as caught:
        carry_out(plan_setup(system), system, commands, [])
    assert str(caught.value) == (
        "`modprobe v4l2loopback` failed (modprobe: ERROR: no luck with modprobe)"
    )


def test_a_refused_module_under_secure_boot_says_so(tmp_path: Path) -> None:
    commands = Commands(version="0.13.2")
    system = machine(tmp_path, {SECURE_BOOT: "", "/var/lib/dkms/mok.pub": ""}, run=commands)
    system.path(SECURE_BOOT).write_bytes(b"\6\0\0\0\1")
    with pytest.raises(OutputError, match=r"mokutil --import /var/lib/dkms/mok\.pub"):
        carry_out(plan_setup(system), system, commands, [])


def test_a_folder_that_cannot_be_written_leaves_no_incomplete_file(tmp_path: Path) -> None:
    system = machine(tmp_path, {"/etc/modprobe.d": "a file, where a folder should be"})
    with pytest.raises(OutputError, match="install"):
        carry_out(Plan([Write(OPTIONS_FILE, "x")]), system, Commands(), [])
    assert files_of(tmp_path).keys() == {"etc/modprobe.d"}


def test_ready_names_the_device(tmp_path: Path) -> None:
    system = machine(tmp_path, loopback("0.13.2", {12: "bgblur"}))
    assert ready(system).startswith("/dev/video12 is ready")
    with pytest.raises(OutputError, match="no bgblur device appeared"):
        ready(machine(tmp_path / "other", loopback(nodes={4: "OBS"})), within=0.2)


@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0, reason="only root needs nobody")
def test_root_needs_no_sudo() -> None:
    assert elevation() == []

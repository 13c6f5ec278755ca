"""The camera's own controls: set at each opening and each edit, and given back at the end."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support.v4l2.daemons import announced, start_daemon
from support.v4l2.guest import OUTPUT, Guest

DRIVER = "/sys/bus/platform/drivers/vivid"
OPEN = "[idle]\non_demand = false\n"  # nobody watches here
FIRST = "[camera.controls]\nbrightness = 200\nhorizontal_flip = true\ngian = 1\nhue = 999\n"
SECOND = "[camera.controls]\nbrightness = 60\n"


def test_controls_are_kept_until_the_end(guest: Guest, loopback: str) -> None:
    guest.load_cameras()
    before = values(guest)
    listed = guest.bgblur("devices", "--controls", "--json")
    assert listed.wait(60) == 0, listed.err
    (camera,) = [d for d in json.loads(listed.out)["devices"] if d["path"] == "/dev/video0"]
    offered = {control["name"]: control for control in camera["controls"]}
    assert (offered["brightness"]["minimum"], offered["brightness"]["maximum"]) == (0, 255)
    assert offered["horizontal_flip"]["kind"] == "switch"
    assert "Gray Ramp" in str(offered["test_pattern"]["entries"])

    with announced(guest, start_daemon(guest, settings=OPEN + FIRST)) as daemon:
        wait_for(guest, before | {"brightness": 200, "horizontal_flip": 1})
        guest.within(30, lambda: "camera.controls.hue" in daemon.err, "the problems")
        for problem in (
            'camera.controls.gian is no control of this camera: did you mean "gain"?',
            "camera.controls.hue is 999: this camera takes -128 to 128",
        ):
            assert problem in daemon.err.replace("; ", "\n").splitlines()

        edit(guest.exchange, SECOND)
        wait_for(guest, before | {"brightness": 60})
        guest.within(30, lambda: "camera.controls: working again" in daemon.err, "it is well")

        guest.write(f"{DRIVER}/unbind", "vivid.0")
        lost = "no more pictures", "there is no camera"
        guest.within(30, lambda: any(why in daemon.err for why in lost), "the camera is lost")
        guest.write(f"{DRIVER}/bind", "vivid.0")
        wait_for(guest, before | {"brightness": 60})
        assert daemon.stop().code == 0
    assert values(guest) == before


def wait_for(guest: Guest, wanted: dict[str, int]) -> None:
    guest.within(30, lambda: values(guest) == wanted, f"{wanted}, {values(guest)}")


def edit(folder: Path, settings: str) -> None:
    file = folder / f"{OUTPUT.rpartition('/')[2]}.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("[camera.controls]")] + settings, encoding="utf-8")


def values(guest: Guest) -> dict[str, int]:
    """What v4l2-ctl reads."""
    names = "brightness,horizontal_flip,hue,contrast"
    shown = guest.run("v4l2-ctl", "-d", "/dev/video0", "-C", names).out
    return {name: int(value) for name, value in re.findall(r"(\w+): (-?\d+)", shown)}

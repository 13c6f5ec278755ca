"""Where the daemon and the holder of the PipeWire camera meet: nobody else gets there."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.pipewire_place import taken

from bgblur.devices.pipewire import meeting
from bgblur.errors import OutputError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PipeWire is Linux's")


def test_a_killed_holder_leaves_a_place_that_the_next_takes() -> None:
    """Its file stays, and nobody answers there."""
    code = (
        "import os, signal; from bgblur.devices.pipewire.meeting import listening;"
        "kept = listening('killed'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(ConnectionRefusedError):
        meeting.connected("killed", 1)
    with taken("killed") as listener:
        assert meeting.listening("killed") is None, "there is one at a time"
        with meeting.connected("killed", 1) as daemon:
            connection, _ = listener.accept()
            with connection:
                assert meeting.peer_of(connection) == (os.getpid(), os.getuid())
                assert meeting.peer_of(daemon) == (os.getpid(), os.getuid())
    with pytest.raises(FileNotFoundError):
        meeting.connected("killed", 1)


@pytest.mark.parametrize("session", ["session", "x" * 120, None])
def test_the_place_is_in_a_folder_of_this_user_alone(
    session: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "state" / "bgblur" / "run"
    if session is None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nowhere"))
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / session))
        folder = tmp_path / session / "bgblur"
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # as somebody may have made it
    with taken("private"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [path.is_socket() for path in sorted(folder.iterdir())] == [True, False]
        meeting.connected("private", 1).close()


def test_a_folder_of_another_user_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bgblur").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    fstat = os.fstat

    def theirs(folder: int) -> os.stat_result:
        found = fstat(folder)
        if Path(f"/proc/self/fd/{folder}").readlink() == tmp_path / "bgblur":
            return os.stat_result([*found[:4], found.st_uid + 1, *found[5:10]])
        return found

    monkeypatch.setattr(os, "fstat", theirs)
    with taken("mine"):
        assert not list((tmp_path / "bgblur").iterdir())
        meeting.connected("mine", 1).close()
    monkeypatch.setattr(os, "getuid", lambda: -1)
    with pytest.raises(
        OutputError, match=r"belongs to another user.* set XDG_RUNTIME_DIR"
    ) as caught:
        meeting.connected("mine", 1)
    assert "\n" not in str(caught.value)

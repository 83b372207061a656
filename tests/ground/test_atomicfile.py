"""Whole files at every instant: against concurrent editors, full disks, kill -9, and paths that are something else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.ground.errors import InputError, Unavailable

EDITOR = """
import json, os, random, sys, time
path = sys.argv[1]
for number in range(300):
    with open(path) as file:
        content = json.load(file)
    content["people"].append(number)
    with open(path + ".editor", "w") as file:
        json.dump(content, file)
    os.replace(path + ".editor", path)
    time.sleep(random.random() * 0.002)
"""
HOLDER = """
import sys, time
from pathlib import Path
from mosaic_daemon.ground import atomicfile
with atomicfile.locked(Path(sys.argv[1]), timeout_sec=5):
    print("held", flush=True)
    time.sleep(60)
"""
EXCHANGE = """
import sys
from pathlib import Path
from mosaic_daemon.ground import atomicfile
print(atomicfile.exchange(Path(sys.argv[1]), b"ours"))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.json"


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A file system with room for a few pages."""
    folder = Path(tempfile.mkdtemp())
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def traced(inject: str, script: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python script while the kernel answers one kind of system call as told."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run([strace, "-o", "/dev/null", "true"], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("processes may not be traced here")
    call = inject.split(":", 1)[0]
    command = [strace, "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={inject}"]
    return subprocess.run([*command, sys.executable, "-c", script, path], check=False, capture_output=True, text=True)


class TestWrite:
    @pytest.mark.parametrize("mode", [0o600, 0o644])
    def test_content_and_mode_are_exact(self, path: Path, mode: int) -> None:
        """The mode does not depend on the umask, and nothing else is left in the folder."""
        old = os.umask(0o077)
        try:
            atomicfile.write(path, b"one", mode)
            atomicfile.write(path, b"two", mode)
        finally:
            os.umask(old)
        assert path.read_bytes() == b"two"
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert names(path.parent) == ["tasks.json"]

    def test_a_failed_rename_leaves_nothing(self, path: Path) -> None:
        """The temporary file goes even when the last step fails."""
        path.mkdir()
        with pytest.raises(IsADirectoryError):
            atomicfile.write(path, b"x")
        assert names(path.parent) == ["tasks.json"]

    def test_a_link_is_replaced_not_followed(self, path: Path) -> None:
        """What a symbolic link points to is not ours to change."""
        other = path.with_name("other")
        other.write_bytes(b"theirs")
        path.symlink_to(other)
        atomicfile.write(path, b"ours")
        assert (other.read_bytes(), path.read_bytes(), path.is_symlink()) == (b"theirs", b"ours", False)

    @pytest.mark.parametrize("publish", [atomicfile.write, atomicfile.exchange])
    def test_a_full_disk_changes_nothing(self, tiny_disk: Path, publish: Callable[[Path, bytes], object]) -> None:
        """The old file stays whole, no rest is left, and the error says that trying again can help."""
        path = tiny_disk / "tasks.json"
        atomicfile.write(path, b"old")
        with pytest.raises(Unavailable, match="disk is full"):
            publish(path, b"x" * 100_000)
        assert path.read_bytes() == b"old"
        assert names(tiny_disk) == ["tasks.json"]


class TestExchange:
    def test_the_old_bytes_come_out(self, path: Path) -> None:
        """Nothing at first, then always what was there; the mode a person chose stays."""
        assert atomicfile.exchange(path, b"one") is None
        path.chmod(0o640)
        assert atomicfile.exchange(path, b"two") == b"one"
        assert path.read_bytes() == b"two"
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert names(path.parent) == ["tasks.json"]

    def test_the_old_file_can_be_kept(self, path: Path) -> None:
        """A program that still has the old file open goes on writing into the kept one."""
        path.write_bytes(b"theirs")
        kept = path.with_name("1.json")
        with path.open("ab") as editor:
            atomicfile.exchange(path, b"ours", keep=kept)
            editor.write(b", and more")
        assert (path.read_bytes(), kept.read_bytes()) == (b"ours", b"theirs, and more")
        assert names(path.parent) == ["1.json", "tasks.json"]

    @pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
    def test_what_is_no_file_stays(self, path: Path, kind: str) -> None:
        """Somebody put something odd in our place: it is named and not touched."""
        if kind == "link":
            path.symlink_to("elsewhere")
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            path.mkdir()
        before = path.lstat()
        with pytest.raises(InputError, match=r"tasks\.json: is a .*, not an ordinary file"):
            atomicfile.exchange(path, b"ours")
        assert path.lstat().st_ino == before.st_ino
        assert names(path.parent) == ["tasks.json"]

    def test_no_edit_is_lost(self, path: Path) -> None:
        """300 edits by another process, while we publish all the time: each one is in the file or came out of it."""
        path.write_text('{"people": []}')
        editor = subprocess.Popen([sys.executable, "-c", EDITOR, path])
        known: set[int] = set()
        overtaken = 0
        while editor.poll() is None:
            seen = atomicfile.read_untrusted(path, max_bytes=100_000)
            known |= set(json.loads(seen)["people"])
            swapped = atomicfile.exchange(path, json.dumps({"people": sorted(known)}).encode())
            assert swapped is not None
            overtaken += swapped != seen
            known |= set(json.loads(swapped)["people"])
        known |= set(json.loads(path.read_text())["people"])
        assert editor.returncode == 0
        assert known == set(range(300))
        assert overtaken > 0, "the editor never came between reading and publishing: this run proved nothing"
        assert names(path.parent) == ["tasks.json"]

    def test_a_file_system_that_cannot_exchange(self, path: Path) -> None:
        """The old bytes still come out, and a new file still appears."""
        path.write_bytes(b"theirs")
        assert traced("renameat2:error=EINVAL", EXCHANGE, path).stdout.strip() == "b'theirs'"
        assert path.read_bytes() == b"ours"
        path.unlink()
        assert traced("renameat2:error=EINVAL", EXCHANGE, path).stdout.strip() == "None"
        assert path.read_bytes() == b"ours"
        assert names(path.parent) == ["tasks.json"]

    def test_killed_right_after_the_swap(self, path: Path) -> None:
        """The version that was swapped out survives as a leftover, whole."""
        path.write_bytes(b"theirs")
        killed = traced("unlink:signal=SIGKILL", EXCHANGE, path)
        assert killed.returncode != 0
        assert path.read_bytes() == b"ours"
        (left,) = atomicfile.leftovers(path)
        assert left.read_bytes() == b"theirs"

    def test_a_disk_that_fails_after_the_swap(self, path: Path) -> None:
        """The folder cannot be synced: the error is raised, and both versions still exist."""
        path.write_bytes(b"theirs")
        failed = traced("fsync:error=EIO:when=2", EXCHANGE, path)
        assert "Input/output error" in failed.stderr
        assert path.read_bytes() == b"ours"
        assert [left.read_bytes() for left in atomicfile.leftovers(path)] == [b"theirs"]

    def test_what_is_too_large_is_put_back(self, path: Path) -> None:
        """Failing to read what came out undoes the exchange."""
        with path.open("wb") as file:
            file.truncate(atomicfile.MAX_SWAPPED_BYTES + 1)
        before = path.stat().st_ino
        with pytest.raises(InputError, match="is larger than"):
            atomicfile.exchange(path, b"ours")
        assert path.stat().st_ino == before
        assert names(path.parent) == ["tasks.json"]


class TestReadUntrusted:
    def test_an_ordinary_file(self, path: Path) -> None:
        """Up to and including the cap."""
        path.write_bytes(b"12345")
        assert atomicfile.read_untrusted(path, max_bytes=5) == b"12345"
        with pytest.raises(InputError, match="larger than 4 bytes"):
            atomicfile.read_untrusted(path, max_bytes=4)

    def test_nothing_there(self, path: Path) -> None:
        """Absence is no wrong input."""
        with pytest.raises(FileNotFoundError):
            atomicfile.read_untrusted(path, max_bytes=5)

    @pytest.mark.parametrize("target", ["real", "nowhere"])
    def test_links_are_not_followed(self, path: Path, target: str) -> None:
        """Neither a link to a file nor a dangling one."""
        path.with_name("real").write_bytes(b"secret")
        path.symlink_to(target)
        with pytest.raises(InputError, match="is a symbolic link"):
            atomicfile.read_untrusted(path, max_bytes=100)

    def test_a_fifo_does_not_block(self, path: Path) -> None:
        """A plain open would wait for a writer for ever."""
        os.mkfifo(path)
        with pytest.raises(InputError, match="is a FIFO"):
            atomicfile.read_untrusted(path, max_bytes=100)

    def test_folders_sockets_devices(self, path: Path) -> None:
        """Each is called what it is."""
        with pytest.raises(InputError, match="is a folder"):
            atomicfile.read_untrusted(path.parent, max_bytes=100)
        with pytest.raises(InputError, match="is a device"):
            atomicfile.read_untrusted(Path("/dev/zero"), max_bytes=100)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            with pytest.raises(InputError, match="is a socket"):
                atomicfile.read_untrusted(path, max_bytes=100)

    def test_a_second_name_is_refused(self, path: Path) -> None:
        """A hard link may lead to a file that its maker cannot read himself."""
        path.write_bytes(b"x")
        path.with_name("other").hardlink_to(path)
        with pytest.raises(InputError, match="has 2 hard links"):
            atomicfile.read_untrusted(path, max_bytes=100)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_another_users_file_is_refused(self, path: Path) -> None:
        """Only files of the user that the daemon runs as count."""
        path.write_bytes(b"x")
        os.chown(path, 65534, 65534)
        with pytest.raises(InputError, match="belongs to user 65534"):
            atomicfile.read_untrusted(path, max_bytes=100)

    def test_a_file_without_an_honest_size_is_capped(self) -> None:
        """The cap also holds while reading: /proc files say that they are empty."""
        with pytest.raises(InputError, match="larger than 10 bytes"):
            atomicfile.read_untrusted(Path("/proc/self/status"), max_bytes=10)


class TestLocked:
    @pytest.fixture
    def holder(self, path: Path) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
            process.kill()

    def test_says_who_holds_it(self, path: Path, holder: subprocess.Popen[str]) -> None:
        """The process is named, though it wrote nothing into the file."""
        with pytest.raises(Unavailable) as caught, atomicfile.locked(path, timeout_sec=0):
            pass
        assert f"locked by process {holder.pid} (" in caught.value.problem
        assert str(holder.pid) in caught.value.remedy

    def test_a_killed_holder_frees_it(self, path: Path, holder: subprocess.Popen[str]) -> None:
        """No file has to be deleted by hand after kill -9."""
        holder.send_signal(signal.SIGKILL)
        with atomicfile.locked(path, timeout_sec=10):
            assert path.exists()

    def test_is_free_afterwards_even_after_an_error(self, path: Path) -> None:
        """One holder after the other."""
        with pytest.raises(RuntimeError), atomicfile.locked(path, timeout_sec=0):
            raise RuntimeError
        with atomicfile.locked(path, timeout_sec=0):
            pass

    def test_shell_tools_take_the_same_lock(self, path: Path) -> None:
        """flock(1) waits for us, and is named when we wait for it."""
        flock = shutil.which("flock")
        if flock is None:
            pytest.skip("flock(1) is not installed")
        with atomicfile.locked(path, timeout_sec=0):
            assert subprocess.run([flock, "-n", path, "true"], check=False).returncode == 1
        with subprocess.Popen([flock, path, "sh", "-c", "echo held; sleep 60"], stdout=subprocess.PIPE) as tool:
            assert tool.stdout is not None
            tool.stdout.readline()
            with pytest.raises(Unavailable, match=r"process \d+ \("), atomicfile.locked(path, timeout_sec=0):
                pass
            tool.kill()

    def test_a_lock_file_that_was_made_anew(self, path: Path) -> None:
        """Deleting the file under a holder does not end in two processes that both think they are alone."""
        with atomicfile.locked(path, timeout_sec=0):
            path.unlink()
            with (
                atomicfile.locked(path, timeout_sec=0),
                pytest.raises(Unavailable),
                atomicfile.locked(path, timeout_sec=0),
            ):
                pass


def test_leftovers_are_those_of_one_file_oldest_first(path: Path) -> None:
    """Other files' temporaries are not confused with them."""
    for age, name in ((3, ".tasks.json.b.tmp"), (5, ".tasks.json.a.tmp"), (4, ".tasks.json.lock.tmp.x"), (1, ".t.tmp")):
        each = path.with_name(name)
        each.touch()
        os.utime(each, (time.time() - age, time.time() - age))
    assert [left.name for left in atomicfile.leftovers(path)] == [".tasks.json.a.tmp", ".tasks.json.b.tmp"]

"""A disk that can lose its power: a file system in a file, mounted by a loop device. It needs root."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

from tests.support.processes import sweep
from tests.support.waiting import until

SIZE = 320 << 20
"""Bytes. The file is sparse; xfs will not be smaller than 300 MB."""

_FS_IOC_SHUTDOWN = 0x8004587D  # linux/fs.h: _IOR('X', 125, __u32)
_WITHOUT_FLUSHING_THE_LOG = 2
_FORCE = {"ext4": "-F", "xfs": "-f"}
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


class Unmountable(Exception):
    """Raised when this machine lets nobody mount such a disk; the message says why."""


class Disk:
    """An empty file system, mounted.

    Args:
        folder: where the image and the mount point are made. Processes of attempts that run below it are killed when
            the power goes.
        kind: `ext4` or `xfs`.

    Attributes:
        root: the mount point.

    Raises:
        Unmountable: a program, a right or the kernel's part is missing.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.root = folder / "disk"
        self._folder, self._image = folder, folder / "disk.img"
        if os.geteuid() != 0:
            raise Unmountable("only root may mount")
        if shutil.which(f"mkfs.{kind}", path=_PATH) is None:
            raise Unmountable(f"mkfs.{kind} is not installed")
        self.root.mkdir()
        with self._image.open("wb") as file:
            file.truncate(SIZE)
        try:
            _run(f"mkfs.{kind}", "-q", _FORCE[kind], str(self._image))
            self._mount()
        except subprocess.CalledProcessError as error:
            raise Unmountable(f"{kind} cannot be mounted here: {error.stderr.strip()}") from None

    def cut_power(self) -> None:
        """From now on nothing reaches the disk any more; what was not synced is gone."""
        root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(root, _FS_IOC_SHUTDOWN, struct.pack("I", _WITHOUT_FLUSHING_THE_LOG))
        finally:
            os.close(root)

    def restore_power(self) -> None:
        """Mount it again: the file system recovers as it does at boot."""
        self._unmount()
        self._mount()

    def close(self) -> None:
        """Leave neither a mount nor a loop device behind."""
        if self.root.is_mount():
            self._unmount()
        until(lambda: not _run("losetup", "-j", str(self._image)), "the loop device to be given back")
        self._image.unlink()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.root))

    def _unmount(self) -> None:
        until(self._is_unmounted, f"nobody to use {self.root} any more")

    def _is_unmounted(self) -> bool:
        sweep(self._folder)
        argv = ["umount", str(self.root)]
        return subprocess.run(argv, check=False, capture_output=True, env={"PATH": _PATH}).returncode == 0


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, check=True, text=True, env={"PATH": _PATH}).stdout

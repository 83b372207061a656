"""Which file system a path is on, from tables as kernels write them and from the one of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosaic_daemon.ground.filesystem import is_over_a_network, kind_of

TABLE = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /srv rw - xfs /dev/vdb rw
31 30 0:27 / /srv/team\\040work rw - nfs4 server:/export rw,vers=4.2
32 22 0:28 / /home/dev/far rw - fuse.sshfs dev@far: rw
33 30 0:29 / /srv/over rw - nfs server:/over rw
34 33 0:30 / /srv/over rw - tmpfs tmpfs rw
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(TABLE)
    return file


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/usr", "ext4"),
        ("/srv/app", "xfs"),
        ("/srv/team work/app", "nfs4"),
        ("/srv/team works", "xfs"),
        ("/home/dev/far/app", "fuse.sshfs"),
        ("/srv/over/app", "tmpfs"),
    ],
)
def test_the_deepest_and_latest_mount_counts(table: Path, path: str, kind: str) -> None:
    assert kind_of(Path(path), table) == kind


def test_this_machine_has_one(tmp_path: Path) -> None:
    assert kind_of(tmp_path)
    assert kind_of(tmp_path, tmp_path / "no-table") == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"])
def test_what_is_over_a_network(kind: str) -> None:
    assert is_over_a_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", ""])
def test_what_is_not(kind: str) -> None:
    assert not is_over_a_network(kind)

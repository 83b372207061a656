"""Which file system a path is on, as the kernel's table of mounts says."""

from __future__ import annotations

from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
#: Over a network locks and shared memory do not hold what a database needs of them.
_OVER_A_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "gpfs", "ocfs2", "fuse.")


def kind_of(path: Path, table: Path = _TABLE) -> str:
    """`ext4`, `nfs4`, `fuse.sshfs`, …: of the mount that covers it; empty where that cannot be known."""
    place = path.resolve()
    best, kind = -1, ""
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields, _, rest = line.partition(" - ")
        mount = Path(fields.split()[4].encode().decode("unicode_escape"))
        depth = len(mount.parts)
        if depth >= best and (place == mount or mount in place.parents):
            best, kind = depth, rest.split()[0]
    return kind


def is_over_a_network(kind: str) -> bool:
    return kind.startswith(_OVER_A_NETWORK)

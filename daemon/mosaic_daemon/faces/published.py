"""The text of a face on which people and the ledger agreed last: the common ancestor of every later merge.

It is what the daemon published last, or what people made of that and the ledger has taken in since. It is kept as a
file of its own. Before a face is replaced, the ledger notes the hash of the new text; a crash
between the two is recognised by that hash, and the daemon's own text is never taken for a person's edit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from mosaic_daemon.ground import atomicfile
from mosaic_daemon.store.ledger import Ledger


class Published:
    """The agreed text of one face.

    Attributes:
        name: `tasks` or `table`; text: None before the first publication.
    """

    def __init__(self, name: str, folder: Path, ledger: Ledger) -> None:
        self.name = name
        self._file = folder / f"{name}.base"
        self._ledger = ledger
        # A base that an empty ledger knows nothing of belongs to a lost one: compared with it, tasks would vanish.
        is_known = ledger.seq > 0 and self._file.exists()
        self.text: bytes | None = self._file.read_bytes() if is_known else None

    def is_ours(self, text: bytes) -> bool:
        """Whether this is exactly what the daemon published last, or was about to."""
        return text == self.text or _hash(text) == self._ledger.memo(f"publishing:{self.name}")

    def intend(self, text: bytes) -> None:
        """Note durably that `text` is about to be published."""
        self._ledger.remember({f"publishing:{self.name}": _hash(text)})

    def settle(self, text: bytes) -> None:
        """`text` is what the face shows now, and everything in it is in the ledger."""
        self._file.parent.mkdir(mode=0o700, exist_ok=True)
        atomicfile.write(self._file, text)
        self.text = text


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()

"""Power losses at moments nobody chose: `unshare --mount python -m tests.crash.power FOLDER KIND WHAT SEED [careless]`.

The file system, of that kind and mounted below FOLDER, comes back after each as it does after a boot; then everything
that was called durable must be there, and whatever is there must be whole. The mounts are in a namespace of their own:
nobody else's holds on to them, and with the last process they are gone, however it ended. Prints what was counted.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from mosaic_daemon.ground.errors import InputError
from mosaic_daemon.ground.layout import Layout
from mosaic_daemon.tracking import queuefile
from tests.crash.losing import TASKS, Run, Writers, table, words
from tests.crash.oracle import check_batches
from tests.support.disk import Disk, Unmountable
from tests.support.waiting import until

CUTS = 10
LONGEST_SEC = 0.004
"""How long after a sign of life the power goes at the latest; a write and its sync take about one."""
UNMOUNTABLE = 77
"""The exit code where no such disk can be had; the reason is printed."""


class Losses:
    """One writer, whose disk loses its power again and again.

    Attributes:
        said: what the writer called durable while there was power.
        ran: the attempts whose workers ran while there was power.
        late: what it said afterwards. On a machine it would not have got that far, so nothing follows from it but that
            it was tried: while a file system shuts down, a sync may succeed that reaches nothing.
    """

    def __init__(self, disk: Disk, writers: Writers, beside: Path, chance: random.Random) -> None:
        self._disk, self._writers, self._chance = disk, writers, chance
        self.root, self.beside = disk.root, beside
        self.said: list[str] = []
        self.late: list[str] = []
        self.ran: list[str] = []

    def lose(self, what: str, first: int, *, careless: bool = False) -> None:
        """A life of the writer, up to the power's end and the next boot."""
        pid = self._writers.start(Run(what, str(self.root), str(self.beside), first, careless))
        try:
            self._wait(what)
            time.sleep(self._chance.uniform(0, LONGEST_SEC))
            self.said += self._writers.answers()
            self.ran = effects(self)
            self._disk.cut_power()
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            while not (line := self._writers.answer()).startswith("exit "):
                self.late.append(line)
        assert line == f"exit {-signal.SIGKILL}", "it ended before the power did"
        self._disk.restore_power()
        (self.beside / "effects").write_text("".join(f"{attempt}\n" for attempt in self.ran))

    def _wait(self, what: str) -> None:
        signs = self._chance.randrange(1, 12)
        if what == "attempts":
            wanted = len(effects(self)) + min(signs, 5)
            until(lambda: len(effects(self)) >= wanted, "workers to run")
            return
        for _ in range(signs):
            self.said.append(self._writers.answer())
            assert not self.said[-1].startswith("exit "), "it ended before the power did"


def lose_ledgers(losses: Losses, *, careless: bool = False) -> None:
    first = 0
    for _ in range(CUTS):
        losses.lose("ledger", first, careless=careless)
        known = check_batches(losses.root / "state.db", losses.said)
        first = max(0, sum(not each.startswith("memo ") for each in known) - 1)
    sys.stdout.write(f"{CUTS} power losses, {len(losses.said)} acknowledged writes kept\n")


def lose_faces(losses: Losses, *, careless: bool = False) -> None:
    layout = Layout(losses.root)
    files = {"tasks.json": layout.tasks, "table.base": layout.history / "table.base"}
    durable, newer, first = dict.fromkeys(files, 0), 0, 1
    for _ in range(CUTS):
        losses.lose("faces", first, careless=careless)
        tried = versions(dict.fromkeys(files, first - 1), [*losses.said, *losses.late])
        durable = versions(durable, losses.said)
        for name, file in files.items():
            version = version_of(file)
            assert durable[name] <= version <= tried[name] + 1, f"{name}: {version}, {durable[name]} was durable"
            newer += version > durable[name]
            durable[name] = version
        first = max(*tried.values(), *durable.values()) + 1
    sys.stdout.write(f"{CUTS} power losses, {first - 1} versions; every file was whole, {newer} were newer than said\n")


def versions(before: dict[str, int], said: list[str]) -> dict[str, int]:
    """The latest of each file."""
    latest = dict(before)
    for line in said:
        name, _, version = line.partition(" ")
        latest[name] = max(latest[name], int(version))
    return latest


def version_of(file: Path) -> int:
    """The one version that the whole file is of; 0 when there is none yet."""
    if not file.exists():
        return 0
    text = file.read_bytes()
    version = int(re.search(rb"version (\d+)", text)[1]) if b"version" in text else -1  # type: ignore[index]
    if file.name == "table.base":
        assert text == table(version), f"{file.name} is torn: {len(text)} bytes"
        return version
    try:
        shown = [entry["description"] for entry in queuefile.parse(text, source=file.name).by_id.values()]
    except InputError as error:
        raise AssertionError(f"{file.name} is torn: {error}") from None
    assert shown == [words(version)] * TASKS, f"{file.name} is torn: {len(text)} bytes"
    return version


def lose_attempts(losses: Losses, *, careless: bool = False) -> None:
    for _ in range(CUTS):
        intended = [
            line.removeprefix("intended ") for line in losses.said + losses.late if line.startswith("intended ")
        ]
        over = {line.partition(" ")[2] for line in losses.said if not line.startswith("intended ")}
        running = [attempt for attempt in intended if attempt not in over]
        (losses.beside / "running.json").write_text(json.dumps(running))
        losses.lose("attempts", len(intended), careless=careless)
        check_attempts(losses)
    kinds = Counter(line.partition(" ")[0] for line in losses.said)
    sys.stdout.write(
        f"{CUTS} power losses, {len(losses.ran)} attempts started, {kinds['ended']} ended, {kinds['lost']} lost\n"
    )


def check_attempts(losses: Losses) -> None:
    """None has run twice or could, and what is known of an end stays known."""
    ran, homes = Counter(losses.ran), losses.root / "attempts"
    assert [attempt for attempt, times in ran.items() if times > 1] == [], "an attempt ran twice"
    unmarked = [attempt for attempt in ran if not (homes / attempt / "started").exists()]
    assert not unmarked, f"these ran and could be started again: {unmarked}"
    ends = {file.parent.name: whole(file) for file in homes.glob("*/exit.json")}
    causes = {end["cause"] for end in ends.values()}
    assert causes <= {"exit"}, f"an end that nobody came to: {causes}"
    told = {line.removeprefix("ended ") for line in losses.said if line.startswith("ended ")}
    assert not (forgotten := told - set(ends)), f"their ends were told and are lost: {forgotten}"


def whole(file: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(file.read_bytes())
    except ValueError as error:
        raise AssertionError(f"{file} is torn: {error}") from None
    return record


def effects(losses: Losses) -> list[str]:
    file = losses.beside / "effects"
    return file.read_text().split() if file.exists() else []


LOSE = {"ledger": lose_ledgers, "faces": lose_faces, "attempts": lose_attempts}


def main(folder: Path, kind: str, what: str, drawn: int, *, careless: bool) -> int:
    try:
        disk = Disk(folder, kind)
    except Unmountable as error:
        sys.stdout.write(f"{error}\n")
        return UNMOUNTABLE
    beside = folder / "beside"
    beside.mkdir()
    with closing(disk), closing(Writers()) as writers:
        LOSE[what](Losses(disk, writers, beside, random.Random(drawn)), careless=careless)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), careless="careless" in sys.argv[5:]))

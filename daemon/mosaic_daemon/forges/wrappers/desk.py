"""Planning's issues through the person's scripts. They cannot be asked what there is, so it is written down."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from mosaic_daemon.forges.base import Delayed, Forbidden, IssueText, Moved, Sent
from mosaic_daemon.forges.desk import refused, where_of
from mosaic_daemon.forges.wrappers.acts import Acts
from mosaic_daemon.forges.wrappers.commands import Commands, filled, number_in
from mosaic_daemon.forges.wrappers.forge import Conduct
from mosaic_daemon.forges.wrappers.notes import Notes
from mosaic_daemon.forges.wrappers.runs import Run, Runs, Script
from mosaic_daemon.ground.errors import Refused, Unavailable

_LONGEST_OWNER = 40


class ScriptsDesk:
    """`root`: where the scripts run."""

    def __init__(self, commands: Commands, conduct: Conduct, root: Path) -> None:
        self._commands = commands
        self._conduct = conduct
        self._root = root
        self._notes = Notes(conduct.folder)
        self._acts = Acts(Runs(conduct.rail, conduct.env, conduct.patience_sec), self._notes)

    async def find_issue(self, marker: str) -> str | None:
        """The number that the script printed, or that a person wrote down in its place."""
        number = str(self._notes.of(_owner(marker)).get("issue", "")).removeprefix("#")
        return f"#{number}" if number.isdecimal() else None

    async def create_issue(self, text: IssueText) -> str:
        self._notes.settle()
        if known := await self.find_issue(text.marker):
            return known
        run = await self._acts.perform(self._script(text))
        if run.went_well:
            return self._made(text, run)
        tell = self._place_for_number(text)
        missing = f"the issue may be missing; if there is one, {tell}"
        match self._acts.answer(run, missing=missing, code="no_issue"):
            case Forbidden(failure=failure):
                raise refused(text, failure)
            case Delayed(reason=said) | Sent(answer=said) | Moved(detail=said):
                raise Unavailable(said, where=where_of(text), remedy=f"run it again, or {tell}")

    async def comment(self, ref: str, text: str, marker: str) -> None:
        """Through `issue_comment`, once; without such a script there is none."""
        if not self._commands.issue_comment:
            return
        argv = filled(self._commands.issue_comment, {"issue": ref.removeprefix("#"), "message": text})
        env = {"MOSAIC_MARKER": marker}
        script = Script(_owner(marker), "issue-comment", argv, env, self._root, self._conduct.act_timeout_sec)
        run = await self._acts.perform(script)
        if not run.went_well:
            raise Unavailable(
                f"the comment may be missing: {run.last_words}", where=f"issue {ref}", remedy="run it again"
            )

    async def aclose(self) -> None:
        """Whoever gives it back has heard of its failures."""
        self._notes.settle()

    def _made(self, text: IssueText, run: Run) -> str:
        """Without a number there may be an issue all the same, so the script is not run again."""
        number = number_in(run.output, f"{text.title}\n{text.body}")
        if number is None:
            problem = f"it names no number; {self._place_for_number(text)}"
            raise refused(text, run.failure(problem, code="no_number"))
        self._notes.keep(_owner(text.marker), issue=number)
        return f"#{number}"

    def _place_for_number(self, text: IssueText) -> str:
        """Where a person can say which issue it is; the file is made for that."""
        owner = _owner(text.marker)
        self._notes.keep(owner, issue="")
        return f'write its number as "issue" into {self._notes.file(owner)}'

    def _script(self, text: IssueText) -> Script:
        if not self._commands.issue_create:
            raise Refused("`forge.commands.issue_create` names no command", remedy="set it, or do it by hand")
        values = {
            "title": text.title,
            "body": text.body,
            "labels": ",".join(text.labels),
            "milestone": text.milestone,
        }
        argv = filled(self._commands.issue_create, values)
        env = {"MOSAIC_MARKER": text.marker}
        return Script(_owner(text.marker), "issue-create", argv, env, self._root, self._conduct.act_timeout_sec)


def _owner(marker: str) -> str:
    """The marker as a file name: what can be read of it, and what tells it from all others."""
    readable = re.sub(r"[^\w.]+", "-", marker, flags=re.ASCII).strip("-.")[-_LONGEST_OWNER:].lstrip("-.")
    return f"{readable}-{hashlib.sha256(marker.encode()).hexdigest()[:8]}"

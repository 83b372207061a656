"""Issues and milestones through the person's scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mosaic_daemon.forges.base import Answer, Proposal, Rejected, Sent, issue_number
from mosaic_daemon.forges.wrappers.acts import Acts
from mosaic_daemon.forges.wrappers.commands import (
    Commands,
    Template,
    filled,
    values_of,
    variables_of,
)
from mosaic_daemon.forges.wrappers.runs import Run, Runs, Script
from mosaic_daemon.ground.errors import Refused, Unavailable

_TRIES = 5


class Issues:
    """`blank` is a script of no gate yet: where it runs and how long it may."""

    def __init__(self, commands: Commands, runs: Runs, acts: Acts, blank: Script) -> None:
        self._commands = commands
        self._runs = runs
        self._acts = acts
        self._blank = blank

    async def is_closed(self, proposal: Proposal) -> bool:
        """One with siblings: it has the comment, if comments are made at all.

        Raises:
            Unavailable: it is not known now. Rejected: the script fails.
        """
        if issue_number(proposal.issue) is None:
            return True
        if proposal.siblings:
            return not self._commands.issue_comment or await self._has_run(self._of("comment", proposal))
        if not self._commands.issue_view:
            return await self._has_run(self._of("close", proposal))
        return self._commands.is_closed((await self._look(self._of("view", proposal))).output)

    async def close(self, proposal: Proposal, evidence: str) -> Answer:
        if issue_number(proposal.issue) is None:
            return Sent()
        if self._commands.issue_comment:
            run = await self._acts.perform(self._of("comment", proposal, f"{evidence}\n\n{proposal.marker}\n"))
            if not run.went_well:
                return self._acts.answer(run, missing="the comment may be missing", code="no_comment")
        if proposal.siblings:
            return Sent()
        run = await self._acts.perform(self._of("close", proposal))
        return self._acts.answer(run, missing=f"{proposal.issue} is still open", code="issue_open")

    async def _look(self, script: Script) -> Run:
        last = await self._runs.last(script)
        if last is None or last.is_over:
            last = await self._runs.start(script, last.number + 1 if last else 1)
        run = await self._runs.ended(last)
        if run.went_well:
            return run
        if not run.is_over:
            raise script.still_running
        if run.asks_for_later or run.is_unclear:
            former = await self._runs.before(run, _TRIES - 1)
            if len(former) < _TRIES - 1 or not all(each.asks_for_later or each.is_unclear for each in former):
                raise Unavailable(f"{script.title} gives no answer ({run.how}): {run.last_words}", where=script.line)
        raise Rejected(run.failure(code="script_failed"), script.line)

    async def _has_run(self, script: Script) -> bool:
        run = await self._acts.last(script)
        if run is not None and not run.is_over:
            raise script.still_running
        return run is not None and run.went_well

    def _of(self, name: str, proposal: Proposal, message: str = "") -> Script:
        template: Template = getattr(self._commands, f"issue_{name}")
        values = values_of(proposal, number=proposal.change, message=message)
        script = self._script(name, proposal.gate, template, values)
        return replace(script, env=variables_of(proposal, proposal.branch))

    def _script(self, name: str, owner: str, template: Template, values: Mapping[str, str]) -> Script:
        if not template:
            command = name.replace("-", "_")
            raise Refused(f"`forge.commands.{command}` names no command", remedy="set it, or do it by hand")
        return replace(self._blank, owner=owner, name=name, argv=filled(template, values))

"""Releases and milestones through the person's scripts, which cannot be asked what there is: their runs tell."""

from __future__ import annotations

import re
from pathlib import Path

from mosaic_daemon.forges.base import Answer, Sent
from mosaic_daemon.forges.releases import ForgeMilestone, Release, ReleaseText
from mosaic_daemon.forges.wrappers.acts import Acts
from mosaic_daemon.forges.wrappers.commands import Commands, Template, filled
from mosaic_daemon.forges.wrappers.forge import Conduct
from mosaic_daemon.forges.wrappers.notes import Notes
from mosaic_daemon.forges.wrappers.runs import Run, Runs, Script

_ADDRESS = re.compile(r"https?://\S+")


class ScriptedReleases:
    """Each script is run once for each release; one that fails is named with its exact command.

    Args:
        root: where the scripts run. tag: of the release.
    """

    name = "wrappers"

    def __init__(self, commands: Commands, conduct: Conduct, root: Path, tag: str) -> None:
        self._commands = commands
        self._conduct = conduct
        self._root = root
        self._tag = tag
        self._notes = Notes(conduct.folder)
        self._acts = Acts(Runs(conduct.rail, conduct.env, conduct.patience_sec), self._notes)

    @property
    def publishes(self) -> bool:
        return bool(self._commands.release_create)

    async def find(self, tag: str) -> Release | None:
        run = await self._last(self._script("release-create", self._commands.release_create, {}))
        if run is None or not run.went_well:
            return None
        address = _ADDRESS.search(run.output)
        return Release(tag, address[0] if address else "")

    async def create(self, text: ReleaseText) -> Answer:
        values = {"tag": text.tag, "title": text.title, "body": text.body, "head_sha": text.sha}
        return await self._perform("release-create", self._commands.release_create, values)

    async def milestone(self, title: str) -> ForgeMilestone:
        if not self._commands.milestone_close:
            return ForgeMilestone.NONE
        run = await self._last(self._script("milestone-close", self._commands.milestone_close, {"milestone": title}))
        return ForgeMilestone.CLOSED if run is not None and run.went_well else ForgeMilestone.OPEN

    async def close_milestone(self, title: str) -> Answer:
        return await self._perform("milestone-close", self._commands.milestone_close, {"milestone": title})

    async def aclose(self) -> None:
        """Whoever gives it back has heard of its failures."""
        self._notes.settle()

    async def _last(self, script: Script) -> Run | None:
        return await self._acts.last(script) if script.argv else None

    async def _perform(self, name: str, template: Template, values: dict[str, str]) -> Answer:
        self._notes.settle()
        run = await self._acts.perform(self._script(name, template, values))
        if run.went_well:
            return Sent(run.last_words)
        return self._acts.answer(run, missing="it may not be done", code="script_failed")

    def _script(self, name: str, template: Template, values: dict[str, str]) -> Script:
        argv = filled(template, values) if template else ()
        env = {"MOSAIC_TAG": self._tag}
        return Script(f"release-{self._tag}", name, argv, env, self._root, self._conduct.act_timeout_sec)

"""The steps of a release. One call looks at it once and answers with the one event that moves it, or with none.

Every step is: probe, and when it is not done yet: intent, act, probe. An act may be sent again after a probe that does
not show it: a tag that exists is not touched, a forge refuses a second release of a tag, a script runs once, and the
archive lands by compare-and-swap.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mosaic_daemon.forges.base import Answer, Delayed, Forbidden, Forge, Moved, Rejected, Sent
from mosaic_daemon.forges.releases import ForgeMilestone, Releases, ReleaseText
from mosaic_daemon.forges.texts import harmless
from mosaic_daemon.ground.errors import Refused
from mosaic_daemon.ground.failpoints import failpoint
from mosaic_daemon.milestone.archive import TRAILER, notes_file
from mosaic_daemon.nouns import events as ev
from mosaic_daemon.nouns.attempt import Failure, FailureClass
from mosaic_daemon.nouns.gate import Hold
from mosaic_daemon.nouns.release import RELEASE_STEPS, Release, ReleaseStep
from mosaic_daemon.repository.clone import BaseMoved, Clone, PushRefused
from mosaic_daemon.repository.tags import Tag, Tags
from mosaic_daemon.stages.gate import GatePolicy, ci

_SOON, _LATEST = timedelta(seconds=2), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Contents:
    """What the steps write, made when it is needed.

    Attributes:
        notes: of the release. archive: the archive commit on top of a commit: contents by path, None for what goes;
        empty: nothing is committed. message: of that commit.
    """

    notes: Callable[[], str]
    archive: Callable[[str], Awaitable[dict[str, bytes | None]]]
    message: str


@dataclass(frozen=True, slots=True)
class Outside:
    """Where a release happens."""

    clone: Clone
    tags: Tags
    forge: Forge
    policy: GatePolicy
    releases: Releases


class Steps:
    """One look at one release. `has_just_intended`: its open intent was recorded a moment ago, by the same caller."""

    def __init__(self, release: Release, outside: Outside, contents: Contents, now: datetime) -> None:
        self._release = release
        self._outside = outside
        self._contents = contents
        self._now = now

    async def advance(self, *, has_just_intended: bool) -> ev.SystemEvent | None:
        """The event that moves the release on, or None when it has to wait for the outside.

        Raises:
            Unavailable: something cannot be asked now.
        """
        try:
            event = await self._step(has_just_intended)
        except Rejected as error:
            return self._blocked(error.failure)
        except (PushRefused, Refused) as error:
            if error.where == str(self._outside.clone.root):  # a person's unfinished work: it waits
                event = self._held(error.line)
            else:
                return self._blocked(self._failure(error.problem, "refused", error.where))
        return None if isinstance(event, ev.ReleaseHeld) and event.hold == self._release.hold else event

    async def _step(self, has_just_intended: bool) -> ev.SystemEvent | None:
        match self._release.step:
            case ReleaseStep.VERIFY:
                return await self._verify()
            case ReleaseStep.TAG:
                return await self._tag(has_just_intended)
            case ReleaseStep.PUBLISH:
                return await self._publish(has_just_intended)
            case ReleaseStep.CLOSE:
                return await self._close(has_just_intended)
            case ReleaseStep.ARCHIVE:
                return await self._archive(has_just_intended)

    async def _verify(self) -> ev.SystemEvent | None:
        """Pin the newest commit of the base branch once its CI is green, or known to be none."""
        forge, policy = self._outside.forge, self._outside.policy
        base = await forge.base()
        seen: Mapping[str, Any] = ci.DECLARED_NONE
        if policy.ci != "none":
            report = await forge.queue(base)
            match ci.of_base(report, self._waited, policy):
                case ci.Waiting(hold=hold):
                    return ev.ReleaseHeld(hold)
                case ci.Red(message=message):
                    problem = f"{message}, at {(report.judged or base)[:12]}: a red base branch is not released"
                    return self._blocked(self._failure(problem, "base_red", report.command))
                case ci.Stuck(code=code, message=message):
                    return self._blocked(self._failure(message, code, report.command))
            seen = ci.evidence(report)
        verdict = f"no CI of its own: {seen['detail']}" if seen["verdict"] == "absent" else f"CI {seen['verdict']}"
        return self._stepped(seen, f"{policy.target} at {base[:12]}, {verdict}", base_sha=base)

    async def _tag(self, has_just_intended: bool) -> ev.SystemEvent | None:
        name, commit = self._release.tag, self._base
        tag = None if has_just_intended else await self._outside.tags.find(name)
        if tag is None:
            if (first := self._before_act(has_just_intended, {"tag": name, "commit": commit})) is not None:
                return first
            failpoint("release.tag.before-act")
            text = f"Release {name} - {harmless(self._release.name)}"
            await self._outside.tags.push(name, commit, text, self._release.opened_at)
            failpoint("release.tag.after-act")
            tag = await self._outside.tags.find(name)
            if tag is None:
                return self._held(f"the tag {name} was pushed and does not show yet")
        if (problem := self._problem_of(tag)) is not None:
            return self._blocked(problem)
        return self._stepped({"tag": name, "object": tag.object, "commit": tag.commit}, f"{name} at {commit[:12]}")

    def _problem_of(self, tag: Tag) -> Failure | None:
        """Why this tag is not the release's: it is never moved."""
        show = f"git ls-remote --tags {shlex.quote(self._outside.clone.url)} {shlex.quote(tag.name)}"
        if tag.commit != self._base:
            problem = f"the tag {tag.name} exists on {tag.commit[:12]}, and the release is of {self._base[:12]}"
            return self._failure(f"{problem}; it is never moved: release another version, or remove it", "tag", show)
        if not tag.is_annotated:
            problem = f"the tag {tag.name} exists and is not annotated; remove it, and it is made anew"
            return self._failure(problem, "tag_lightweight", show)
        return None

    async def _publish(self, has_just_intended: bool) -> ev.SystemEvent | None:
        releases, tag = self._outside.releases, self._release.tag
        if not releases.publishes:
            file = notes_file(tag)
            return self._stepped({"provider": releases.name, "file": file}, f"no provider release, notes in {file}")
        found = None if has_just_intended else await releases.find(tag)
        if found is None:
            if (first := self._before_act(has_just_intended, {"release": tag})) is not None:
                return first
            text = ReleaseText(tag, self._base, tag, self._contents.notes())
            failpoint("release.publish.before-act")
            answer = await releases.create(text)
            failpoint("release.publish.after-act")
            found = await releases.find(tag)
            if found is None:
                return self._not_done(answer, f"the release {tag}")
        shown = f": {found.url}" if found.url else ""
        return self._stepped({"provider": releases.name, "url": found.url}, f"release {tag} on {releases.name}{shown}")

    async def _close(self, has_just_intended: bool) -> ev.SystemEvent | None:
        """A milestone that the forge does not have is noted, and in its way."""
        releases, title = self._outside.releases, self._release.name
        state = ForgeMilestone.OPEN if has_just_intended else await releases.milestone(title)
        if state is ForgeMilestone.OPEN:
            if (first := self._before_act(has_just_intended, {"close": title})) is not None:
                return first
            failpoint("release.close.before-act")
            answer = await releases.close_milestone(title)
            failpoint("release.close.after-act")
            state = await releases.milestone(title)
            if state is ForgeMilestone.OPEN:
                if isinstance(answer, Forbidden) and self._outside.policy.close_failure == "warn":
                    warning = f"milestone {title} could not be closed: {answer.failure.message}"
                    return self._stepped({"milestone": state.value, "warning": warning}, warning)
                return self._not_done(answer, f"closing the milestone {title}")
        told = {
            ForgeMilestone.CLOSED: f"milestone {title} closed on {releases.name}",
            ForgeMilestone.ABSENT: f"{releases.name} has no milestone {title}: its closure is noted here",
            ForgeMilestone.NONE: f"milestone {title} closed: there is no provider, its closure is noted here",
        }
        return self._stepped({"milestone": state.value}, told[state])

    async def _archive(self, has_just_intended: bool) -> ev.SystemEvent | None:
        clone = self._outside.clone
        base = await self._outside.forge.base()
        done = None if has_just_intended else await clone.commits.find_trailer(TRAILER, self._release.tag, self._base)
        if done is None:
            files = await self._contents.archive(base)
            if not files:
                return self._released("", "nothing is archived: `tracking.commit` is `off`")
            if (first := self._before_act(has_just_intended, {"archive": sorted(files)})) is not None:
                return first
            commit = await clone.commit_files(base, files, self._contents.message, self._release.opened_at)
            failpoint("release.archive.before-act")
            try:
                await clone.land(commit, base)
            except BaseMoved:
                return self._held("the base branch moved before the archive landed")
            failpoint("release.archive.after-act")
            done = commit
        return self._released(done, f"archived in {done[:12]}")

    # --- pieces -------------------------------------------------------------------------------------------------------

    @property
    def _base(self) -> str:
        assert self._release.base_sha is not None  # noqa: S101
        return self._release.base_sha

    def _stepped(self, seen: Mapping[str, Any], summary: str, base_sha: str | None = None) -> ev.ReleaseStepped:
        step = self._release.step
        following = RELEASE_STEPS[RELEASE_STEPS.index(step) + 1]
        return ev.ReleaseStepped(step, {**seen, "summary": summary}, following, base_sha)

    def _released(self, commit: str, archived: str) -> ev.MilestoneReleased:
        release, evidence = self._release, self._release.evidence
        shown = evidence.get(ReleaseStep.PUBLISH.value, {})
        where = str(shown.get("url") or shown.get("file") or "")
        parts = [f"milestone {release.version} is released: {release.tag} at {self._base[:12]}", where, archived]
        return ev.MilestoneReleased({"commit": commit, "summary": " | ".join(filter(None, parts))})

    def _before_act(self, has_just_intended: bool, request: Mapping[str, Any]) -> ev.SystemEvent | None:
        """What comes before an act that a probe has shown not to be done: a wait, or the intent; None: it is done now.

        One intent is enough for all its tries: none of them does anything twice.
        """
        release = self._release
        if has_just_intended:
            return None
        if release.hold is not None and release.hold.until is not None and self._now < release.hold.until:
            return ev.ReleaseHeld(release.hold)
        if release.intent is not None:
            return None
        key = f"release:{release.version}@{release.opened_at.isoformat()}:{release.step}:{release.acts}"
        return ev.ReleaseIntended(release.step, key, request)

    @property
    def _waited(self) -> timedelta:
        return self._now - (self._release.since or self._release.opened_at)

    def _held(self, reason: str, until: datetime | None = None) -> ev.ReleaseHeld:
        soon = self._now + min(max(_SOON, self._waited / 4), _LATEST)
        return ev.ReleaseHeld(Hold(" ".join(reason.split()), max(until or soon, soon)))

    def _not_done(self, answer: Answer, what: str) -> ev.SystemEvent:
        match answer:
            case Forbidden(failure=failure):
                return self._blocked(failure)
            case _ if self._waited >= self._outside.policy.ci_timeout:
                problem = f"{what} does not show after {self._waited.total_seconds() / 60:.3g} min"
                return self._blocked(self._failure(problem, "unclear", ""))
            case Delayed(reason=reason, until=until):
                return self._held(reason, until)
            case Sent(answer=said) | Moved(detail=said):
                return self._held(f"{what} was asked for and does not show yet" + (f": {said}" if said else ""))

    def _blocked(self, failure: Failure) -> ev.ReleaseBlocked:
        return ev.ReleaseBlocked(replace(failure, step=f"release:{self._release.step}", at=self._now))

    def _failure(self, message: str, code: str, command: str) -> Failure:
        return Failure(FailureClass.GATE, f"release:{self._release.step}", message, command=command, code=code)

"""Where issues are filed: each wish once, over every REST dialect, over scripts, and with no forge at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mosaic_daemon.forges.base import IssueText, Rejected
from mosaic_daemon.forges.desk import HostingDesk, InternalDesk
from mosaic_daemon.forges.rest import connect
from mosaic_daemon.forges.wrappers.desk import ScriptsDesk
from mosaic_daemon.ground.errors import Refused, Unavailable
from mosaic_daemon.ground.settings import ForgeSettings
from tests.forges.rest.conftest import DIALECTS, Bench, MakeBench, make_bench, make_fake
from tests.forges.scripted import ScriptedBench

__all__ = ["make_bench", "make_fake"]

MARKER = "<!-- mosaic-phase:widget/0.0.1/P1 -->"
BODY = f"## Findings\n- SEC-1: see #31\n\n{MARKER}\n"
TEXT = IssueText("Phase 1: Critical Security Fixes", BODY, ("security", "critical"), "0.0.1", MARKER)


@pytest.fixture(params=DIALECTS)
def rest(request: pytest.FixtureRequest, make_bench: MakeBench) -> Bench:
    return make_bench(request.param)


def desk_of(bench: Bench) -> HostingDesk:
    return HostingDesk(bench.forge, pauses_sec=(0.0, 0.0))


class TestRest:
    async def test_an_issue_gets_its_labels_and_a_milestone_that_did_not_exist(self, rest: Bench) -> None:
        ref = await desk_of(rest).create_issue(TEXT)
        (issue,) = rest.fake.issues
        assert ref == f"#{issue.number}"
        assert (issue.title, issue.body) == (TEXT.title, TEXT.body)
        assert sorted(issue.labels) == ["critical", "security"]
        (milestone,) = rest.fake.milestones
        assert (milestone.title, issue.milestone) == ("0.0.1", milestone.id)

    async def test_asked_again_it_is_the_same_one(self, rest: Bench, make_bench: MakeBench) -> None:
        """By the same desk, by another one, after somebody closed it."""
        ref = await desk_of(rest).create_issue(TEXT)
        assert await desk_of(rest).create_issue(TEXT) == ref
        rest.fake.core.close(rest.fake.issues[0])
        assert await desk_of(make_bench(rest.fake)).create_issue(TEXT) == ref
        assert await desk_of(rest).find_issue(MARKER) == ref
        assert (len(rest.fake.issues), len(rest.fake.milestones), rest.fake.count("create_issue")) == (1, 1, 1)

    @pytest.mark.parametrize("lost", [False, True])
    async def test_a_comment_is_made_once(self, rest: Bench, lost: bool) -> None:
        """Also when its answer was lost."""
        ref = await desk_of(rest).create_issue(TEXT)
        if lost:
            rest.fake.on("comment").then_drop()
        for _ in range(2):
            await desk_of(rest).comment(ref, "Found since: SEC-2\n\n<!-- mark -->", "<!-- mark -->")
        assert len(rest.fake.comments(rest.fake.issues[0])) == 1

    async def test_each_phase_has_its_own(self, rest: Bench) -> None:
        """`P1` and `P12` are two, and another's words about a phase are none."""
        other = MARKER.replace("P1", "P12")
        twelfth = await desk_of(rest).create_issue(IssueText("Phase 12", other, (), "", other))
        assert await desk_of(rest).find_issue(MARKER) is None
        assert await desk_of(rest).create_issue(TEXT) != twelfth

    @pytest.mark.parametrize("lost", ["500", "dropped"])
    async def test_an_answer_that_is_lost_after_it_was_done(self, rest: Bench, lost: str) -> None:
        order = rest.fake.on("create_issue")
        order.then_answer(500) if lost == "500" else order.then_drop()
        ref = await desk_of(rest).create_issue(TEXT)
        assert ref == f"#{rest.fake.issues[0].number}"
        assert (len(rest.fake.issues), rest.fake.count("create_issue")) == (1, 1)

    @pytest.mark.parametrize("lost", ["500", "dropped"])
    async def test_an_answer_that_is_lost_and_nothing_was_done(self, rest: Bench, lost: str) -> None:
        """Nobody can know: it is not sent again until it is asked for again."""
        order = rest.fake.on("create_issue")
        order.answer(500) if lost == "500" else order.drop()
        with pytest.raises(Unavailable, match="not known whether it was made"):
            await desk_of(rest).create_issue(TEXT)
        assert (len(rest.fake.issues), rest.fake.count("create_issue")) == (0, 1)
        assert await desk_of(rest).create_issue(TEXT) == f"#{rest.fake.issues[0].number}"

    async def test_a_list_that_lags_behind_is_read_again(self, rest: Bench) -> None:
        looks = 1 if rest.fake.dialect.name == "github" else 2  # the others search as well
        rest.fake.on("list_issues", skip=looks, times=looks).edit(lambda _: [])
        assert await desk_of(rest).create_issue(TEXT) == f"#{rest.fake.issues[0].number}"
        assert rest.fake.unmet() == []

    async def test_a_forge_that_is_down_has_got_nothing(self, rest: Bench) -> None:
        rest.fake.on("*", times=99).answer(503)
        with pytest.raises(Unavailable):
            await desk_of(rest).create_issue(TEXT)
        assert rest.fake.count("create_issue") == 0

    async def test_a_refusal_says_what_to_run_by_hand(self, rest: Bench) -> None:
        rest.fake.on("create_issue").answer(422, {"message": "the title is too rude"})
        with pytest.raises(Rejected, match="too rude") as caught:
            await desk_of(rest).create_issue(TEXT)
        assert "curl -sS -i -X POST" in caught.value.remedy
        assert rest.fake.token not in caught.value.line
        assert rest.fake.issues == []

    async def test_a_token_that_may_not_make_labels(self, rest: Bench) -> None:
        """Where the forge refuses, nothing is made; the label's own command is in the message."""
        rest.fake.on("create_label").answer(403, {"message": "not for you"})
        with pytest.raises(Rejected, match="not for you") as caught:
            await desk_of(rest).create_issue(TEXT)
        assert "/labels" in caught.value.failure.command
        assert rest.fake.issues == []

    async def test_labels_that_the_forge_drops_without_a_word(self, rest: Bench) -> None:
        """There is an issue, and its ref; what it lacks is logged by the dialect."""
        rest.fake.issue("Old", labels=["security", "critical"], milestone="0.0.1")
        rest.fake.settings.can_push = False
        ref = await desk_of(rest).create_issue(TEXT)
        assert ref == f"#{rest.fake.issues[-1].number}"
        assert len(rest.fake.issues) == 2

    async def test_a_closed_milestone_gets_no_new_issue(self, rest: Bench) -> None:
        """It is over. An issue that it has is found all the same."""
        rest.fake.issue("Old", milestone="0.0.1")
        rest.fake.milestones[0].state = "closed"
        with pytest.raises(Refused, match=r"'0\.0\.1' is closed"):
            await desk_of(rest).create_issue(TEXT)
        assert rest.fake.count("create_issue") == 0
        known = rest.fake.issue(TEXT.title, TEXT.body, milestone="0.0.1")
        assert await desk_of(rest).create_issue(TEXT) == f"#{known.number}"


async def test_a_desk_is_made_from_the_settings(make_bench: MakeBench, tmp_path: Path) -> None:
    fake = make_bench("gitea").fake
    file = tmp_path / "token"
    file.write_text(fake.token)
    file.chmod(0o600)
    settings = ForgeSettings(provider="gitea", url=fake.url, repo=fake.repo, token_file=file)
    desk = connect.desk(settings, "https://git.example.org/another/one.git")
    assert await desk.find_issue(MARKER) is None
    await desk.aclose()
    assert fake.count("list_issues") > 0


class TestScripts:
    @pytest.fixture
    async def bench(self, tmp_path: Path) -> ScriptedBench:
        return await ScriptedBench.start(tmp_path)

    @staticmethod
    def desk(bench: ScriptedBench) -> ScriptsDesk:
        return ScriptsDesk(bench.commands, bench.conduct, bench.repository.root)

    async def test_the_script_runs_once(self, bench: ScriptedBench) -> None:
        """However often it is asked for, by whichever process. It is told the marker; `{number}` is no placeholder."""
        text = IssueText("Phase 1: {number} fixes", BODY, ("security", "p1"), "M6", MARKER)
        assert await self.desk(bench).find_issue(MARKER) is None
        for _ in range(2):
            assert await self.desk(bench).create_issue(text) == "#31"
            bench.restart()
        assert await self.desk(bench).find_issue(MARKER) == "#31"
        body = BODY.replace("\n", " ")
        assert bench.calls("issue-create") == [f"-t Phase 1: {{number}} fixes -b {body} -l security,p1 -m M6"]
        assert bench.env("issue-create")["MOSAIC_MARKER"] == MARKER

    async def test_a_comment_needs_a_script(self, bench: ScriptedBench) -> None:
        """Without one there is none; with one it is run once."""
        await self.desk(bench).comment("#31", "Found since", MARKER)
        assert bench.calls("issue-comment") == []
        script = (bench.tool("issue-comment.sh"), "-i", "{issue}", "-b", "{message}")
        bench.commands = replace(bench.commands, issue_comment=script)
        for _ in range(2):
            await self.desk(bench).comment("#31", "Found since", MARKER)
            bench.restart()
        assert bench.calls("issue-comment") == ["-i 31 -b Found since"]

    async def test_it_is_known_by_its_run_when_nobody_wrote_the_number_down(self, bench: ScriptedBench) -> None:
        """Killed between the script's end and the note."""
        await self.desk(bench).create_issue(TEXT)
        (note,) = bench.conduct.folder.glob("*.json")
        note.unlink()
        assert await self.desk(bench).create_issue(TEXT) == "#31"
        assert len(bench.calls("issue-create")) == 1

    async def test_each_phase_has_its_own(self, bench: ScriptedBench) -> None:
        await self.desk(bench).create_issue(TEXT)
        second = MARKER.replace("P1", "P2")
        await self.desk(bench).create_issue(IssueText("Phase 2", second, (), "", second))
        assert len(bench.calls("issue-create")) == 2

    async def test_a_script_that_fails_is_run_again_when_it_is_asked_for_again(self, bench: ScriptedBench) -> None:
        bench.tell("issue-create", "before", "echo 'no such label' >&2; exit 1")
        desk = self.desk(bench)
        with pytest.raises(Rejected, match="no such label") as caught:
            await desk.create_issue(TEXT)
        assert f"by hand: {bench.tool('issue-create.sh')} -t 'Phase 1" in caught.value.remedy
        await desk.aclose()
        bench.forget("issue-create", "before")
        assert await self.desk(bench).create_issue(TEXT) == "#31"

    async def test_a_script_that_asks_for_later(self, bench: ScriptedBench) -> None:
        bench.tell("issue-create", "before", "exit 75")
        with pytest.raises(Unavailable, match="try later"):
            await self.desk(bench).create_issue(TEXT)

    async def test_one_that_names_no_number_is_not_run_again(self, bench: ScriptedBench) -> None:
        """There may be an issue: a person says which one it is."""
        bench.tell("issue-create", "before", "echo 'done, see the web page'; exit 0")
        for _ in range(2):
            desk = self.desk(bench)
            with pytest.raises(Rejected, match="names no number") as caught:
                await desk.create_issue(TEXT)
            await desk.aclose()
        assert len(bench.calls("issue-create")) == 1
        file = Path(caught.value.problem.rpartition(" into ")[2])
        file.write_text(json.dumps({"issue": "#12"}))
        assert await self.desk(bench).create_issue(TEXT) == "#12"

    async def test_one_that_was_killed_may_have_done_it(self, bench: ScriptedBench) -> None:
        """Unclear at first; the next time a person is told to look."""
        bench.tell("issue-create", "after", "kill -9 $$")
        with pytest.raises(Unavailable):
            await self.desk(bench).create_issue(TEXT)
        with pytest.raises(Rejected, match="may be missing"):
            await self.desk(bench).create_issue(TEXT)
        assert len(bench.calls("issue-create")) == 1


class TestNoForge:
    async def test_a_phase_has_an_internal_ref(self) -> None:
        desk = InternalDesk()
        assert await desk.create_issue(TEXT) == await desk.find_issue(MARKER) == "TASKS:P1"
        await desk.aclose()

    async def test_what_is_no_phase_has_no_issue(self) -> None:
        assert await InternalDesk().find_issue("<!-- another -->") is None
        with pytest.raises(Refused):
            await InternalDesk().create_issue(IssueText("t", "b", (), "", "<!-- another -->"))

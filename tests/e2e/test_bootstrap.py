"""From a review report to delivered work, with the real commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mosaic_daemon.nouns.figures import tokens
from tests.e2e.conftest import OnForge
from tests.support.bootstrap import CONFIG, FINDINGS, HANDSHAKE, REPORT, bootstrap, plan_of, with_report
from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo, git, rows_of

NOBODY = {f"GIT_{who}_{what}": "" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def head(repo: Repo) -> str:
    return git(repo.root, "rev-parse", "HEAD")


def everything(repo: Repo) -> dict[str, bytes]:
    """All files of the checkout by path, git's and the daemon's aside."""
    return {
        str(path.relative_to(repo.root)): path.read_bytes()
        for path in repo.root.rglob("*")
        if path.is_file() and not {".git", ".mosaic"} & set(path.parts)
    }


def test_a_report_becomes_work_on_the_origins_main(repo: Repo, start: Start) -> None:
    """One command plans and commits, the next one delivers: every finding is mended, phase after phase."""
    repo.configure(GATE + CONFIG)
    said = bootstrap(repo, with_report(repo), "--prefix", "MS")
    assert said.stdout.startswith(HANDSHAKE)
    daemon = start(repo, "--until-idle")
    assert daemon.wait(patience_sec=120) == 0, daemon.log
    rows = rows_of(repo.on_main("docs/TASKS.md") or "")
    assert {row["status"] for row in rows.values()} == {"done"}
    mended = {row["description"].partition(":")[0]: name for name, row in rows.items()}
    assert {mended[finding] for finding in FINDINGS} <= set(repo.squashes())
    assert set(repo.squashes().values()) == {1}
    phases = [repo.shown()[name.split(".")[0]]["phase"] for name in ordered_landings(repo)]
    assert phases == sorted(phases)


def ordered_landings(repo: Repo) -> list[str]:
    """Tasks in the order in which they reached the base branch."""
    log = git(repo.landed, "log", "--reverse", "--format=%(trailers:key=Mosaic-Task,valueonly)", "main")
    return log.split()


def test_what_is_committed_is_the_guides(repo: Repo) -> None:
    """Message, files and columns; nothing but allow-listed paths, and `docs/` stays clean."""
    repo.configure(GATE)
    bootstrap(repo, with_report(repo), "--prefix", "MS")
    message = git(repo.landed, "log", "-1", "--format=%B", "main").splitlines()
    assert message[0] == "chore(orchestrator): Bootstrap tasks.md from review report"
    assert message[2].startswith("Parsed 4 findings into ")
    assert message[2].endswith(" tasks across 4 phases.")
    assert message[3].startswith("Estimated total: ")
    changed = git(repo.landed, "show", "--name-only", "--format=", "main").split()
    assert sorted(changed) == [
        ".gitignore",
        "docs/PRD.md",
        "docs/TASKS.md",
        "docs/tasks/orchestrator-learnings.json",
        "docs/tasks/plan.json",
        "docs/tasks/plan.md",
    ]
    assert "ASSUMPTION:" in (repo.on_main("docs/PRD.md") or "")
    assert "docs/reports/qa-automation/" in (repo.on_main(".gitignore") or "").splitlines()
    assert "```mermaid" in (repo.on_main("docs/tasks/plan.md") or "")
    row = rows_of(repo.on_main("docs/TASKS.md") or "")["MS-SEC-001"]
    assert row["description"] == "SEC-API-1: Login accepts an empty password"
    assert (row["status"], row["issue"], row["repo"], row["branch"]) == (
        "not-started",
        "TASKS:P1",
        "api",
        "fix/security-ms-sec-001",
    )
    assert git(repo.root, "status", "--porcelain") == ""


def test_the_queue_gets_what_the_table_has_no_column_for(repo: Repo) -> None:
    """Phase, kind, files and the report's own words for the worker."""
    repo.configure(GATE)
    bootstrap(repo, with_report(repo), "--prefix", "MS")
    entry = repo.shown()["MS-SEC-001"]
    assert (entry["phase"], entry["kind"], entry["files"]) == (1, "code", ["src/auth.py"])
    assert "The check is skipped when the password is empty." in entry["prompt"]
    kinds = {each["kind"] for each in repo.shown().values()}
    assert {"verification", "docs"} <= kinds


def test_edits_before_the_first_start_count_in_the_queue_as_in_the_table(repo: Repo, start: Start) -> None:
    """Neither face is taken for an edit of what the other one was planned with."""
    repo.configure(GATE + CONFIG)
    bootstrap(repo, with_report(repo), "--prefix", "MS")
    planned = repo.shown()
    repo.edit_tasks(MS_TEST_001={"description": "TEST-001: mine", "depends_on": []}, MS_CQ_001={"estimate": "7K"})
    repo.push_table_edit("CQ-WEB-1: Orders are loaded one by one", "CQ-WEB-1: Ours")
    daemon = start(repo).ready()
    daemon.until(lambda: repo.record("MS-CQ-001")["task"]["description"] == "CQ-WEB-1: Ours", "the table's edit")
    edited, both = (repo.record(task)["task"] for task in ("MS-TEST-001", "MS-CQ-001"))
    assert (edited["description"], edited["depends_on"]) == ("TEST-001: mine", [])
    assert edited["estimate"] == planned["MS-TEST-001"]["estimate"]
    assert (both["estimate"], both["depends_on"]) == ("7K", planned["MS-CQ-001"]["depends_on"])
    daemon.until(
        lambda: repo.table()["MS-TEST-001"]["description"] == "TEST-001: mine", "the table to show the queue's"
    )


def test_the_same_report_again_changes_nothing(repo: Repo) -> None:
    repo.configure(GATE)
    report = with_report(repo)
    bootstrap(repo, report)
    before, queue = head(repo), repo.tasks_file.read_bytes()
    again = bootstrap(repo, report)
    assert "nothing" in again.stdout
    assert (head(repo), repo.tasks_file.read_bytes()) == (before, queue)


def test_an_edited_report_adds_and_updates_and_never_doubles(repo: Repo, start: Start) -> None:
    """What is done stays done; a phase that was verified and gets new work is verified again."""
    repo.configure(GATE + CONFIG)
    report = with_report(repo)
    bootstrap(repo, report, "--prefix", "MS")
    assert start(repo, "--until-idle").wait(patience_sec=120) == 0
    done = set(repo.statuses())
    git(repo.root, "pull", "-q", "--rebase")
    text = REPORT["01-security-review.md"] + (
        "\n### SEC-API-3: Passwords are logged\n\n**Severity:** Critical\n**File:** `src/log.py:3`\n"
    )
    with_report(repo, {"01-security-review.md": text})
    bootstrap(repo, report)
    rows = rows_of(repo.on_main("docs/TASKS.md") or "")
    new = {name: row for name, row in rows.items() if name not in done}
    assert {rows[name]["status"] for name in done} == {"done"}
    assert [row["description"].partition(":")[0] for row in new.values() if ":" in row["description"]] == ["SEC-API-3"]
    assert any(row["description"].startswith("Verify phase 1") for row in new.values())
    again = start(repo, "--until-idle")
    assert again.wait(patience_sec=120) == 0, again.log
    assert set(repo.statuses().values()) == {"done"}
    assert set(repo.squashes().values()) == {1}


def test_learnt_factors_are_estimated_with_and_committed(repo: Repo) -> None:
    """As `retro --apply` leaves them; a broken file stops it before anything is changed."""
    report = with_report(repo)
    bootstrap(repo, report, "--prefix", "MS")
    before = repo.table()["MS-TEST-001"]["estimate"]
    file = repo.root / "docs" / "tasks" / "estimates.json"
    file.write_text('{"version": 1,\n]')
    assert "estimates.json:2" in bootstrap(repo, report, code=78).stderr
    file.write_text('{"version": 1, "factors": {"TEST_ADD": {"factor": 0.5, "samples": 3}}}')
    assert "learned: TEST_ADD × 0.5 from 3 tasks" in bootstrap(repo, report, "--dry-run").stdout
    bootstrap(repo, report)
    assert repo.on_main("docs/tasks/estimates.json") == file.read_text()
    assert tokens(repo.table()["MS-TEST-001"]["estimate"]) * 2 == tokens(before)
    assert git(repo.root, "status", "--porcelain") == ""


def test_a_dry_run_shows_the_whole_plan_and_changes_nothing(repo: Repo) -> None:
    """Tasks by phase, reasons of estimates, the graph, the budget, what would be written; as text and as JSON."""
    repo.configure(GATE)
    report = with_report(repo)
    before = everything(repo), head(repo)
    text = bootstrap(repo, report, "--dry-run").stdout
    for piece in ("Phase 1", "Critical", "SEC-API-1", "flowchart", "Budget", "docs/TASKS.md", "normal"):
        assert piece in text
    shown = bootstrap(repo, report, "--dry-run", "--json")
    document = json.loads(shown.stdout)
    assert [finding["id"] for finding in document["plan"]["findings"]] == list(FINDINGS)
    assert "docs/TASKS.md" in document["would_write"]
    assert shown.stderr == HANDSHAKE
    assert (everything(repo), head(repo)) == before
    assert not repo.tasks_file.exists()


def test_without_an_origin_the_plan_is_committed_locally(tmp_path: Path) -> None:
    repo = Repo(tmp_path, with_origin=False)
    repo.configure(GATE)
    bootstrap(repo, with_report(repo))
    assert plan_of(repo)["plan"]["report"] == "review"


def test_people_keep_their_prd_their_table_and_their_ignore_file(repo: Repo) -> None:
    """Foreign rows and text stay byte for byte, and no id is given twice."""
    repo.configure(GATE)
    columns = (
        "id | status | description | issue | repo | branch | depends_on | blocks | agent | started_at | completed_at"
        " | estimate | used | notes"
    )
    mine = (
        f"# Ours\n\nread this first\n\n| {columns} |\n|{'---|' * 14}\n| MS-SEC-001 | not-started | mine |{' |' * 11}\n"
    )
    theirs = {"docs/TASKS.md": mine, "docs/PRD.md": "# What we want\n", ".gitignore": "build/"}
    for path, text in theirs.items():
        (repo.root / path).parent.mkdir(exist_ok=True)
        (repo.root / path).write_text(text)
    git(repo.root, "add", *theirs)
    bootstrap(repo, with_report(repo), "--prefix", "MS")
    table = repo.on_main("docs/TASKS.md") or ""
    assert table.startswith("# Ours\n\nread this first\n\n")
    assert rows_of(table)["MS-SEC-001"]["description"] == "mine"
    assert rows_of(table)["MS-SEC-002"]["description"].startswith("SEC-API-1")
    assert repo.on_main("docs/PRD.md") == "# What we want"
    assert (repo.on_main(".gitignore") or "").startswith("build/\n")


def test_a_kickstart_file_says_it_all(repo: Repo, tmp_path: Path) -> None:
    """The guide's format, from anywhere: project, report, gates, milestone and prefix."""
    repo.configure(GATE)
    report = with_report(repo)
    kickstart = tmp_path / "kickstart.md"
    kickstart.write_text(
        "## Mission\nRemediate findings from the codebase review.\n\n## Setup\n"
        f"- Project: {repo.root}\n- Review: {report}/\n- Quality gates: make check\n"
        "- Milestone: 0.0.1 (for issue creation)\n- Task prefix: UC\n"
    )
    bootstrap(repo, "--kickstart", str(kickstart))
    assert plan_of(repo)["quality_gates"] == "make check"
    assert "UC-SEC-001" in repo.shown()


@pytest.mark.parametrize("version", ["0.1.0", "1.0.0", "0.2"])
def test_a_version_before_its_time_is_refused(repo: Repo, version: str) -> None:
    """0.1.0 is the MVP's."""
    repo.configure(GATE)
    report = with_report(repo)
    said = bootstrap(repo, report, "--milestone", version, code=78).stderr
    assert version in said
    if version == "0.1.0":
        bootstrap(repo, report, "--milestone", version, "--mvp")
        assert plan_of(repo)["plan"]["milestone"]["version"] == "0.1.0"


def test_a_cap_that_cannot_be_met_stops_before_anything_is_made(repo: Repo) -> None:
    """The person chooses one of three ways out."""
    repo.configure(GATE)
    report = with_report(repo)
    before = everything(repo), head(repo)
    said = bootstrap(repo, report, "--budget", "10K", code=3).stdout
    for way in ("reduce scope", "split into phases", "higher budget"):
        assert way in said
    assert (everything(repo), head(repo)) == before
    assert not repo.tasks_file.exists()


def test_a_tight_cap_freezes_new_starts(repo: Repo, start: Start) -> None:
    """`explain`, `status` and the exit code say so; a higher cap lets the work go on."""
    repo.configure(GATE + CONFIG)
    bootstrap(repo, with_report(repo), "--prefix", "MS")
    total = sum(float(entry["estimate"].rstrip("K")) for entry in repo.shown().values())
    repo.configure(f'{GATE}{CONFIG}[budget]\ncap = "{int(total * 1.05)}K"\n')
    frozen = start(repo, "--until-idle")
    assert frozen.wait() == 3
    assert set(repo.statuses().values()) == {"not-started"}
    assert "frozen" in repo.reports() or "no new starts" in repo.reports()
    repo.configure(f'{GATE}{CONFIG}[budget]\ncap = "{int(total * 3)}K"\n')
    assert start(repo, "--until-idle").wait(patience_sec=120) == 0


def test_an_origin_that_takes_no_push_is_said_and_nothing_is_lost(repo: Repo) -> None:
    """The commit is there; as soon as it can be pushed, the next bootstrap goes on with it."""
    repo.configure(GATE)
    assert repo.origin is not None
    hook = repo.origin / "hooks" / "pre-receive"
    report = with_report(repo)
    hook.write_text("#!/bin/sh\necho protected branch >&2\nexit 1\n")
    hook.chmod(0o755)
    said = bootstrap(repo, report, code=3).stdout
    assert "git push" in said
    assert not repo.tasks_file.exists()
    bootstrap(repo, report, code=3)
    hook.unlink()
    bootstrap(repo, report)
    assert repo.tasks_file.exists()
    assert git(repo.landed, "log", "--format=%s", "main").count("Bootstrap tasks.md") == 1


def test_a_hook_that_refuses_the_commit_leaves_everything_as_it_was(repo: Repo) -> None:
    repo.configure(GATE)
    report = with_report(repo)
    hook = repo.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on my watch >&2\nexit 1\n")
    hook.chmod(0o755)
    before = everything(repo), head(repo)
    assert "not on my watch" in bootstrap(repo, report, code=1).stderr
    assert (everything(repo), head(repo)) == before
    assert git(repo.root, "status", "--porcelain") == ""


@pytest.mark.parametrize("path", ["docs/tasks", "docs/TASKS.md/x"])
def test_a_file_in_the_way_leaves_everything_as_it_was(repo: Repo, path: str) -> None:
    """A folder that cannot be written, here because a file stands in its place."""
    repo.configure(GATE)
    report = with_report(repo)
    (repo.root / path).parent.mkdir(parents=True, exist_ok=True)
    (repo.root / path).write_text("in the way")
    before = everything(repo), head(repo)
    said = bootstrap(repo, report, code=78).stderr
    assert path.removesuffix("/x") in said
    assert (everything(repo), head(repo)) == before
    assert not repo.tasks_file.exists()


def test_a_checkout_elsewhere_or_with_edits_is_refused(repo: Repo) -> None:
    """On another branch; with edits in the very files; with commits that nobody has pushed."""
    repo.configure(GATE)
    report = with_report(repo)
    git(repo.root, "switch", "-q", "-c", "topic")
    assert "git switch main" in bootstrap(repo, report, code=1).stderr
    git(repo.root, "switch", "-q", "main")
    bootstrap(repo, report)
    (repo.root / ".gitignore").write_text("mine\n")
    assert ".gitignore" in bootstrap(repo, report, code=1).stderr
    git(repo.root, "commit", "-q", "-a", "-m", "mine")
    assert "push" in bootstrap(repo, report, code=1).stderr


def test_other_changes_in_the_checkout_stay_out_of_the_commit(repo: Repo) -> None:
    """Staged or not, they are as they were."""
    repo.configure(GATE)
    report = with_report(repo)
    (repo.root / "README.md").write_text("half done\n")
    (repo.root / "new.txt").write_text("staged\n")
    git(repo.root, "add", "new.txt")
    bootstrap(repo, report)
    assert git(repo.root, "status", "--porcelain").splitlines() == ["M README.md".rjust(12), "A  new.txt"]
    assert repo.on_main("new.txt") is None


def test_an_archived_milestone_that_is_not_over_is_a_persons_choice(repo: Repo) -> None:
    """Found, reported, and resumed or left as told."""
    repo.configure(GATE)
    report = with_report(repo)
    bootstrap(repo, report, "--prefix", "MS")
    git(repo.root, "mv", "docs/TASKS.md", "docs/tasks/M1-tasks.md")
    git(repo.root, "commit", "-q", "-m", "put away")
    git(repo.root, "push", "-q", "origin", "main")
    said = bootstrap(repo, report, code=3).stderr
    assert "docs/tasks/M1-tasks.md" in said
    assert "--resume" in said
    assert "--fresh" in said
    bootstrap(repo, "--resume")
    assert repo.on_main("docs/TASKS.md") == repo.on_main("docs/tasks/M1-tasks.md")
    assert "Resume M1" in git(repo.landed, "log", "-1", "--format=%s", "main")


def test_without_a_report_it_says_how_to_name_one(repo: Repo) -> None:
    assert "bootstrap docs/reports/NAME" in bootstrap(repo, code=2).stderr
    assert "no-such" in bootstrap(repo, "docs/reports/no-such", code=78).stderr


def test_a_folder_that_holds_our_own_files_is_no_report(repo: Repo) -> None:
    """Else the next bootstrap would find its own table in it, and double everything."""
    repo.configure(GATE)
    report = with_report(repo)
    for folder in (".", "docs"):
        assert "docs/TASKS.md" in bootstrap(repo, folder, code=78).stderr
    bootstrap(repo, report)
    assert "no report" in bootstrap(repo, "docs/tasks", code=78).stderr


def test_git_without_an_author_is_said_before_anything_is_made(repo: Repo) -> None:
    repo.configure(GATE)
    report = with_report(repo)
    git(repo.root, "config", "user.useConfigOnly", "true")
    for name in ("user.name", "user.email"):
        git(repo.root, "config", name, "")
    said = bootstrap(repo, report, code=1, env=NOBODY).stderr
    assert "git config --global user.email" in said
    assert not (repo.root / "docs/TASKS.md").exists()


def test_what_git_says_is_told_and_not_its_last_line(repo: Repo) -> None:
    repo.configure(GATE)
    report = with_report(repo)
    git(repo.root, "remote", "set-url", "origin", "/no/such/origin.git")
    assert "does not appear to be a git repository" in bootstrap(repo, report, code=75).stderr


def test_a_folder_that_cannot_be_written_is_named(repo: Repo) -> None:
    repo.configure(GATE)
    report = with_report(repo)
    (repo.root / "docs/tasks").symlink_to("nowhere")
    before = everything(repo), head(repo)
    said = bootstrap(repo, report, code=1).stderr
    assert "docs/tasks/plan.json: cannot be written" in said
    assert (everything(repo), head(repo)) == before


def test_a_report_that_is_a_link_in_a_circle_is_refused(repo: Repo) -> None:
    repo.configure(GATE)
    (repo.root / "round").symlink_to("round")
    assert "circle" in bootstrap(repo, "round", code=78).stderr


def test_a_requirements_file_that_is_a_link_stays_a_persons_own(repo: Repo) -> None:
    repo.configure(GATE)
    report = with_report(repo)
    (repo.root / "docs/PRD.md").symlink_to("../README.md")
    bootstrap(repo, report)
    assert repo.on_main("docs/PRD.md") is None
    assert (repo.root / "docs/PRD.md").is_symlink()


def test_a_task_that_waits_for_many_names_a_few(repo: Repo) -> None:
    repo.configure(GATE)
    findings = [f"### SEC-{number}: Problem {number}\n\nSeverity: High\n" for number in range(1, 31)]
    report = with_report(repo, {"review.md": "\n".join(findings)})
    shown = bootstrap(repo, report, "--dry-run").stdout
    assert "and 24 more" in shown
    assert max(map(len, shown.splitlines())) < 250


def test_on_a_forge_it_shows_the_issues_and_no_requests(tmp_path: Path) -> None:
    with OnForge.opened(tmp_path, "gitea") as place:
        report = with_report(place.repo)
        dry = bootstrap(place.repo, report, "--dry-run").stdout
        assert "Would make on gitea, with the milestone 0.0.1" in dry
        assert "Phase 1: Critical Security Fixes           security, critical" in dry
        assert place.fake.issues == []
        said = bootstrap(place.repo, report, "--json")
        assert said.stderr == HANDSHAKE
        assert [phase["issue"] for phase in json.loads(said.stdout)["plan"]["phases"]] == ["#1", "#2", "#3", "#4"]
        again = json.loads(bootstrap(place.repo, report, "--dry-run", "--json").stdout)
        assert (again["would_make"], again["would_write"]) == ([], [])


def test_an_archives_name_is_one_line_of_the_message(repo: Repo) -> None:
    """A file may be called anything; `-tasks.md` alone is no archive."""
    repo.configure(GATE)
    report = with_report(repo)
    bootstrap(repo, report, "--prefix", "MS")
    for name in ("-tasks.md", "evil\x1b[31m\nclose #1-tasks.md"):
        (repo.root / "docs/tasks" / name).write_bytes((repo.root / "docs/TASKS.md").read_bytes())
    git(repo.root, "rm", "-q", "docs/TASKS.md")
    git(repo.root, "commit", "-q", "-m", "put away")
    git(repo.root, "push", "-q", "origin", "main")
    bootstrap(repo, "--resume")
    message = git(repo.landed, "log", "-1", "--format=%B", "main")
    assert message.strip() == "chore(orchestrator): Resume evil[31m close #1 from its archive"


def test_a_higher_budget_that_is_advised_is_enough_to_start(repo: Repo) -> None:
    """Above 90 % of the cap nothing new starts: neither is that called delivered, nor is such a cap advised."""
    repo.configure(GATE)
    report = with_report(repo)
    over = bootstrap(repo, report, "--budget", "10K", code=3).stdout
    [advised] = re.findall(r"--budget (\S+)` or more", over)
    plan = json.loads(bootstrap(repo, report, "--dry-run", "--json").stdout)["plan"]
    frozen = bootstrap(repo, report, "--budget", str(plan["tokens"])).stdout
    assert "nothing is started before" in frozen
    assert "delivers it" not in frozen
    assert "conservative" in bootstrap(repo, report, "--budget", advised).stdout

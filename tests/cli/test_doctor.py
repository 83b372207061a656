"""`doctor`: what it finds missing, how it says so, and that it leaves everything as it was."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Commands
from tests.forges.fakes.fake import Fake, enterprise
from tests.forges.fakes.fixtures import DIALECTS
from tests.support.fixtures import Start
from tests.support.repo import GATE, Repo, git

SHELL = '[worker]\nruntime = "shell"\n'


@pytest.fixture(autouse=True)
def ready(repo: Repo) -> None:
    """A repository where nothing is missing."""
    repo.state.chmod(0o700)
    (repo.root / ".git" / "info" / "exclude").write_text("/.mosaic/orchestrator/\n")
    repo.configure(SHELL + GATE)


def findings(answer: Answer) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in answer.json["findings"]}


def wrong(answer: Answer) -> dict[str, str]:
    """What is not ok, as one text each."""
    return {name: f"{each['detail']}; {each['remedy']}" for name, each in findings(answer).items() if not each["ok"]}


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its mode and content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
        if not path.is_socket()
    }


def test_all_is_well(repo: Repo, command: Commands) -> None:
    """0, a line for each thing, and nothing was touched, in the repository or at its origin."""
    before = tree(repo.folder)
    answer = command.process("doctor")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert all(line.startswith(("ok ", "warn ")) for line in lines), answer.out
    assert {"git", "python", "origin", "push", "checkout", "settings", "ci"} <= {line.split()[1] for line in lines}
    assert tree(repo.folder) == before


def test_one_json_document(command: Commands) -> None:
    answer = command("doctor", "--json")
    assert (answer.code, answer.json["ok"], answer.json["exit_code"]) == (0, True, 0)
    assert set(answer.json["findings"][0]) == {"name", "level", "ok", "detail", "remedy"}


def test_beside_a_running_daemon(repo: Repo, command: Commands, start: Start) -> None:
    daemon = start(repo).ready()
    answer = command("doctor", "--json")
    assert answer.code == 0
    assert findings(answer)["daemon"]["detail"] == f"running (pid {daemon.pid})"


def test_an_old_git(repo: Repo, command: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = repo.folder / "bin"
    folder.mkdir()
    (folder / "git").write_text('#!/bin/sh\n[ "$1" = version ] && echo git version 2.37.9 || exec /usr/bin/git "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    answer = command("doctor", "--json")
    assert answer.code == 1
    assert wrong(answer) == {"git": "2.37.9; install git 2.38 or newer"}


def test_wrong_settings(repo: Repo, command: Commands) -> None:
    """78, with file and line; everything that needs no settings is still told."""
    repo.configure("[run]\npol_sec = 1\n")
    answer = command("doctor")
    assert (answer.code, answer.err) == (78, "")
    assert "not ok  settings" in answer.out
    assert "config.toml:2: unknown key `run.pol_sec`; did you mean `poll_sec`?" in answer.out
    assert "ok      git" in answer.out


def test_settings_that_cannot_work_together(repo: Repo, command: Commands) -> None:
    repo.configure(SHELL + '[gate]\nci = "required"\n')
    answer = command("doctor", "--json")
    assert answer.code == 78
    assert "`gate.ci_command` names no command" in wrong(answer)["settings"]


def test_agents_that_are_not_installed(repo: Repo, command: Commands) -> None:
    """The default one, configured ones, and those that live tasks name; a path is seen from the repository."""
    repo.configure(
        '[worker]\nruntime = "mine"\n[runtimes.mine]\ncommand = ["no-such-agent", "{prompt_file}"]\nprompt = "file"\n'
        '[runtimes.ours]\ncommand = ["tools/agent"]\nprompt = "stdin"\n'
    )
    repo.write_tasks(
        {"id": "A", "description": "x", "runtime": "nobody"},
        {"id": "B", "description": "x", "runtime": "gone", "status": "done"},
    )
    answer = command("doctor", "--json")
    assert answer.code == 78
    found = wrong(answer)
    assert found["runtime mine"].startswith("`no-such-agent` is not on the PATH")
    assert found["runtime ours"].startswith("`tools/agent` is not there, or not executable")
    assert "set `runtimes.nobody.command`" in found["runtime nobody"]
    assert "runtime gone" not in found
    (repo.root / "tools").mkdir()
    (repo.root / "tools" / "agent").touch(mode=0o755)
    assert "runtime ours" not in wrong(command("doctor", "--json"))


def test_a_queue_that_cannot_be_read(repo: Repo, command: Commands) -> None:
    repo.write_queue(b"{")
    answer = command("doctor", "--json")
    assert answer.code == 78
    assert "tasks.json:1" in wrong(answer)["tasks.json"]


def test_ci_that_is_not_there(repo: Repo, command: Commands) -> None:
    repo.configure(SHELL + '[gate]\nci_command = ["no-such-ci"]\n')
    answer = command("doctor", "--json")
    assert answer.code == 1
    assert wrong(answer) == {"ci": "`no-such-ci` is not on the PATH; install it, or set `gate.ci_command`"}


def test_an_origin_that_is_away(repo: Repo, command: Commands) -> None:
    """75, as it may come back; with something else to mend it is that."""
    assert repo.origin is not None
    repo.origin.rename(repo.folder / "elsewhere.git")
    answer = command("doctor", "--json")
    assert answer.code == 75
    assert set(wrong(answer)) == {"origin"}
    repo.configure(SHELL + '[gate]\nci_command = ["no-such-ci"]\n')
    assert command("doctor").code == 1


def test_a_base_branch_that_is_not_at_the_origin(repo: Repo, command: Commands) -> None:
    repo.configure(SHELL + '[tracking]\nbase_branch = "trunk"\n')
    answer = command("doctor", "--json")
    assert answer.code == 1
    assert wrong(answer)["base branch"].startswith("there is no branch `trunk`")


def test_changes_in_the_checkout_are_in_nobodys_way(repo: Repo, command: Commands) -> None:
    (repo.root / "README.md").write_text("mine\n")
    answer = command("doctor", "--json")
    assert answer.code == 0
    assert "1 changed file" in findings(answer)["checkout"]["detail"]


def test_without_an_origin_they_are(repo: Repo, command: Commands) -> None:
    """Changes land in this very checkout."""
    git(repo.root, "remote", "remove", "origin")
    assert command("doctor").code == 0
    (repo.root / "README.md").write_text("mine\n")
    answer = command("doctor", "--json")
    assert answer.code == 1
    assert "nothing lands before" in wrong(answer)["checkout"]
    git(repo.root, "checkout", "-q", "README.md")
    (repo.root / ".git" / "MERGE_HEAD").write_text(git(repo.root, "rev-parse", "HEAD"))
    assert "in the middle of a merge" in wrong(command("doctor", "--json"))["checkout"]


def test_a_state_folder_that_others_may_read_or_git_sees(repo: Repo, command: Commands) -> None:
    repo.state.chmod(0o755)
    assert "chmod 700" in wrong(command("doctor", "--json"))["state folder"]
    repo.state.chmod(0o700)
    (repo.root / ".git" / "info" / "exclude").write_text("")
    answer = command("doctor", "--json")
    assert answer.code == 1
    assert "git sees" in wrong(answer)["state folder"]


def test_before_anything_was_prepared(tmp_path: Path, command: Commands) -> None:
    """It does not prepare it, either."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path / "new")], check=True)
    answer = command("doctor", "--json", cwd=tmp_path / "new")
    assert set(wrong(answer)) <= {"base branch", "runtime claude"}
    assert not (tmp_path / "new" / ".mosaic").exists()


def test_scripts_of_a_persons_own(repo: Repo, command: Commands) -> None:
    """Each one is looked for."""
    repo.configure(SHELL + '[forge]\nprovider = "wrappers"\n[forge.commands]\npr_ci_wait = ["true"]\nissue_view = []\n')
    folder = repo.folder / "home" / ".config" / "mosaic" / "tools" / "git"
    folder.mkdir(parents=True)
    (folder / "pr-create.sh").touch(mode=0o755)
    (folder / "pr-merge.sh").touch(mode=0o644)
    answer = command("doctor", "--json")
    assert answer.code == 1
    found = wrong(answer)
    assert "pr-merge.sh` is not there, or not executable" in found["script pr_merge"]
    assert "script milestone_close" in found
    assert not {"script pr_create", "script pr_ci_wait", "script issue_view"} & set(found)


# --- what the guide's rules need --------------------------------------------------------------------------------------


def script(folder: Path, name: str) -> str:
    file = folder / name
    file.touch(mode=0o755)
    return str(file)


def reviewed(repo: Repo, review: str, author: str = "shell") -> None:
    """Settings with these lines under `[review]`, and two agents of which one is there."""
    here, gone = script(repo.folder, "critic"), repo.folder / "no-critic"
    agents = "".join(
        f'[runtimes.{name}]\ncommand = ["{file}"]\nprompt = "stdin"\noutput = "text"\n'
        for name, file in (("critic", here), ("absent", gone))
    )
    repo.configure(f'[worker]\nruntime = "{author}"\n{GATE}[review]\n{review}\n{agents}')


def test_without_reviewers_nothing_is_wrong_and_it_is_said(command: Commands) -> None:
    found = findings(command("doctor", "--json"))
    assert "codex-code-review.sh` is not there, or not executable" in found["review code"]["detail"]
    assert "nobody reviews it for code and security" in found["review of shell"]["detail"]


def test_the_reviewers_that_are_there(repo: Repo, command: Commands) -> None:
    """A script by its path, and the agent for what has none."""
    code = script(repo.folder, "code.sh")
    reviewed(repo, f'mode = "required"\ncode = ["{code}"]\nsecurity = ["/nowhere/s.sh"]\nruntime = "critic"')
    answer = command("doctor", "--json")
    assert set(wrong(answer)) == {"runtime absent"}
    found = findings(answer)
    assert found["review code"]["detail"] == code
    assert "`/nowhere/s.sh` is not there" in found["review security"]["detail"]
    assert found["review of shell"]["detail"] == "by the scripts and runtime critic"


def test_a_script_that_is_not_executable_is_none(repo: Repo, command: Commands) -> None:
    code = script(repo.folder, "code.sh")
    Path(code).chmod(0o644)
    reviewed(repo, f'mode = "required"\ncode = ["{code}"]\nsecurity = []')
    found = wrong(command("doctor", "--json"))
    assert found["review of shell"].startswith("nobody reviews it for code and security; install the scripts")


def test_a_fallback_reviewer_that_is_not_installed(repo: Repo, command: Commands) -> None:
    reviewed(repo, 'runtime = "absent"')
    assert "no-critic` is not there, or not executable" in wrong(command("doctor", "--json"))["review fallback"]


@pytest.mark.parametrize(("author", "runtime", "ok"), [("critic", "critic", False), ("shell", "critic", True)])
def test_whether_another_runtime_can_review(repo: Repo, command: Commands, author: str, runtime: str, ok: bool) -> None:
    reviewed(repo, f'other_runtime = true\nruntime = "{runtime}"', author)
    finding = findings(command("doctor", "--json"))[f"review of {author}"]
    assert finding["ok"] is ok, finding
    assert ok or "it has to be another runtime than critic" in finding["detail"]


def test_the_scripts_count_as_codex(repo: Repo, command: Commands) -> None:
    """They may not review its work where that is forbidden."""
    both = f'code = ["{script(repo.folder, "c.sh")}"]\nsecurity = ["{script(repo.folder, "s.sh")}"]\n'
    reviewed(repo, both + "other_runtime = true", "codex")
    assert "nobody reviews it for code and security" in wrong(command("doctor", "--json"))["review of codex"]
    reviewed(repo, both, "codex")
    assert findings(command("doctor", "--json"))["review of codex"]["detail"] == "by the scripts"


def test_reviews_that_are_off(repo: Repo, command: Commands) -> None:
    reviewed(repo, 'mode = "off"')
    assert findings(command("doctor", "--json"))["review"]["detail"] == "off: nothing is reviewed"


def test_the_checklist_that_counts(repo: Repo, command: Commands) -> None:
    """The project's own as it is on the base branch, or the template's; one that asks for nothing is no checklist."""
    assert "the template's" in findings(command("doctor", "--json"))["docs checklist"]["detail"]
    (clone := repo.colleague()).joinpath("docs").mkdir()
    for text, items in (("- [ ] README\n* [x] API\n", 2), ("to be written\n", 0)):
        (clone / "docs" / "DOCUMENTATION-CHECKLIST.md").write_text(text)
        git(clone, "add", "docs")
        git(clone, "commit", "-q", "-m", "checklist")
        git(clone, "push", "-q")
        git(repo.root, "fetch", "-q")
        finding = findings(command("doctor", "--json"))["docs checklist"]
        assert finding["ok"] is (items > 0)
        assert finding["detail"].startswith("docs/DOCUMENTATION-CHECKLIST.md on `main`")


def test_a_template_that_cannot_be_read(repo: Repo, command: Commands) -> None:
    file = repo.folder / "templates" / "docs" / "DOCUMENTATION-CHECKLIST.md"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff")
    repo.configure(f'{SHELL}{GATE}[templates]\npath = "{file.parents[1]}"\n')
    answer = command("doctor", "--json")
    assert answer.code == 78
    assert "the template cannot be read" in wrong(answer)["docs checklist"]


def test_learnings_that_cannot_be_added_to(repo: Repo, command: Commands) -> None:
    """With the line; those that can are counted."""
    assert findings(command("doctor", "--json"))["learnings"]["detail"] == "none yet"
    (clone := repo.colleague()).joinpath("docs", "tasks").mkdir(parents=True)
    for text in ('{"learnings": [],\n oops', "[]"):
        (clone / "docs" / "tasks" / "orchestrator-learnings.json").write_text(text)
        git(clone, "add", "docs")
        git(clone, "commit", "-q", "-m", "learnings")
        git(clone, "push", "-q")
        git(repo.root, "fetch", "-q")
        answer = command("doctor", "--json")
        assert (answer.code == 78) is ("oops" in text)
        assert ("orchestrator-learnings.json:2" in wrong(answer).get("learnings", "")) is ("oops" in text)


def test_how_a_person_is_told(repo: Repo, command: Commands) -> None:
    assert "nobody is told" in findings(command("doctor", "--json"))["notify"]["detail"]
    repo.configure(SHELL + GATE + '[notify]\nmatrix_homeserver = "https://m.example"\nmatrix_room = "!a:b"\n')
    assert "there is no token" in wrong(command("doctor", "--json"))["notify"]


def test_help_imports_next_to_nothing(command: Commands) -> None:
    code = """
import sys
from mosaic_daemon.cli import main
try:
    main(["doctor", "--help"])
except SystemExit:
    pass
heavy = {"pydantic", "rich", "anyio", "loguru", "asyncio", "httpx"} & sys.modules.keys()
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- with a forge -----------------------------------------------------------------------------------------------------


def connected(repo: Repo, fake: Fake, token: str = "") -> Path:
    """Configure the repository for this forge; the token's file."""
    file = repo.folder / "token"
    file.touch(mode=0o600)
    file.write_text(token or fake.token)
    provider = {"forgejo": "gitea"}.get(fake.dialect.name, fake.dialect.name)
    repo.configure(
        f'{SHELL}[forge]\nprovider = "{provider}"\nurl = "{fake.url}"\nrepo = "{fake.repo}"\ntoken_file = "{file}"\n'
    )
    return file


MakeFake = Callable[[str], Fake]


@pytest.fixture
def make_fake(repo: Repo) -> Iterator[MakeFake]:
    """A forge over the repository's origin; GitHub as an Enterprise Server, which is what may be at any address."""
    origin = repo.folder / "origin.git"
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(
            Fake(enterprise(DIALECTS[name]) if name == "github" else DIALECTS[name], origin)
        )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_forge_that_is_ready(repo: Repo, command: Commands, make_fake: MakeFake, dialect: str) -> None:
    """Its version, whose token it is, and what its rules are; nothing is written there."""
    fake = make_fake(dialect)
    connected(repo, fake)
    answer = command("doctor", "--json")
    assert answer.code == 0, wrong(answer)
    found = findings(answer)
    assert fake.settings.version in found["forge reach"]["detail"]
    assert {"forge squash", "forge merge queue", "forge write", "forge issues"} <= set(found)
    assert {entry.method for entry in fake.log} == {"GET"}


@pytest.mark.parametrize("dialect", ["gitea", "gitlab"])
def test_a_forge_that_forbids_squash_merges(repo: Repo, command: Commands, make_fake: MakeFake, dialect: str) -> None:
    fake = make_fake(dialect)
    fake.settings.allow_squash = False
    connected(repo, fake)
    answer = command("doctor")
    assert answer.code == 1
    assert "not ok  forge squash" in answer.out
    assert "allow squash merges" in answer.out


def test_a_token_that_is_not_valid_and_is_not_shown(repo: Repo, command: Commands, make_fake: MakeFake) -> None:
    fake = make_fake("gitlab")
    connected(repo, fake, token="glpat-not-a-good-one")
    answer = command("doctor")
    assert answer.code == 1
    assert "give the forge a token that is valid" in answer.out
    assert "glpat-not-a-good-one" not in answer.out + answer.err


def test_no_token_at_all(repo: Repo, command: Commands, make_fake: MakeFake) -> None:
    fake = make_fake("gitea")
    repo.configure(f'{SHELL}[forge]\nprovider = "gitea"\nurl = "{fake.url}"\nrepo = "{fake.repo}"\n')
    answer = command("doctor", "--json")
    assert answer.code == 1
    assert "set `forge.token_file`" in wrong(answer)["forge token"]


def test_a_token_that_everybody_may_read(repo: Repo, command: Commands, make_fake: MakeFake) -> None:
    fake = make_fake("gitea")
    connected(repo, fake).chmod(0o644)
    answer = command("doctor", "--json")
    assert answer.code == 78
    assert "chmod 600" in wrong(answer)["forge"]


def test_a_forge_that_cannot_be_reached(repo: Repo, command: Commands, make_fake: MakeFake) -> None:
    """75: the same call may work later."""
    fake = make_fake("gitea")
    connected(repo, fake)
    fake.on("*", times=99).drop()
    answer = command("doctor", "--json")
    fake.heal()
    assert answer.code == 75
    assert set(wrong(answer)) == {"forge reach"}


def test_an_address_that_does_not_tell(repo: Repo, command: Commands) -> None:
    repo.configure(f'{SHELL}[forge]\nprovider = "gitea"\n')
    answer = command("doctor", "--json")
    assert answer.code == 78
    assert "set `forge.url` and `forge.repo`" in wrong(answer)["forge"]

"""Command lines, the scripts' environment, and the numbers they print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic_daemon.forges.base import issue_number
from mosaic_daemon.forges.wrappers.commands import Commands, environment, filled, number_in
from mosaic_daemon.ground.errors import ConfigError

ASKED = "T-1: like #7\nRefs #7, see https://github.com/o/r/pull/8"


def test_the_defaults_are_the_guides_scripts() -> None:
    """In the home folder of whoever runs the daemon."""
    values = {"title": "a title", "body": "text", "target": "main", "number": "12", "issue": "7"}
    commands = Commands()
    tools = Path.home() / ".config/mosaic/tools/git"
    assert filled(commands.pr_create, values) == (
        str(tools / "pr-create.sh"),
        *("-t", "a title", "-b", "text", "-B", "main"),
    )
    assert filled(commands.pr_merge, values) == (str(tools / "pr-merge.sh"), "-n", "12", "-m", "squash")
    assert filled(commands.pr_ci_wait, values) == (str(tools / "pr-ci-wait.sh"), "-n", "12")
    queue = (str(tools / "ci-queue-wait.sh"), "--purpose", "merge", "-B", "main")
    assert filled(commands.ci_queue_wait, values) == queue
    assert filled(commands.issue_close, values) == (str(tools / "issue-close.sh"), "-i", "7")


@given(st.text())
def test_a_value_is_one_word_or_a_part_of_one(text: str) -> None:
    """Whatever it holds: spaces, quotes, our own placeholders, a shell's."""
    assert filled(("tool", "-t", "{title}", "--b={body}"), {"title": text, "body": text}) == (
        "tool",
        "-t",
        text,
        f"--b={text}",
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"pr_merge": ("x", "{nmber}")}, r"forge\.commands\.pr_merge.*\{nmber\}"),
        ({"closed": "("}, r"forge\.commands\.closed"),
    ],
)
def test_a_template_that_cannot_be_filled(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Commands(**wrong)


def test_a_shells_own_variables_are_left_alone() -> None:
    assert filled(Commands(issue_view=("sh", "-c", "echo ${issue}")).issue_view, {}) == ("sh", "-c", "echo ${issue}")


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("12", "12"),
        ("Created pull request #12", "12"),
        ("Created !12 for you", "12"),
        ("https://github.com/o/r/pull/12", "12"),
        ("\x1b[32mhttps://git.example/o/r/pulls/12\x1b[0m\n", "12"),
        ("https://gitlab.example/g/p/-/merge_requests/12\nThanks for #99!", "12"),
        ("https://git.example/changes/12", "12"),
        ('{"number": 12, "title": "#3"}', "12"),
        ('warning: #5\n{"iid": "12", "web_url": "https://gitlab.example/g/p/-/merge_requests/99"}', "12"),
        ('{"html_url": "https://git.example/o/r/pulls/12"}', "12"),
        ("Opening T-1: like #7\nRefs #7\nas #12\n", "12"),
        ("see https://github.com/o/r/pull/8\nhttps://github.com/o/r/pull/12\nclosed #4", "12"),
        ("Opening T-1: like #7", None),
        ("see https://github.com/o/r/pull/8", None),
        ("done", None),
        ("", None),
        ("took 12 s", None),
        ("https://github.com/o/r/pull/new/task/t-1", None),
        ("&#12; abc#12x 1#12", None),
        ("[]", None),
        ('{"number": null}', None),
    ],
)
def test_the_number_of_what_was_made(answer: str, number: str | None) -> None:
    """Never one that the script only repeats from what it was given."""
    assert number_in(answer, ASKED) == number


@given(st.text(max_size=300))
def test_any_answer_can_be_read(answer: str) -> None:
    found = number_in(answer, ASKED)
    assert found is None or found in answer


@pytest.mark.parametrize(
    ("answer", "closed"),
    [
        ("title:\tx\nstate:\tCLOSED\nlabels:", True),
        ("title:\tx\nstate:\tOPEN\n--\nthis was closed before", False),
        ("# #7 An issue (closed)\n", True),
        ("# #7 An issue (open)\n\nReopen what is closed.", False),
        ("  Status: closed", True),
        ("closed", True),
        ('{"state": "closed"}', True),
        ('{"state": "CLOSED", "title": "x"}', True),
        ('{"state": "open", "body": "state: closed"}', False),
        ("", False),
    ],
)
def test_whether_an_issue_is_closed(answer: str, closed: bool) -> None:
    """What it is, not what its text talks about."""
    assert Commands().is_closed(answer) is closed


def test_another_way_of_saying_closed() -> None:
    assert Commands(closed="^done$").is_closed("done")


@pytest.mark.parametrize(
    ("issue", "number"),
    [
        ("#7", 7),
        ("7", 7),
        ("!7", 7),
        ("https://x/o/r/issues/7", 7),
        ("o/r#7", 7),
        ("", None),
        ("SEC-1", None),
    ],
)
def test_the_number_of_an_issue(issue: str, number: int | None) -> None:
    assert issue_number(issue) == number


def test_scripts_get_the_forges_tokens_and_nothing_of_the_daemons() -> None:
    """An allow-list: a new secret of the daemon's is not handed on."""
    given = {
        "PATH": "/bin",
        "HOME": "/home/ann",
        "GH_TOKEN": "t",
        "GITEA_URL": "u",
        "MOSAIC_HOME": "m",
        "ANTHROPIC_API_KEY": "k",
        "MOSAIC_ORCHESTRATOR_X": "x",
        "NOTIFY_SOCKET": "n",
        "CREDENTIALS_DIRECTORY": "c",
        "MOSAIC_ATTEMPT": "a",
        "SSH_AUTH_SOCK": "s",
        "GIT_DIR": "g",
    }
    kept = {"PATH", "HOME", "GH_TOKEN", "GITEA_URL", "MOSAIC_HOME", "SSH_AUTH_SOCK", "TERM", "GIT_TERMINAL_PROMPT"}
    assert set(environment(given)) == kept

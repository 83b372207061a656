"""How a runtime is called, and what its worker may see of the daemon's environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.secrets import Secret
from mosaic_daemon.runtimes.base import DEFAULTS, Runtime, environment, invocation


def runtime(
    *command: str,
    prompt: Literal["stdin", "arg", "file"] = "stdin",
    env: dict[str, str] | None = None,
    pass_env: tuple[str, ...] = (),
) -> Runtime:
    return Runtime("custom", command, prompt, "text", env or {}, pass_env)


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    file = tmp_path / "prompt.md"
    file.write_text("Mend {worktree}.\n", encoding="utf-8")
    return file


def test_prompt_on_standard_input(prompt: Path, tmp_path: Path) -> None:
    call = invocation(runtime("agent", "--cd", "{worktree}"), prompt, tmp_path)
    assert call.argv == ("agent", "--cd", str(tmp_path))
    assert call.stdin == prompt


def test_prompt_as_an_argument_is_not_filled_in_again(prompt: Path, tmp_path: Path) -> None:
    call = invocation(runtime("agent", "-p", "{prompt}", prompt="arg"), prompt, tmp_path)
    assert call.argv == ("agent", "-p", "Mend {worktree}.\n")
    assert call.stdin is None


def test_prompt_as_a_file(prompt: Path, tmp_path: Path) -> None:
    call = invocation(runtime("agent", "--read={prompt_file}", prompt="file"), prompt, tmp_path)
    assert call.argv == ("agent", f"--read={prompt}")
    assert call.stdin is None


@pytest.mark.parametrize("content", [b"x" * 200_000, b"nul \0 byte", b"latin-1 \xe9"], ids=["long", "nul", "not UTF-8"])
def test_a_prompt_that_cannot_be_an_argument_is_pointed_to(content: bytes, prompt: Path, tmp_path: Path) -> None:
    prompt.write_bytes(content)
    call = invocation(runtime("agent", "{prompt}", prompt="arg"), prompt, tmp_path)
    assert str(prompt) in call.argv[1]
    assert len(call.argv[1]) < 1000
    call.argv[1].encode()


def test_a_shell_command_keeps_its_own_braces(prompt: Path, tmp_path: Path) -> None:
    """`${worktree}` is a variable of the shell's, and a prompt never becomes part of a script."""
    script = "awk '{prompt}' ${worktree}/x ${prompt_file}; cat {prompt_file}"
    call = invocation(replace(DEFAULTS["shell"], command=("sh", "-c", script)), prompt, tmp_path)
    assert call.argv == ("sh", "-c", f"awk '{{prompt}}' ${{worktree}}/x ${{prompt_file}}; cat {prompt}")
    assert call.stdin is None


def test_an_argument_that_is_never_used_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"custom.command` has no `\{prompt\}`"):
        runtime("agent", prompt="arg")


def test_a_placeholder_that_is_never_filled_is_a_configuration_error() -> None:
    """The likeliest mistake in a new runtime: the default way of the prompt is standard input."""
    with pytest.raises(ConfigError, match=r"has `\{prompt\}`, but the prompt is given as `stdin`"):
        runtime("agent", "--message", "{prompt}")


@pytest.mark.parametrize("name", ["claude", "codex", "opencode"])
def test_the_defaults_take_the_prompt_on_standard_input(name: str, prompt: Path, tmp_path: Path) -> None:
    """There it may be as long as it likes, and no process list shows it."""
    call = invocation(DEFAULTS[name], prompt, tmp_path)
    assert call.argv[0] == name
    assert call.stdin == prompt


DAEMON = {
    "PATH": "/usr/bin",
    "HOME": "/home/dev",
    "LC_ALL": "C.UTF-8",
    "XDG_CACHE_HOME": "/cache",
    "https_proxy": "http://proxy",
    "NODE_EXTRA_CA_CERTS": "/ca.pem",
    "TERM": "xterm",
    "GITHUB_TOKEN": "secret",
    "GITEA_TOKEN": "secret",
    "MOSAIC_ORCHESTRATOR_FORGE__TOKEN": "secret",
    "MOSAIC_FENCE": "of another",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "ANTHROPIC_API_KEY": "key",
    "CLAUDE_CODE_OAUTH_TOKEN": "key",
    "CLAUDE_CODE_SESSION_ID": "of the session the daemon was started from",
    "CLAUDE_CODE_MESSAGING_TOKEN": "secret",
    "NOTIFY_SOCKET": "/run/notify",
    "CREDENTIALS_DIRECTORY": "/run/credentials",
    "GIT_DIR": "/elsewhere",
}


def test_a_worker_sees_the_allow_list_alone() -> None:
    assert environment(runtime("agent"), DAEMON, {}) == {
        "PATH": "/usr/bin",
        "HOME": "/home/dev",
        "LC_ALL": "C.UTF-8",
        "XDG_CACHE_HOME": "/cache",
        "https_proxy": "http://proxy",
        "NODE_EXTRA_CA_CERTS": "/ca.pem",
        "TERM": "dumb",
    }


def test_claude_gets_its_own_login_and_nothing_of_the_session_around() -> None:
    seen = environment(DEFAULTS["claude"], DAEMON, {})
    assert {name for name in seen if name.startswith(("ANTHROPIC", "CLAUDE_CODE_"))} == {
        "ANTHROPIC_API_KEY",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    }


@pytest.mark.parametrize("pattern", ["*", "*_TOKEN", "G*", "MOSAIC_*", "?*"])
def test_no_pattern_hands_on_what_is_the_daemons(pattern: str) -> None:
    seen = environment(runtime("agent", pass_env=(pattern,)), DAEMON, {})
    assert not {"GITHUB_TOKEN", "GITEA_TOKEN", "GIT_DIR", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"} & set(seen)
    assert not any(name.startswith("MOSAIC_") for name in seen)


def test_a_token_that_a_person_names_is_handed_on() -> None:
    assert environment(runtime("agent", pass_env=("GITHUB_TOKEN",)), DAEMON, {})["GITHUB_TOKEN"] == "secret"


def test_the_forges_token_is_never_handed_on() -> None:
    """Whatever its variable is called, and even when a person names it."""
    token = Secret("glpat-0123456789abcdef").reveal()
    runtime = replace(DEFAULTS["shell"], pass_env=("GITLAB_TOKEN", "OTHER"))
    given = environment(runtime, {"GITLAB_TOKEN": token, "OTHER": f"oauth2:{token}"}, {})
    assert token not in str(given)
    assert not {"GITLAB_TOKEN", "OTHER"} & given.keys()


def test_the_more_special_value_wins() -> None:
    """Daemon's, then the runtime's own, then the attempt's."""
    agent = runtime("agent", env={"HOME": "/runtime", "TZ": "UTC"}, pass_env=("TZ",))
    seen = environment(agent, {**DAEMON, "TZ": "Asia/Tokyo"}, {"HOME": "/attempt", "MOSAIC_FENCE": "3"})
    assert (seen["HOME"], seen["TZ"], seen["MOSAIC_FENCE"]) == ("/attempt", "UTC", "3")


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.text()), st.sampled_from(sorted(DEFAULTS)))
def test_nothing_unknown_reaches_a_worker(daemon: dict[str, str], name: str) -> None:
    agent = DEFAULTS[name]
    prefixes = ("LC_", "XDG_", *(pattern.rstrip("*") for pattern in agent.pass_env))
    seen = environment(agent, {f"Z{key}": value for key, value in daemon.items()}, {})
    assert all(not key.startswith("Z") or key.startswith(prefixes) for key in seen)

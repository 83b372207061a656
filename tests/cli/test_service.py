"""`service` where there is no manager to talk to: what it would do, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Commands
from tests.support.repo import Repo


def test_a_dry_run_says_what_it_would_write_and_call(repo: Repo, command: Commands) -> None:
    """And writes nothing; the text that is of this machine is shown."""
    token = repo.folder / "token"
    token.write_text("secret-of-the-forge")
    answer = command("service", "install", "--dry-run", "--credential", f"forge-token={token}")
    assert (answer.code, answer.err) == (0, "")
    assert "would write" in answer.out
    assert "would systemctl --user enable mosaic-orchestrator@" in answer.out
    assert f"LoadCredential=forge-token:{token}" in answer.out
    assert f"ReadWritePaths={repo.origin}" in answer.out
    assert "secret-of-the-forge" not in answer.out
    assert not (repo.folder / "home" / ".config").exists()


def test_a_dry_run_for_the_system(command: Commands) -> None:
    answer = command("service", "install", "--system", "--dry-run")
    assert answer.code == 0
    assert "would write /etc/systemd/system/mosaic-orchestrator@.service" in answer.out
    assert "would systemd-sysusers /etc/sysusers.d/mosaic-orchestrator.conf" in answer.out


@pytest.mark.parametrize("action", ["install", "uninstall", "status"])
def test_without_systemd(repo: Repo, command: Commands, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """One line says so, and what else there is."""
    folder = repo.folder / "bin"
    folder.mkdir()
    (folder / "git").symlink_to("/usr/bin/git")
    monkeypatch.setenv("PATH", str(folder))
    answer = command("service", action)
    assert answer.code == 1
    assert answer.err == (
        "mosaic-orchestrator: there is no systemd here; let another supervisor run `mosaic-orchestrator run`, "
        "or use the container\n"
    )


def test_a_manager_that_does_not_answer(command: Commands) -> None:
    """Nobody is logged in with this home: what can be done is said."""
    answer = command("service", "status")
    assert answer.code == 1
    assert "the user's service manager does not answer" in answer.err
    assert "loginctl enable-linger" in answer.err


@pytest.mark.parametrize(
    ("word", "said"),
    [("token", "is no credential"), ("my-token=/etc/hostname", "NAME one of forge-token"), ("forge-token=/no", "/no")],
)
def test_a_wrong_credential(command: Commands, word: str, said: str) -> None:
    answer = command("service", "install", "--dry-run", "--credential", word)
    assert answer.code == 78
    assert said in answer.err


def test_a_configuration_that_cannot_start_is_not_installed(repo: Repo, command: Commands) -> None:
    repo.configure("[run]\npol_sec = 1\n")
    answer = command("service", "install", "--dry-run")
    assert answer.code == 78
    assert Path(repo.config_file).name in answer.err

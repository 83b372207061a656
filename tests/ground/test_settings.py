"""Settings: which source wins, and what is said of a wrong one: file, line, key, and the nearest valid name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mosaic_daemon.ground import settings
from mosaic_daemon.ground.configuration import load
from mosaic_daemon.ground.errors import ConfigError
from mosaic_daemon.ground.settings import ENVIRONMENT_PREFIX, Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of whoever runs the tests."""
    for name in os.environ:
        if name.upper().startswith(ENVIRONMENT_PREFIX):
            monkeypatch.delenv(name)


def file(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def wrong(*files: Path, **overrides: Any) -> ConfigError:
    """What is said of settings that cannot be."""
    with pytest.raises(ConfigError) as caught:
        load(*files, overrides=overrides)
    assert caught.value.exit_code == 78
    assert "\n" not in caught.value.line
    return caught.value


class TestOrder:
    """Command line, environment, the repository's file, the person's file, the default: first wins, key by key."""

    def test_nothing_said_is_the_default(self, tmp_path: Path) -> None:
        """A file that is not there is an empty one."""
        assert load(tmp_path / "none.toml") == load() == Settings()
        assert (load().run.poll_sec, load().run.max_workers, load().worker.retries) == (10, 2, 2)

    def test_each_source_wins_over_those_below(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """And only for the keys that it names."""
        mine = file(tmp_path, "[run]\npoll_sec = 3\nmax_workers = 1\n[worker]\nruntime = 'codex'\n")
        persons = file(
            tmp_path,
            "[run]\npoll_sec = 4\n[worker]\nruntime = 'opencode'\nretries = 7\n[gate]\nci = 'none'\n",
            "user.toml",
        )
        assert load(persons).worker.runtime == "opencode"
        found = load(mine, persons)
        assert (found.run.poll_sec, found.run.max_workers) == (3, 1)
        assert (found.worker.runtime, found.worker.retries, found.gate.ci) == ("codex", 7, "none")
        monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}RUN__POLL_SEC", "2")
        assert load(mine, persons).run.poll_sec == 2
        found = load(mine, persons, overrides={"run": {"poll_sec": 1.0}})
        assert (found.run.poll_sec, found.run.max_workers) == (1, 1)

    def test_runtimes_are_merged_key_by_key(self, tmp_path: Path) -> None:
        """Two files may each say a part of one."""
        mine = file(tmp_path, "[runtimes.x]\ncommand = ['x']\n[runtimes.x.env]\nA = '1'\n")
        persons = file(
            tmp_path,
            "[runtimes.x]\ncommand = ['y']\nprompt = 'file'\n[runtimes.x.env]\nA = '2'\nB = '3'\n",
            "user.toml",
        )
        found = load(mine, persons).runtimes["x"]
        assert (found.command, found.prompt, found.env) == (("x",), "file", {"A": "1", "B": "3"})

    def test_values_in_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Texts and numbers as they are, whatever else they look like; lists and tables as JSON."""
        for name, value in {
            "WORKER__QUALITY_GATES": "true",
            "TRACKING__BASE_BRANCH": "2024",
            "RUN__MAX_WORKERS": "1",
            "GATE__CI_COMMAND": '["make", "test"]',
            "WORKER__SKILLS": '["~/a"]',
        }.items():
            monkeypatch.setenv(ENVIRONMENT_PREFIX + name, value)
        found = load()
        assert (found.worker.quality_gates, found.tracking.base_branch) == ("true", "2024")
        assert (found.run.max_workers, found.gate.ci_command, found.worker.skills) == (1, ("make", "test"), ("~/a",))

    def test_a_runtime_in_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As one table, or key by key."""
        monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}RUNTIMES", '{"X": {"command": ["x", "y"]}}')
        assert load().runtimes["X"].command == ("x", "y")
        monkeypatch.delenv(f"{ENVIRONMENT_PREFIX}RUNTIMES")
        monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}RUNTIMES__X__COMMAND", '["x", "y"]')
        assert load().runtimes["x"].command == ("x", "y")

    def test_settings_are_values(self) -> None:
        """Nobody changes them on the way."""
        with pytest.raises(ValueError, match="frozen"):
            load().run.poll_sec = 1.0  # type: ignore[misc]


class TestMistakes:
    """One line that says where, what, and what it should be."""

    @pytest.mark.parametrize(
        ("text", "line", "said"),
        [
            ("[run]\npoll_sek = 3\n", 2, "unknown key `run.poll_sek`; did you mean `poll_sec`?"),
            ("# x\n\n[rum]\npoll_sec = 3\n", 3, "unknown key `rum`; did you mean `run`?"),
            ("[worker]\nruntime = 'x'\n[gate]\nci_comand = ['x']\n", 4, "did you mean `ci_command`?"),
            ("[runtimes.x]\ncomand = ['x']\n", 2, "unknown key `runtimes.x.comand`; did you mean `command`?"),
            ("poll_sec = 3\n", 1, "unknown key `poll_sec`"),
            ("[run]\nnothing_like_it = 1\n", 2, "unknown key `run.nothing_like_it`; remove it"),
            ("[run]\npoll_sec = 0\n", 2, "`run.poll_sec`"),
            ("[run]\npoll_sec = nan\n", 2, "`run.poll_sec`"),
            ("[run]\npoll_sec = 1e9\n", 2, "`run.poll_sec`"),
            ("[run]\nmax_workers = 3\n", 2, "`run.max_workers`"),
            ("[run]\nmax_workers = 1.5\n", 2, "`run.max_workers`"),
            ('[run]\n"max_workers" = 0\n', 2, "`run.max_workers`"),
            ("[run]\ndelegation = 'proces'\n", 2, "`run.delegation`"),
            ("[worker]\nretries = -1\n", 2, "`worker.retries`"),
            ("[worker]\nskills = 'one'\n", 2, "`worker.skills`"),
            ("[gate]\nci_command = []\n", 2, "an empty command"),
            ("[gate]\nci_command = 'make test'\n", 2, "`gate.ci_command`"),
            ("[tracking]\ninterval_sec = inf\n", 2, "`tracking.interval_sec`"),
            ("[tracking]\ninterval_sec = 1e300\n", 2, "`tracking.interval_sec`"),
            ("[forge]\nprovider = 'githab'\n", 2, "`forge.provider`"),
            ("run = 5\n", 1, "`run`"),
            ("[runtimes]\nx = 5\n", 2, "`runtimes.x`"),
            ("_env_file = 'x'\n", 1, "unknown key `_env_file`"),
            ("_cli_parse_args = true\n", 1, "unknown key `_cli_parse_args`"),
        ],
    )
    def test_in_a_file(self, tmp_path: Path, text: str, line: int, said: str) -> None:
        """Named by file and line."""
        path = file(tmp_path, text)
        error = wrong(path)
        assert error.line.startswith(f"{path}:{line}: ")
        assert said in error.line

    def test_in_the_file_below(self, tmp_path: Path) -> None:
        """Also a value that another source replaces: it would come up some day."""
        persons = file(tmp_path, "[run]\npoll_sec = 'x'\n", "user.toml")
        assert "user.toml:2" in wrong(file(tmp_path, "[run]\npoll_sec = 3\n"), persons).line

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("RUN__POLL_SEK", "3", "did you mean `poll_sec`?"),
            ("RUM__POLL_SEC", "3", f"did you mean `{ENVIRONMENT_PREFIX}RUN__…`?"),
            ("POLL_SEC", "3", "unknown variable"),
            ("", "3", "unknown variable"),
            ("RUN__MAX_WORKERS", "many", f"{ENVIRONMENT_PREFIX}RUN__MAX_WORKERS"),
            ("RUN__MAX_WORKERS", "3", f"{ENVIRONMENT_PREFIX}RUN__MAX_WORKERS"),
            ("RUN", "5", f"{ENVIRONMENT_PREFIX}RUN"),
            ("RUN", "{", "JSON"),
            ("GATE__CI_COMMAND", "make test", "JSON"),
            ("RUN__POLL_SEC__X", "3", f"{ENVIRONMENT_PREFIX}RUN__POLL_SEC"),
        ],
    )
    def test_in_a_variable(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
        """Named by itself, never ignored."""
        monkeypatch.setenv(ENVIRONMENT_PREFIX + name, value)
        error = wrong()
        assert error.line.startswith("environment: ")
        assert said in error.line

    def test_two_variables_that_contradict_each_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A table that is a number, and a key in it."""
        monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}RUN", "5")
        monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}RUN__POLL_SEC", "7")
        assert "RUN" in wrong().line

    def test_on_the_command_line(self) -> None:
        """Named as such."""
        assert wrong(run={"poll_sec": -1}).line.startswith("command line: `run.poll_sec`")

    @pytest.mark.parametrize(
        "content", [b"[run\n", b"[run]\npoll_sec = \n", b"\xff\xfe", b"\0", b"[run]\npoll_sec = 1\npoll_sec = 2\n"]
    )
    def test_a_file_that_is_no_toml(self, tmp_path: Path, content: bytes) -> None:
        """Named, with what the parser says."""
        path = tmp_path / "config.toml"
        path.write_bytes(content)
        assert wrong(path).line.startswith(f"{path}: cannot be read as TOML")

    def test_a_folder_where_the_file_should_be(self, tmp_path: Path) -> None:
        """Not a traceback."""
        assert str(tmp_path) in wrong(tmp_path).line


def test_every_setting_says_what_it_is() -> None:
    """The reference is made of these docstrings."""
    models = settings.Group.__subclasses__()
    assert len(models) >= 7
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"

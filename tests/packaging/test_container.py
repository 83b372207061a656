"""The container's recipe, as far as it can be judged without an engine: what linters of such files ask for, and that it
names what exists."""

from __future__ import annotations

import argparse
import json
import re
from functools import cache

import pytest
import yaml

from mosaic_daemon.cli import VERBS
from mosaic_daemon.cli.status import arguments as status_arguments
from mosaic_daemon.ground.settings import RunSettings
from tests.packaging import ROOT


@cache
def instructions() -> tuple[tuple[str, str], ...]:
    """Each instruction and its argument, continuation lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n", " ", lines)
    return tuple(
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word
    )


def of(word: str) -> list[str]:
    return [rest for each, rest in instructions() if each == word]


def final_stage() -> list[tuple[str, str]]:
    last = max(at for at, (word, _) in enumerate(instructions()) if word == "FROM")
    return list(instructions()[last:])


def words_of(value: str) -> list[str]:
    """An instruction in its exec form: nothing is given to a shell."""
    words = json.loads(value)
    assert isinstance(words, list)
    return words


def commands() -> list[str]:
    """The single commands of all RUN lines."""
    return [command.strip() for line in of("RUN") for command in line.split("&&")]


def test_every_base_has_a_version_and_every_stage_a_name() -> None:
    for base in of("FROM"):
        assert re.fullmatch(r"python:\$\{PYTHON\}-slim AS [a-z]+", base), base
    assert re.fullmatch(r"PYTHON=3\.\d+", of("ARG")[0])


def test_nothing_is_installed_without_its_hash() -> None:
    installs = [each for each in commands() if re.search(r"pip (install|wheel)\b", each)]
    assert installs
    for each in installs:
        assert "--require-hashes" in each or "--no-deps" in each, each


def test_system_packages_come_without_extras_and_leave_no_lists() -> None:
    (line,) = [line for line in of("RUN") if "apt-get" in line]
    assert "--no-install-recommends" in line
    assert "rm -rf /var/lib/apt/lists/*" in line
    assert {"git", "openssh-client", "tini", "ca-certificates"} <= set(line.split())
    assert not re.search(r"\b(curl|wget|sudo)\b", line)


def test_nothing_runs_as_root_and_nothing_needs_a_shell() -> None:
    stage = dict(final_stage())
    assert stage["USER"] not in ("root", "0")
    entry, command = words_of(stage["ENTRYPOINT"]), words_of(stage["CMD"])
    assert entry == ["tini", "--", "mosaic-orchestrator"]
    assert command[0] in VERBS
    order = [word for word, _ in final_stage()]
    assert order.index("USER") > max(at for at, word in enumerate(order) if word == "RUN")


def test_its_health_is_a_question_that_the_program_understands() -> None:
    check = dict(final_stage())["HEALTHCHECK"]
    words = words_of(check[check.index("[") :])
    assert words[:2] == ["mosaic-orchestrator", "status"]
    parser = argparse.ArgumentParser()
    status_arguments(parser)
    assert parser.parse_args(words[2:]).alive


def test_all_that_is_copied_is_there_and_gets_into_the_context() -> None:
    """`.dockerignore` lets through what is named, and no more."""
    named = [word for line in of("COPY") if not line.startswith("--from") for word in line.split()[:-1]]
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    assert set(named) == let_through
    assert all((ROOT / name).exists() for name in named)


def test_what_changes_often_is_copied_after_what_takes_long() -> None:
    """An edit of the source does not install all packages again."""
    order = [f"{word} {rest}" for word, rest in instructions()]
    install = next(at for at, line in enumerate(order) if "--require-hashes" in line)
    assert install < next(at for at, line in enumerate(order) if line.startswith("COPY daemon"))


def test_no_secret_is_built_in() -> None:
    for word in ("ARG", "ENV"):
        assert not any(re.search(r"TOKEN|KEY|SECRET|PASSWORD", value) for value in of(word))


@pytest.fixture(scope="module")
def compose() -> dict[str, dict[str, object]]:
    document = yaml.safe_load((ROOT / "config" / "compose.yaml").read_text(encoding="utf-8"))
    services: dict[str, dict[str, object]] = document["services"]
    return services


def test_the_composition_builds_stages_that_exist(compose: dict[str, dict[str, object]]) -> None:
    stages = {base.split(" AS ")[1] for base in of("FROM")}
    assert compose
    for service in compose.values():
        build = service["build"]
        assert isinstance(build, dict)
        assert build["target"] in stages
        assert (ROOT / "config" / str(build["context"]) / "Dockerfile").is_file()
        assert any(str(volume).endswith(":/repo") for volume in service["volumes"])  # type: ignore[attr-defined]


def test_the_composition_waits_longer_than_the_daemon_does(compose: dict[str, dict[str, object]]) -> None:
    for service in compose.values():
        assert int(str(service["stop_grace_period"]).removesuffix("s")) > RunSettings().grace_sec


def test_every_instruction_is_known() -> None:
    """A misspelt one would only be noticed by an engine."""
    known = {"ARG", "FROM", "WORKDIR", "ENV", "COPY", "RUN", "USER", "VOLUME", "STOPSIGNAL"}
    assert {word for word, _ in instructions()} <= known | {"HEALTHCHECK", "ENTRYPOINT", "CMD"}

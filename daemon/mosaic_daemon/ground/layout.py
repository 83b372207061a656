"""Where everything lives inside an orchestrated repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mosaic_daemon.ground.errors import InputError

TABLE = "docs/TASKS.md"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one repository. `repo`: the top folder of the person's checkout."""

    repo: Path

    @property
    def state(self) -> Path:
        return self.repo / ".mosaic" / "orchestrator"

    @property
    def config(self) -> Path:
        return self.state / "config.toml"

    @property
    def tasks(self) -> Path:
        return self.state / "tasks.json"

    @property
    def tasks_lock(self) -> Path:
        return self.state / "tasks.json.lock"

    @property
    def results(self) -> Path:
        return self.state / "results"

    @property
    def attempts(self) -> Path:
        return self.state / "attempts"

    @property
    def worktrees(self) -> Path:
        return self.state / "worktrees"

    @property
    def forge(self) -> Path:
        """What the user's own forge scripts said: a note per gate, and under `runs` and `trees` their runs."""
        return self.state / "forge"

    @property
    def checks(self) -> Path:
        """CI runs of the internal forge: their records, and under `trees` their checkouts."""
        return self.state / "checks"

    @property
    def reviews(self) -> Path:
        """Runs of the independent reviewers: their records and what they wrote, and under `trees` their checkouts."""
        return self.state / "reviews"

    @property
    def rails(self) -> Path:
        """The durable books of the rails that speak with workers by messages."""
        return self.state / "rails"

    @property
    def native(self) -> Path:
        """Tasks as files, for tools that take them by renaming."""
        return self.state / "native"

    @property
    def history(self) -> Path:
        return self.state / "history"

    @property
    def ledger(self) -> Path:
        return self.state / "state.db"

    @property
    def lock(self) -> Path:
        return self.state / "daemon.lock"

    @property
    def socket(self) -> Path:
        return self.state / "control.sock"

    @property
    def http_token(self) -> Path:
        """The token of the status page, where none is configured."""
        return self.state / "http-token"

    @property
    def clone(self) -> Path:
        return self.state / "gate.git"

    @property
    def table(self) -> Path:
        """The table in the person's checkout."""
        return self.repo / TABLE

    def result_file(self, attempt: str) -> Path:
        return self.results / f"{attempt}.json"


def find(start: Path) -> Layout:
    """The layout of the repository that contains `start`.

    Raises:
        InputError: there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return Layout(folder)
    raise InputError(
        "this is not a git repository", source=str(start), remedy="go into one, or name it with --repo PATH"
    )

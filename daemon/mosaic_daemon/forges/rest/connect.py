"""From settings to a forge: the one place that knows all dialects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mosaic_daemon.forges.desk import HostingDesk
from mosaic_daemon.forges.releases import HostedReleases
from mosaic_daemon.forges.rest import gitea, github, gitlab
from mosaic_daemon.forges.rest.forge import RestForge
from mosaic_daemon.forges.rest.host import Host
from mosaic_daemon.forges.rest.hosting import Hosting
from mosaic_daemon.forges.rest.remote import remote_of
from mosaic_daemon.forges.rest.transport import Transport
from mosaic_daemon.forges.rest.watch import Polling
from mosaic_daemon.ground.secrets import Secret, token_from

if TYPE_CHECKING:
    from mosaic_daemon.ground.settings import ForgeSettings
    from mosaic_daemon.repository.clone import Clone

_CREDENTIAL = "forge-token"
_SLOWEST = 6


@dataclass(frozen=True, slots=True)
class _Dialect:
    """`variables`: where its users keep the token when it is in no file."""

    api_of: Callable[[str], str]
    host: Callable[[str, Secret | None, Path | None], Host]
    hosting: Callable[[Transport, str], Hosting]
    variables: tuple[str, ...]


_DIALECTS: Mapping[str, _Dialect] = {
    "gitea": _Dialect(gitea.api_of, gitea.host, gitea.Gitea, ("GITEA_TOKEN", "FORGEJO_TOKEN")),
    "github": _Dialect(github.api_of, github.host, github.GitHub, ("GITHUB_TOKEN", "GH_TOKEN")),
    "gitlab": _Dialect(gitlab.api_of, gitlab.host, gitlab.GitLab, ("GITLAB_TOKEN",)),
}


def hosting(settings: ForgeSettings, origin: str) -> Hosting:
    """The repository on its forge; nothing is sent yet.

    Raises:
        ConfigError: it is not known where that is, or the token cannot be read.
    """
    dialect = _DIALECTS[settings.provider]
    remote = remote_of(origin, settings.url, settings.repo)
    host = dialect.host(dialect.api_of(remote.server), token(settings), settings.ca_file)
    return dialect.hosting(Transport(host), remote.repo)


def token(settings: ForgeSettings) -> Secret | None:
    """The forge's token; None when there is none, which is enough for what anybody may read.

    Raises:
        ConfigError: it cannot be read.
    """
    file = settings.token_file.expanduser() if settings.token_file else None
    return token_from(file, _DIALECTS[settings.provider].variables, _CREDENTIAL)


def forge(settings: ForgeSettings, clone: Clone, first_run_sec: float) -> RestForge:
    """The forge port over it."""
    polling = Polling(settings.poll_sec, _SLOWEST * settings.poll_sec, first_run_sec)
    return RestForge(hosting(settings, clone.url), clone, polling)


def desk(settings: ForgeSettings, origin: str) -> HostingDesk:
    """Where planning files its issues. Raises ConfigError as `hosting` does."""
    return HostingDesk(hosting(settings, origin))


def releases(settings: ForgeSettings, origin: str) -> HostedReleases:
    """Where milestones are released. Raises ConfigError as `hosting` does."""
    return HostedReleases(hosting(settings, origin))

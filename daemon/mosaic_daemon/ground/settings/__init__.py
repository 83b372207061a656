"""Every setting, grouped by what it is about. The field docstrings are the reference; `config/` holds them as a file.

What lives here: the tables, a module for those that belong together. What may not: where they are read from
(`configuration`), and what follows from them (`app`).
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mosaic_daemon.ground.settings.delivery import (
    ForgeSettings,
    GateSettings,
    MilestoneSettings,
    Script,
    TemplatesSettings,
    TrackingSettings,
)
from mosaic_daemon.ground.settings.group import Group
from mosaic_daemon.ground.settings.people import HttpSettings, NotifySettings
from mosaic_daemon.ground.settings.work import (
    BudgetSettings,
    DocsGateSettings,
    NatsSettings,
    RailsSettings,
    ReviewSettings,
    RunSettings,
    RuntimeSettings,
    WorkerSettings,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "BudgetSettings",
    "DocsGateSettings",
    "ForgeSettings",
    "GateSettings",
    "Group",
    "HttpSettings",
    "MilestoneSettings",
    "NatsSettings",
    "NotifySettings",
    "RailsSettings",
    "ReviewSettings",
    "RunSettings",
    "RuntimeSettings",
    "Script",
    "Settings",
    "TemplatesSettings",
    "TrackingSettings",
    "WorkerSettings",
]

ENVIRONMENT_PREFIX = "MOSAIC_ORCHESTRATOR_"


class Settings(BaseSettings):
    """Everything, as one value. `configuration.load` reads it; made directly, it has the defaults and what is given."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
    )

    run: RunSettings = RunSettings()
    tracking: TrackingSettings = TrackingSettings()
    worker: WorkerSettings = WorkerSettings()
    runtimes: dict[str, RuntimeSettings] = Field(default_factory=dict)
    forge: ForgeSettings = ForgeSettings()
    review: ReviewSettings = ReviewSettings()
    gate: GateSettings = GateSettings()
    budget: BudgetSettings = BudgetSettings()
    milestone: MilestoneSettings = MilestoneSettings()
    docs_gate: DocsGateSettings = DocsGateSettings()
    notify: NotifySettings = NotifySettings()
    http: HttpSettings = HttpSettings()
    rails: RailsSettings = RailsSettings()
    templates: TemplatesSettings = TemplatesSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `load` asks the sources one by one, so that an error can name the one it comes from."""
        return (init_settings,)

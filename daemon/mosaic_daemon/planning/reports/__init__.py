"""Reading review reports: files in, `finding.Report` out. Knows formats, and nothing of tasks."""

from mosaic_daemon.planning.reports.reading import read

__all__ = ["read"]

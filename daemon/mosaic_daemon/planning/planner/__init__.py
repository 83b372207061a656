"""Findings become tasks: phases, estimates, dependencies, ids. Values in, values out; knows no files."""

from mosaic_daemon.planning.planner.planner import planned

__all__ = ["planned"]

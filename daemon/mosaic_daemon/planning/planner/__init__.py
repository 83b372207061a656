"""Findings become tasks: phases, estimates, dependencies, ids. Values in, values out; knows no files.

`planner` puts it together. This file imports nothing: the daemon needs a few of these modules, and never the whole.
"""

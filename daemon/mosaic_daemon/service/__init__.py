"""The daemon as a unit of systemd: which files make it one, and what the manager says of it.

May live here: the units themselves (`units/`, linked from the repository's `systemd/`), the files that are made for one
machine, calls of `systemctl`, and what a running process shows of its protections. May not: anything of tasks and the
ledger, and printing.
"""

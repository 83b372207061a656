"""From a review report to a plan: findings, phases, estimates, dependencies, budget, and the papers a project needs.

Everything here but `bootstrap`, `progress` and parts of `learning` is values in, values out: no clock, no ledger, no
forge, no git.
"""

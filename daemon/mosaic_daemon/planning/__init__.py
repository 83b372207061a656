"""From a review report to a plan: findings, phases, estimates, dependencies, budget, and the papers a project needs.

Everything here but `bootstrap` is values in, values out: no clock, no ledger, no forge, no git.
"""

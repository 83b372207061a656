"""Tests of planning: reports, phases, estimates, the plan and what bootstrap writes."""

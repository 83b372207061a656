"""What a plan is written down as: the table, the plan's record, the PRD, the picture, the phase issues' texts."""

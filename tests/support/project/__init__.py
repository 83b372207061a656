"""A whole project that meets every kind of trouble: 30 findings, scripted agents, reviewers and a person.

What lives here: what the project is, what happens to each finding, and what that comes to. What may not: what other
tests need as well, and any judgement of how it ended.
"""

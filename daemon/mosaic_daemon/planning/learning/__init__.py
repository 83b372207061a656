"""What finished work says about the next estimates: kinds of work, variance, retrospectives, proposals.

Nothing here plans: the planner is told factors by task type and knows nothing of where they come from.
"""

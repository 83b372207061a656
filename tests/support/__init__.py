"""Real parts for tests of the whole product: repositories, workers, daemons, and what can be seen of them from outside.

Nothing here imports the code under test but to compare what it shows with what it stored.
"""

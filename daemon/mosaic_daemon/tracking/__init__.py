"""The two faces of the ledger as text: `tasks.json` (the queue) and `docs/TASKS.md` (the table).

Here live the formats, what a task looks like in each, and how their changes are told apart and merged: pure functions
from text to values and back. No file is opened here, nothing is decided about a running task, and nothing knows of the
ledger.
"""

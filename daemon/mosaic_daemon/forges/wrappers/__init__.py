"""The forge port over a person's own scripts: `pr-create.sh`, `pr-merge.sh`, `pr-ci-wait.sh` and the others.

They propose, git decides. Every run goes over a rail, so that it outlives the daemon and none is ever started twice by
itself. Nothing here talks to a forge's API, not even when a script fails.

`commands` knows the command lines, `runs` the processes, `acts` and `waits` what their ends mean, `notes` what is kept
of them, `landing` what git says; `forge` puts them together.
"""

"""The example of `mosaic-orchestrator demo`: a small project, a review's worth of findings, and what is shown of it.

`example/` is the project as its first commit has it, `agent/` a shell script that stands in for a coding agent, with
the changes it makes: data only, copied into a temporary folder, never imported. The modules
set the stage (`stage`), watch the daemon (`watch`) and read the result back from the origin (`proof`). Nothing else of
the daemon may import them.
"""

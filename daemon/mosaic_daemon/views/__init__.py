"""Read models: what is true of a repository and of a task, as JSON documents and in plain words, for every face.

Here live reading, counting and wording. Nothing here writes, takes a lock, prints, or knows HTML and terminals' layout.
Imports stay light: `status` is asked often.
"""

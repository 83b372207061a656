"""The ledger's two published faces as files: read them for what people changed, replace them without losing an edit.
`learnings` goes along with the table.

What the text of a face means is `tracking`'s; what a change may do to a task is decided in `stages.intake`.
"""

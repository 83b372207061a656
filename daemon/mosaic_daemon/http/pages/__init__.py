"""Pages as HTML. Here live elements and their order; text goes through `html.tag`, which escapes all of it."""

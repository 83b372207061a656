"""Fake forges that speak real HTTP and do what the real ones do, wrong things included.

`Fake(GITHUB, origin)` is one forge with one repository in front of a bare git repository. What all forges share lives
in `core`, what one of them does its own way in the package of that name; nothing here imports the product.
"""

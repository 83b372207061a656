"""Git as the product sees it: the daemon's own bare clone, the branch it lands on, the workers' directories.

The person's checkout is read for its configuration and fast-forwarded, and QA reports that git ignores are cleared
away; never anything else.
"""

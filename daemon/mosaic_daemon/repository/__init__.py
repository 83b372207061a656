"""Git as the product sees it: the daemon's own bare clone, the branch it lands on, the workers' directories.

The person's checkout is read for its configuration and fast-forwarded, never anything else.
"""

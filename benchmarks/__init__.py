"""What the product's speed is measured with: `python -m benchmarks`, one module per family of figures.

Here belongs what times something against its goal, its limit on the same machine, and what a user would pick instead.
No assertion about time: figures are information. No test, and nothing the product itself imports.
"""

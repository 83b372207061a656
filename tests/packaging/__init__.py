"""What a person gets who clones or installs this: the files beside the code, the wheel, and the demo."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

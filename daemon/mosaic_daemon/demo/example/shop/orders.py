"""Orders, one file each."""

import pickle
from pathlib import Path


def save(order: dict, path: Path) -> None:
    path.write_bytes(pickle.dumps(order))


def load(path: Path) -> dict:
    return pickle.loads(path.read_bytes())

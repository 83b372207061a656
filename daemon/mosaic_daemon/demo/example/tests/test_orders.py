import os
import pickle
import tempfile
import unittest
from pathlib import Path

from shop import orders


class Trap:
    """Loaded as a pickle, it makes a folder: an attacker's file would do worse."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


class Orders(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_what_was_saved_is_loaded(self):
        orders.save({"apples": 3}, self.folder / "order")
        self.assertEqual(orders.load(self.folder / "order"), {"apples": 3})

    def test_a_prepared_file_runs_nothing(self):
        (self.folder / "order").write_bytes(pickle.dumps(Trap(self.folder / "trap")))
        with self.assertRaises(ValueError):
            orders.load(self.folder / "order")
        self.assertFalse((self.folder / "trap").exists())

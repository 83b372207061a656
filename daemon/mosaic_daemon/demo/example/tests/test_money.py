import unittest

from shop import money


class Money(unittest.TestCase):
    def test_quarters_are_not_lost(self):
        self.assertEqual(money.total([1.25, 2.50]), 3.75)

"""Sums of money."""


def total(prices: list) -> object:
    return sum(prices)

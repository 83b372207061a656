"""Discounts, as the customer typed them."""


def apply(rule: str, total: int) -> int:
    return eval(rule, {"total": total})

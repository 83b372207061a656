"""Receipts for the browser."""


def line(name: str, price: object) -> str:
    return f"<li>{name}: {price}</li>"

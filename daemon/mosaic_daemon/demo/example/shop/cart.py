"""The customer's cart."""


class Cart:
    def __init__(self, items: list = []):
        self.items = items

    def add(self, item: str) -> None:
        self.items.append(item)

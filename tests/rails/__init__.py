"""The rail port and its implementations. `bench` puts each of them to the contract suite in the same way."""

"""The stages of a tick. Each reads the world or the ledger and answers with events; none imports another."""

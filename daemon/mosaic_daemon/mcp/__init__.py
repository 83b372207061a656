"""The face for agent sessions: an MCP server on standard input and output that speaks with the daemon's socket.

What lives here: tools and their words. What may not: any decision; the daemon makes them all. Nothing imports this
package but the verb `mcp`: the protocol's library takes longer to load than everything else together.
"""

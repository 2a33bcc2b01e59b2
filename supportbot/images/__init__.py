"""The images that customers send: kept with their message, and made fit for a model to see.

header  what it is, by its first bytes
ledger  kept in the transaction that accepts the message
fitting small, upright, without metadata
gallery the newest images of a turn, shown to the models that see
"""

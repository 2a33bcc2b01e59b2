"""The images that customers send: kept with their message, and made fit for a model to see.

header -> ledger           what is it, by its bytes     keep them, in the message's transaction
"""

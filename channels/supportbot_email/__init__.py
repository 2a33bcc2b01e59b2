"""The e-mail channel: reads a mailbox and leaves replies in its Drafts folder.

It exports nothing: the process that parses mail imports this package, and has no use for a channel.
"""

"""What happens in a conversation, told to the other processes that share the store."""

from supportbot.relay.relay import CHANNEL, Counts, Relay

__all__ = ["CHANNEL", "Counts", "Relay"]

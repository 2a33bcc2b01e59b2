"""The e-mail channel: reads a mailbox and leaves replies in its Drafts folder."""

from supportbot_email.channel import EmailChannel
from supportbot_email.config import EmailConfig

__all__ = ["EmailChannel", "EmailConfig"]

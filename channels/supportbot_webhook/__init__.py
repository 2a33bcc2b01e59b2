"""The webhook channel: an HTTP API for programs (signed) and for visitors of a website (sessions)."""

from supportbot_webhook.channel import WebhookChannel
from supportbot_webhook.config import WebhookConfig

__all__ = ["WebhookChannel", "WebhookConfig"]

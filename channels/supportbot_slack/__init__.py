"""The Slack channel: a workspace's bot in direct messages, channels, threads and the assistant pane."""

from supportbot_slack.channel import SlackChannel
from supportbot_slack.config import SlackConfig

__all__ = ["SlackChannel", "SlackConfig"]

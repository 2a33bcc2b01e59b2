"""The e-mail channel: a thin shell around a watcher of the inbox and a drawer of drafts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from supportbot.channel import Capabilities
from supportbot_email.config import EmailConfig
from supportbot_email.conversations import Conversations
from supportbot_email.credentials import Credentials
from supportbot_email.cursor import Cursors
from supportbot_email.drafts import Drafts, Notes
from supportbot_email.imap import connect
from supportbot_email.lease import Lease
from supportbot_email.line import Line
from supportbot_email.mailbox import Watcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from supportbot.channel import Accept, Host
    from supportbot.messages import Outbound, Sent

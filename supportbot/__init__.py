"""SupportBot: a customer-support chatbot framework.

What was acknowledged is never lost and never answered twice.
"""

__version__ = "0.1.0"

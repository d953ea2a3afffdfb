"""Anthropic's Messages, served and called.

Shapes: the types of https://github.com/anthropics/anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

from modelport.dialects.anthropic_messages.betas import WithBetas
from modelport.dialects.anthropic_messages.called import CALLED
from modelport.dialects.anthropic_messages.metering import meters
from modelport.dialects.anthropic_messages.relay_request import count_request, counted, relay_request
from modelport.dialects.anthropic_messages.relaying import Relay, relay
from modelport.dialects.anthropic_messages.reply import fault
from modelport.dialects.anthropic_messages.served import SERVED

__all__ = [
    "CALLED",
    "SERVED",
    "Relay",
    "WithBetas",
    "count_request",
    "counted",
    "fault",
    "meters",
    "relay",
    "relay_request",
]

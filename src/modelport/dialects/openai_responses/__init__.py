"""OpenAI's Responses, served and called."""

from modelport.dialects.openai_responses.called import CALLED
from modelport.dialects.openai_responses.relay import relay
from modelport.dialects.openai_responses.served import SERVED
from modelport.dialects.openai_responses.stored import continued, items_of, not_remembered

__all__ = ["CALLED", "SERVED", "continued", "items_of", "not_remembered", "relay"]

"""DashScope's speech (Qwen TTS): a text in, a link out.

Shapes: https://www.alibabacloud.com/help/en/model-studio/qwen-tts-api (read 2026-11-29). The link leads to a WAV and
holds for a day.
"""

from modelport.dialects.media.asked import asked
from modelport.dialects.media.dashscope_images import NOW, request
from modelport.dialects.media.reading_json import members, needed, text
from modelport.dialects.media.sounds import characters
from modelport.dialects.media.transcripts import inner
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Sound

KIND = "audio/wav"


class DashScopeSpeech(Usual):
    """The wire format of speech at DashScope."""

    takes: frozenset[Carriage] = frozenset()

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        fields, dropped = asked(order)
        return request(NOW, {"model": order.target.offer.upstream, "input": fields}, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read where the sound is."""
        del order, ticket
        answer = members(told.body, "a sound")
        if code := text(answer, "code"):
            raise UpstreamFault(200, f"{code} {text(answer, 'message')}", retryable=not code.startswith("Invalid"))
        output = inner(answer, "output")
        if not output:
            raise MalformedReply("the provider's answer has no 'output'")
        counted = inner(answer, "usage").get("characters")
        link = needed(inner(output, "audio"), "url")
        facts = {"usage": {"characters": counted}} if type(counted) is int else {}
        return Sound(file=File(link=link, content_type=KIND), facts=facts, usage=characters(counted))


CALLED = DashScopeSpeech()

"""Where the ends of jobs are told: addresses that callers give, judged when they are given."""

from dataclasses import dataclass

from modelport.core.errors import InvalidBody
from modelport.egress.guard import AddressRefused
from modelport.serving.ports import Callbacks, UpstreamProblem

FIELD = "webhook_url"
URL_MAX = 2048
LOOK_UP_S = 5.0


class WebhookRefused(InvalidBody):
    """An address that is no webhook, or that this gateway does not call (400)."""

    def __init__(self, reason: str) -> None:
        super().__init__((f"'{FIELD}': {reason}",), FIELD)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CheckWebhook:
    """Judges an address that a caller gives; it is judged again whenever it is called. Raises `WebhookRefused`."""

    callbacks: Callbacks

    async def __call__(self, url: str) -> None:
        if len(url) > URL_MAX:
            raise WebhookRefused(f"Expected an address of at most {URL_MAX} characters, received {len(url)}")
        try:
            await self.callbacks.check(url, LOOK_UP_S)
        except (AddressRefused, UpstreamProblem) as problem:
            raise WebhookRefused(problem.message) from problem

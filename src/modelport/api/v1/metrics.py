"""Numbers for the operator's monitoring."""

import hmac
import os
from dataclasses import dataclass

from modelport.api.problems import WrongMetricsToken
from modelport.api.request import Answer, Request
from modelport.core.counters import Counters
from modelport.core.errors import Secret

_TYPE = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


@dataclass(frozen=True, slots=True)
class MetricsRoutes:
    """`/metrics`, for whoever has its token."""

    counters: Counters
    token: Secret

    async def show(self, request: Request) -> Answer:
        """Answer what this process has counted, in Prometheus' text format; raises `WrongMetricsToken`."""
        if not hmac.compare_digest(request.credential or b"", self.token.reveal().encode()):
            raise WrongMetricsToken(
                "a request for metrics needs 'Authorization: Bearer …' with the token of its setting"
            )
        return Answer(200, self.counters.text(str(os.getpid())).encode(), (_TYPE,))

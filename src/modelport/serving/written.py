"""What is written about a call while it runs, and in the end as its request row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelport.catalogue.facts import Model, Offer, Rates
from modelport.core.clock import Clock
from modelport.keys.key import Key
from modelport.ledger.records import Attempt, CallRecord, CallStatus
from modelport.operations.usage import NOTHING_USED, Usage
from modelport.pricing.charge import UnpricedUsage, charge
from modelport.serving.exchange import CallRequest

CLIENT_LEFT = 499
"""The status on the row of a call whose caller left before the end; nobody receives it."""
OUT_OF_CREDIT = "out_of_credit"
"""The error on the row of a stream that ended, properly, where its money did."""
MAX_DROPPED = 50
MAX_NAME = 100


def named(dropped: Sequence[str]) -> tuple[str, ...]:
    """Bound what is written of dropped parameters: their names are the caller's, and so are their number and length."""
    once = tuple(dict.fromkeys(dropped))
    names = tuple(name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…" for name in once[:MAX_DROPPED])
    return names if len(once) <= MAX_DROPPED else (*names, f"and {len(once) - MAX_DROPPED} more")


@dataclass(slots=True)
class Notes:
    """The facts of one call as they become known."""

    inference_id: str
    request: CallRequest
    key: Key
    clock: Clock
    created_at_ms: int
    begun_s: float
    model: Model | None = None
    is_streaming: bool = False
    first_byte_ms: int | None = None
    offer: Offer | None = None
    rates: Rates | None = None
    dropped: tuple[str, ...] = ()
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    usage: Usage = NOTHING_USED
    """What its row says that it used."""

    @property
    def tokens(self) -> int:
        """The tokens of it, in and out."""
        return self.usage.input_tokens + self.usage.output_tokens

    def elapsed_ms(self) -> int:
        """Milliseconds since the call came in."""
        return int((self.clock.monotonic_s() - self.begun_s) * 1000)

    def succeeded(self, usage: Usage) -> CallRecord:
        """The row of a call that was answered to its end."""
        return self._row(usage, 200, None, on_house=False)

    def ran_out(self, usage: Usage) -> CallRecord:
        """The row of a stream that ended, whole as far as it goes, because its money was used up."""
        return self._row(usage, 200, OUT_OF_CREDIT, on_house=False, status="succeeded")

    def unpriced(self, usage: Usage) -> UnpricedUsage | None:
        """Say what was used that the offer has no rate for, if anything: it was not known before the answer came."""
        unknown = usage.by_meter.keys() - self._rates_of(usage).keys()
        return UnpricedUsage(set(unknown)) if unknown else None

    def cut(self, usage: Usage, code: str, http_status: int = 200) -> CallRecord:
        """The row of an answer that we or the provider cut: the house bears its cost, as far as that is known."""
        return self._row(usage, http_status, code, on_house=True)

    def broken(self, usage: Usage, code: str, http_status: int) -> CallRecord:
        """The row of a call whose answer was not what was asked for: it is paid for, and told as an error."""
        return self._row(usage, http_status, code, on_house=False)

    def left(self, usage: Usage) -> CallRecord:
        """The row of a call that ended because its caller had left."""
        return self._row(usage, CLIENT_LEFT, "client_left", on_house=False)

    def failed(self, code: str, http_status: int) -> CallRecord:
        """The row of a call that was refused or not answered; it costs nothing."""
        return self._row(NOTHING_USED, http_status, code, on_house=False)

    def _last_asked(self) -> str | None:
        return self.attempts[-1].provider if self.attempts else None

    def _rates_of(self, usage: Usage) -> Mapping[str, int]:
        return {} if self.rates is None else self.rates.at(usage.input_tokens)

    def _rates(self, usage: Usage) -> Mapping[str, int]:
        rates = self.rates
        if rates is None:
            return {}
        return rates.at(usage.input_tokens) if rates.tiers else rates.by_meter

    def _row(
        self, usage: Usage, http_status: int, error: str | None, *, on_house: bool, status: CallStatus = "failed"
    ) -> CallRecord:
        request, offer, key = self.request, self.offer, self.key
        self.usage = usage
        rates = self._rates_of(usage)
        priced = {meter: units for meter, units in usage.by_meter.items() if meter in rates}
        return CallRecord(
            inference_id=self.inference_id,
            request_id=request.request_id,
            client_request_id=request.client_request_id,
            account_id=key.account_id,
            key_id=key.id,
            key_prefix=key.prefix,
            created_at_ms=self.created_at_ms,
            duration_ms=self.elapsed_ms(),
            first_byte_ms=self.first_byte_ms,
            endpoint=request.format.endpoint,
            origin=request.origin,
            model=self.model.id if self.model is not None else "",
            provider=offer.provider.id if offer is not None else self._last_asked(),
            upstream_model=offer.upstream if offer is not None else None,
            is_streaming=self.is_streaming,
            status="succeeded" if error is None else status,
            http_status=http_status,
            error=error,
            usage=usage.by_meter,
            usage_source=usage.source,
            rates={meter: rates[meter] for meter in priced},
            cost_credits=charge(priced, rates),
            is_on_house=on_house,
            attempts=tuple(self.attempts),
            dropped=self.dropped,
            provider_nano_usd=usage.provider_nano_usd,
        )

"""`modelport catalogue search`: which model is the cheapest that can do something."""

import re
import shutil
import time
from decimal import Decimal, InvalidOperation

import click
import msgspec

from modelport.bootstrap.catalogue import load_catalogue, router_for
from modelport.catalogue.facts import Operation
from modelport.catalogue.forms import MODALITIES, OPERATIONS
from modelport.catalogue.listing import capabilities, pricing, shown_price
from modelport.catalogue.prices import rate_of
from modelport.catalogue.search import Found, Wanted, capability_named, known_capabilities, search
from modelport.cli.options import JSON
from modelport.settings import Settings

_SIZE = re.compile(r"([0-9]{1,10}(?:\.[0-9]{1,6})?)\s*([kKmM]?)")
_SCALE = {"": 1, "k": 1000, "m": 1_000_000}


class Tokens(click.ParamType[int]):
    """A number of tokens, such as 128000, 128k or 1m."""

    name = "tokens"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; fails with what was wrong."""
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(str(value).strip())
        if not found:
            self.fail(f"{str(value)[:60]!a} is no number of tokens: write 128000, 128k or 1m", param, ctx)
        return int(Decimal(found[1]) * _SCALE[found[2].lower()])


class Dollars(click.ParamType[int]):
    """A price in dollars per million tokens, input and output together, or per unit of media; as a rate."""

    name = "usd"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the rate; fails with what was wrong."""
        if isinstance(value, int):
            return value
        try:
            price = Decimal(str(value).removeprefix("$"))
            rate = rate_of(price, Decimal(1)) if price.is_finite() and price >= 0 else None
        except InvalidOperation:
            rate = None
        if rate is None:
            self.fail(f"{str(value)[:60]!a} is no price: write dollars, such as 0.50", param, ctx)
        return rate


@click.command("search")
@click.argument("words", nargs=-1)
@click.option("--capability", "-c", "wanted", multiple=True, help="What it can do: tools, vision, json_schema, …")
@click.option("--input", "inputs", multiple=True, type=click.Choice(MODALITIES), help="What it takes.")
@click.option("--operation", type=click.Choice(OPERATIONS), help="What it is for.  [default: any]")
@click.option("--context", type=Tokens(), default=0, help="At least so many tokens of context: 128k, 1m.")
@click.option("--maker", default="", help="Who made it, by name or as in its id.")
@click.option("--max-price", type=Dollars(), help="At most so many dollars per million tokens, in and out together.")
@click.option("--open", "is_open", is_flag=True, help="Only with published weights.")
@click.option("--configured", is_flag=True, help="Only what can be served here now.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Show at most so many.")
@JSON
@click.pass_obj
def find(
    settings: Settings,
    words: tuple[str, ...],
    wanted: tuple[str, ...],
    inputs: tuple[str, ...],
    operation: Operation | None,
    context: int,
    maker: str,
    max_price: int | None,
    is_open: bool,
    configured: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List the models that fit, the cheapest first.

    `modelport catalogue search --capability tools --context 128k` names the cheapest with tools and 128,000 tokens.
    WORDS stand anywhere in names, makers and descriptions. Ends with status 1 when nothing fits.
    """
    catalogue = load_catalogue(settings)
    router = router_for(catalogue)
    known = known_capabilities(catalogue)
    asked = Wanted(
        words=words,
        operation=operation,
        capabilities=frozenset(capability_named(part, known) for word in wanted for part in word.split(",")),
        inputs=frozenset(inputs),
        maker=maker,
        least_context=context,
        most_price=max_price,
        is_open=is_open,
        is_configured=configured,
    )
    found = search(catalogue, asked, router.is_configured, time.time_ns() // 1_000_000)
    if as_json:
        click.echo(msgspec.json.encode({"found": len(found), "models": [_facts(one) for one in found[:limit]]}))
    else:
        _show(found, limit)
    if not found:
        raise SystemExit(1)


def _show(found: list[Found], limit: int) -> None:
    if not found:
        click.echo("No model fits: ask for less.", err=True)
        return
    shown = found[:limit]
    wide = min(48, max(len(one.model.id) for one in shown))
    room = max(80, shutil.get_terminal_size((120, 24)).columns)
    for one in shown:
        model = one.model
        context = f"{model.context_tokens // 1000:,}k" if model.context_tokens else ""
        seller = "nobody" if one.offer is None else f"{one.offer.provider.id}, {_price(one)}"
        mark = click.style("*", fg="green") if one.is_configured else " "
        line = f"{model.id:<{wide}} {context:>7}  {seller:<38} {' '.join(capabilities(model))}"
        click.echo(f"{mark} {line[: room - 2].rstrip()}")
    more = f"; {len(found) - len(shown):,} more with --limit" if len(found) > len(shown) else ""
    click.echo(f"{len(found):,} found, prices in dollars, cheapest seller first; * is configured here{more}")


def _price(found: Found) -> str:
    return "free" if found.offer is not None and found.offer.free else shown_price(found.rates)


def _facts(found: Found) -> dict[str, object]:
    model = found.model
    return {
        "id": model.id,
        "name": model.name,
        "maker": model.maker,
        "operation": model.operation,
        "context_tokens": model.context_tokens,
        "output_tokens": model.output_tokens,
        "capabilities": capabilities(model),
        "provider": None if found.offer is None else found.offer.provider.id,
        "pricing": pricing(found.rates, model.operation),
        "configured": found.is_configured,
    }

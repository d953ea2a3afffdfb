"""`modelport providers`: try those that are known, add others, take in what a server lists."""

import asyncio
import re
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

import click
import msgspec

from modelport.bootstrap.catalogue import applied_to, load_catalogue, overlay_folder, router_for
from modelport.bootstrap.discovery import Check, Listed, examined, listed_models, upstream_of
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Provider
from modelport.catalogue.forms import DIALECTS, MODEL_ID, PROVIDER_ID, PROVIDER_ID_FORM, SCHEMES, VARIABLE
from modelport.catalogue.load import load
from modelport.catalogue.nearest import advice
from modelport.catalogue.prices import parse_decimal
from modelport.catalogue.problems import RetiredModel, UnknownModel
from modelport.catalogue.writing import NewProvider, Sale, provider_toml, sales_toml
from modelport.cli.applied import telling_faults
from modelport.cli.files import write_whole
from modelport.cli.options import JSON
from modelport.serving.ports import UpstreamProblem
from modelport.settings import Settings, provider_secret

_ALONE = tuple(one for one in SCHEMES if one != "jwt")
"""How a key is sent that says by itself whose it is."""
_COLOURS = {"ok": "green", "failed": "red", "skipped": "yellow"}
_EMBEDS = re.compile(r"embed|minilm|bge-|e5-|gte-", re.IGNORECASE)


_MODELS = click.option("--model", "models", multiple=True, help="Only models whose names match, as in `llama-*`.")
_FREE = click.option("--free", is_flag=True, help="What it serves costs callers nothing.")
_PRICE = click.option("--price", nargs=2, default=None, metavar="IN OUT", help="Dollars per million tokens, for all.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the file and write nothing.")


@click.group()
def providers() -> None:
    """Those who sell models: list, try, add them."""


@providers.command("list")
@JSON
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the providers that are known, and what the others need to be used."""
    catalogue = load_catalogue(settings)
    router = router_for(catalogue)
    shown = [
        {
            "id": one.id,
            "name": one.name,
            "configured": router.is_configured(one.id),
            "needs": list(one.variables),
            "maintenance": one.maintenance,
        }
        for one in catalogue.providers()
    ]
    if as_json:
        click.echo(msgspec.json.encode({"providers": shown}))
        return
    for one in catalogue.providers():
        is_there = router.is_configured(one.id)
        state = click.style("configured", fg="green") if is_there else f"set {' and '.join(one.variables)}"
        closed = f"; in maintenance: {one.maintenance}" if one.maintenance else ""
        click.echo(f"{one.id:<16} {one.name:<32} {state}{closed}")


@providers.command("test")
@click.argument("name")
@click.option("--model", default=None, help="Make the call with this model.  [default: the cheapest]")
@click.option("--call/--no-call", "calls", default=True, help="Whether to make one tiny call, which may cost a little.")
@JSON
@click.pass_obj
def try_(settings: Settings, name: str, model: str | None, calls: bool, as_json: bool) -> None:
    """Try the provider NAME: is it there, does it take the key, what does it list, does it answer one tiny call.

    Keys are never shown. Ends with status 1 when something failed.
    """
    catalogue = load_catalogue(settings)
    provider = _provider(catalogue, name)
    chosen = None if model is None else catalogue.find(model)

    async def run() -> list[Check]:
        found: list[Check] = []
        async for check in examined(settings, catalogue, provider, model=chosen, calls=calls):
            found.append(check)
            if not as_json:
                click.echo(
                    f"{click.style(f'{check.state:<8}', fg=_COLOURS[check.state])} {check.name:<11} {check.detail}"
                )
        return found

    found = asyncio.run(run())
    if as_json:
        click.echo(msgspec.json.encode({"provider": provider.id, "checks": found}))
    if any(check.state == "failed" for check in found):
        raise SystemExit(1)


def _id_of(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not re.fullmatch(PROVIDER_ID, value):
        raise click.BadParameter(f"'{value[:80]}' is not {PROVIDER_ID_FORM}", ctx, param)
    return value


@providers.command()
@click.argument("provider_id", metavar="ID", callback=_id_of)
@click.option("--base-url", prompt="Base address, without the path of an operation (https://…/v1)", help="Its address.")
@click.option("--name", default=None, help="As users see it.  [default: ID]")
@click.option("--env", default=None, help="The environment variable that holds its key; `none` if it needs none.")
@click.option("--scheme", type=click.Choice(_ALONE), default="bearer", show_default=True, help="How the key is sent.")
@click.option("--format", "dialect", type=click.Choice(DIALECTS["chat"]), default="openai_chat", show_default=True)
@click.option("--priority", type=click.IntRange(0, 1000), default=None, help="Lower is asked first.  [default: 100]")
@_MODELS
@_FREE
@_PRICE
@click.option("--offline", is_flag=True, help="Do not ask it which models it has; write the provider alone.")
@click.option("--replace", is_flag=True, help="Write over its file if there is one.")
@_DRY_RUN
@click.pass_obj
def add(settings: Settings, provider_id: str, base_url: str, **given: object) -> None:
    """Add the provider ID: ask it which models it has, and write its file into the catalogue folder.

    What is not given is asked for. A model that the catalogue knows becomes an offer of that model; others are
    described as ID/NAME. Without --free or --price the price is unknown, and its models are refused until you write
    one. Running servers take the file within a second; nothing is written unless the whole catalogue loads with it.
    """
    path = overlay_folder(settings) / f"{provider_id}.toml"
    if path.exists() and not given["replace"] and not given["dry_run"]:
        raise click.ClickException(f"{path} is there already: change it, or write over it with --replace")
    env = _variable(provider_id, given["env"])
    new = NewProvider(
        name=str(given["name"] or provider_id),
        base_url=base_url.rstrip("/"),
        maker=str(given["name"] or provider_id),
        scheme=str(given["scheme"]) if env else "none",
        env=env,
        speaks=_speaks(str(given["dialect"])),
        priority=given["priority"] if isinstance(given["priority"], int) else None,
        price=_price(bool(given["free"]), given["price"]),
        sales=(),
    )
    if not given["offline"]:
        speaks = {"chat": (new.speaks[0][1],)}
        provider = Provider(provider_id, new.name, new.base_url, speaks, new.scheme, new.env or None)  # pyright: ignore[reportArgumentType]
        new = replace(new, sales=_sales(settings, provider, given["models"]))
    text = provider_toml(new)
    with telling_faults("nothing was written"):
        _check(settings, path, text)
    if given["dry_run"]:
        click.echo(text, nl=False)
        return
    write_whole(path, text.encode())
    known = sum(not sale.is_new for sale in new.sales)
    click.echo(f"Wrote {path}: {len(new.sales)} models, {known} of them known to the catalogue.")
    if "unknown" in new.price and new.sales:
        click.echo("Their price is unknown, so calls are refused: write `rates` or `free = true`, or use --price.")
    if env:
        click.echo(f"Its key is read from {env} when the server starts. Try it: modelport providers test {provider_id}")


@providers.command("import")
@click.argument("name")
@_MODELS
@_FREE
@_PRICE
@_DRY_RUN
@click.pass_obj
def take_in(
    settings: Settings, name: str, models: tuple[str, ...], free: bool, price: tuple[str, str] | None, dry_run: bool
) -> None:
    """Take in the models that the server of the provider NAME lists and that are not bought there yet.

    They are written at the end of its file in the catalogue folder, which is made if there is none.
    """
    catalogue = load_catalogue(settings)
    provider = _provider(catalogue, name)
    if missing := [one for one in provider.variables if provider_secret(one) is None]:
        raise click.ClickException(f"{provider.name} is not configured: set {' and '.join(missing)}")
    bought = {
        offer.upstream
        for model in catalogue.models()
        for offer in catalogue.offers(model.id)
        if offer.provider.id == provider.id
    }
    sold = {
        model.id
        for model in catalogue.models()
        if any(offer.provider.id == provider.id for offer in catalogue.offers(model.id))
    }
    sales = [one for one in _sales(settings, provider, models) if one.upstream not in bought and one.model not in sold]
    if not sales:
        click.echo("There is nothing new.")
        return
    path = overlay_folder(settings) / f"{provider.id}.toml"
    before = path.read_text("utf-8") if path.exists() else ""
    added = sales_toml(sales, provider.name, _price(free, price)).lstrip("\n" if not before else "")
    with telling_faults("nothing was written"):
        _check(settings, path, before + added)
    if dry_run:
        click.echo(added, nl=False)
        return
    write_whole(path, (before + added).encode())
    click.echo(f"Wrote {len(sales)} models into {path}, {sum(not one.is_new for one in sales)} of them known before.")


def _provider(catalogue: Catalogue, name: str) -> Provider:
    ids = [one.id for one in catalogue.providers()]
    found = next((one for one in catalogue.providers() if one.answers_to(name.lower())), None)
    if found is None:
        remedy = advice(name, ids, "`modelport providers list` names all")
        raise click.ClickException(f"no provider is called '{name[:80]}': {remedy}")
    return found


def _variable(provider_id: str, given: object) -> str:
    usual = f"{provider_id.upper().replace('-', '_')}_API_KEY"
    if given is None:
        given = click.prompt("Environment variable that holds its key (`none` if it needs none)", default=usual)
    if given == "none":
        return ""
    if not isinstance(given, str) or not re.fullmatch(VARIABLE, given):
        raise click.ClickException(f"--env is the name of a variable, such as {usual}, and never the key itself")
    return given


def _speaks(dialect: str) -> tuple[tuple[str, str], ...]:
    embeddings = {"openai_chat": "openai_embeddings", "google_gemini": "google_embeddings"}.get(dialect)
    return (("chat", dialect), *((("embeddings", embeddings),) if embeddings else ()))


def _price(is_free: bool, given: object) -> str:
    if is_free:
        return "free     = true"
    if not isinstance(given, tuple):
        return 'price    = "unknown"'
    prices = [str(one) for one in cast("tuple[object, ...]", given)]
    if any(parse_decimal(one) is None for one in prices):
        raise click.ClickException("--price takes two plain numbers of dollars, such as 0.30 0.90")
    today = datetime.now(UTC).date()
    return f'rates    = [{{ from = {today}, input = "{prices[0]}", output = "{prices[1]}" }}]'


def _sales(settings: Settings, provider: Provider, patterns: object) -> tuple[Sale, ...]:
    """Ask the server for its models and return those that match."""
    listed = _ask(settings, provider)
    if listed.names is None:
        refused = "it refused the key" if listed.status in (401, 403) else "it lists no models at /models"
        raise click.ClickException(f"{refused} ({listed.status}: {listed.told}); --offline writes the provider alone")
    asked = [str(one) for one in cast("tuple[object, ...]", patterns or ())]
    wanted = [name for name in listed.names if not asked or any(fnmatchcase(name, one) for one in asked)]
    catalogue = load_catalogue(settings)
    sales: dict[str, Sale] = {}
    for name in wanted:
        sale = _sale(catalogue, provider.id, name)
        if sale is None:
            click.echo(f"left out: '{name[:80]}' cannot be an id", err=True)
        else:
            sales.setdefault(sale.model, sale)
    return tuple(sales.values())


def _ask(settings: Settings, provider: Provider) -> Listed:
    async def ask() -> Listed:
        async with upstream_of(settings, provider) as upstream:
            return await listed_models(upstream, provider)

    try:
        return asyncio.run(ask())
    except UpstreamProblem as problem:
        raise click.ClickException(f"{problem.message}; --offline writes the provider alone") from problem


def _sale(catalogue: Catalogue, provider_id: str, name: str) -> Sale | None:
    """Say what of the catalogue a server's model is, or describe a new one."""
    try:
        model = catalogue.find(name)
    except (UnknownModel, RetiredModel):
        pass
    else:
        if model.operation in ("chat", "embeddings"):
            return Sale(model.id, name, is_new=False)
    model_id = f"{provider_id}/{name}"
    operation = "embeddings" if _EMBEDS.search(name) else "chat"
    return Sale(model_id, name, is_new=True, operation=operation) if re.fullmatch(MODEL_ID, model_id) else None


def _check(settings: Settings, path: Path, text: str) -> None:
    """See that the whole catalogue loads with a new file; raises `CatalogueInvalid`."""
    folder = overlay_folder(settings)
    with tempfile.TemporaryDirectory() as place:
        trial = Path(place) / "catalogue"
        if folder.is_dir():
            shutil.copytree(folder, trial, ignore=shutil.ignore_patterns(".*"))
        write_whole(trial / path.name, text.encode())
        load(trial, settings.data_dir / "cache", applied=applied_to(settings).sources)

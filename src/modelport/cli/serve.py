"""`modelport serve`: start the gateway."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import click
import msgspec

from modelport.bootstrap.catalogue import load_catalogue
from modelport.bootstrap.gateway import run, write_log
from modelport.bootstrap.office import office, usable_folder
from modelport.bootstrap.parts import weights_store
from modelport.cli.accounts import USD
from modelport.cli.models import pull_with_progress
from modelport.core.credits import Credits, usd_text
from modelport.core.errors import Problem
from modelport.engines.entries import UnknownWeights
from modelport.engines.machine import this_machine
from modelport.keys.store import KeyTerms
from modelport.settings import Settings, SettingsInvalid, unknown_variables

FIRST_ACCOUNT = "default"
EMBEDDINGS_MODEL = "all-minilm-l6-v2"
"""The weights of the local embeddings model."""
MORE_MODELS = (EMBEDDINGS_MODEL, "kokoro-82m", "whisper-tiny.en", "pp-ocrv6-small")
"""What a first run fetches beside the default model: embeddings, speech, transcription, OCR."""


@click.command()
@click.option("--host", default=None, help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port; 0 picks a free one.  [default: 8080]")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes that serve.  [default: 1]")
@click.option("--preload", is_flag=True, help="Load the default local model at start, not on its first call.")
@click.option("--first-run", is_flag=True, help="Fetch the local models and make an account with keys, where missing.")
@click.pass_obj
def serve(
    settings: Settings, host: str | None, port: int | None, workers: int | None, preload: bool, first_run: bool
) -> None:
    """Start the gateway. Ctrl-C lets calls in flight end, then stops."""
    write_log(settings)
    if preload:
        settings = msgspec.structs.replace(settings, engine=msgspec.structs.replace(settings.engine, preload=True))
    server = msgspec.structs.replace(settings.server, workers=_or(workers, settings.server.workers))
    settings = msgspec.structs.replace(
        settings, host=host or settings.host, port=_or(port, settings.port), server=server
    )
    for variable in unknown_variables():
        click.echo(f"Warning: {variable} is no setting and does nothing: see docs/configuration.md", err=True)
    greeting = _prepare(settings) if first_run else _short_greeting(settings)
    with asyncio.Runner(loop_factory=_event_loop()) as runner:
        runner.run(_serving(settings, greeting))


def _serving(settings: Settings, greet: Callable[[str], None]) -> Coroutine[object, object, None]:
    if settings.server.workers == 1:
        return run(settings, greet)
    from modelport.bootstrap.supervisor import supervise

    return supervise(settings, greet)


def _or(given: int | None, default: int) -> int:
    return default if given is None else given


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.new_event_loop


def _short_greeting(settings: Settings) -> Callable[[str], None]:
    def greet(address: str) -> None:
        click.echo(f"{_places(address, settings)}\nData: {settings.data_dir}")
        sys.stdout.flush()

    return greet


def _places(address: str, settings: Settings) -> str:
    """Say where the server can be reached: here, and where the operator says that others reach it."""
    public = f"\nPublic address: {settings.public_url}" if settings.public_url else ""
    return f"Modelport listens on {address}{public}"


def _prepare(settings: Settings) -> Callable[[str], None]:
    """Fetch the default model if it is missing; returns what makes the first keys and greets.

    Keys are made once the server listens: they are shown only once, so nothing may go wrong between.
    """
    with usable_folder(settings.data_dir):
        pass  # before a long download rather than after it
    credit = USD.convert(settings.money.first_credit_usd, None, None)
    try:
        pull_with_progress(settings, settings.engine.default_model)
    except UnknownWeights as problem:
        raise SettingsInvalid(f"setting 'engine.default_model': {problem.message}") from problem
    except Problem as problem:
        click.echo(f"The local model is not there: {problem.message}", err=True)
    _fetch_more(settings)

    def greet(address: str) -> None:
        made = _first_keys(settings, credit)
        click.echo(_welcome(address, settings, made))
        sys.stdout.flush()

    return greet


def _fetch_more(settings: Settings) -> None:
    """Fetch the small models beside it, too, where they can run: those whose extras are installed."""
    store = weights_store(settings)
    for weights_id in MORE_MODELS:
        if this_machine().obstacle(store.entry(weights_id).engine) is not None:
            continue
        try:
            pull_with_progress(settings, weights_id)
        except Problem as problem:
            click.echo(f"The local model '{weights_id}' is not there: {problem.message}", err=True)


def _first_keys(settings: Settings, credit: Credits) -> tuple[str, str] | None:
    """Make the first account and its keys, if there is no account yet."""
    with office(settings) as desk:
        if desk.accounts.all():
            return None
        now_ms = desk.now_ms()
        account = desk.accounts.create(FIRST_ACCOUNT, "", credit, now_ms)
        _, regular = desk.issuer.issue(account.id, now_ms, KeyTerms(name="first key"))
        _, management = desk.issuer.issue(account.id, now_ms, KeyTerms(name="first management key"), is_management=True)
        click.echo(f"Made the account '{account.name}' with {usd_text(credit).rstrip('0').rstrip('.')} USD.")
    return regular.reveal(), management.reveal()


def _model_of(settings: Settings, weights: str) -> str:
    """Return the name under which callers ask for weights."""
    catalogue = load_catalogue(settings)
    offers = (offer for model in catalogue.models() for offer in catalogue.offers(model.id))
    return next(
        (one.model_id for one in offers if one.upstream == weights and one.provider.base_url.startswith("unix:")),
        weights,
    )


def _welcome(address: str, settings: Settings, made: tuple[str, str] | None) -> str:
    model = _model_of(settings, settings.engine.default_model)
    key = made[0] if made else "$MODELPORT_KEY"
    curl = (
        f"curl {address}/v1/chat/completions -i \\\n"
        f'  -H "Authorization: Bearer {key}" \\\n'
        '  -H "Content-Type: application/json" -H "X-Client-Request-Id: hello-1" \\\n'
        f'  -d \'{{"model": "{model}", "max_tokens": 64, "temperature": 0,\n'
        '       "messages": [{"role": "user", "content": "What is the capital of France?"}]}\''
    )
    parts = [
        _places(address, settings),
        _keys_shown(settings, made),
        f"Try it:\n\n{curl}",
        _more(address, settings),
        f"Data: {settings.data_dir}\nStop: Ctrl-C",
    ]
    return "\n" + "\n\n".join(parts) + "\n"


def _keys_shown(settings: Settings, made: tuple[str, str] | None) -> str:
    if made:
        return f"Your keys, shown only now:\n  regular     {made[0]}\n  management  {made[1]}  (manages keys)"
    return (
        "Your keys were shown at the first start; make another:\n"
        f"  {_own_name()} keys create --account {FIRST_ACCOUNT} --data-dir {settings.data_dir}"
    )


def _own_name() -> str:
    """Say how this command is called in the terminal that it was started from."""
    started = Path(sys.argv[0])
    return str(started) if started.name == "modelport" and shutil.which("modelport") is None else "modelport"


def _more(address: str, settings: Settings) -> str:
    """Say where else the same key is good."""
    lines = [
        "The same key and model answer in every format:",
        f"  OpenAI SDK     base URL {address}/v1, also for /v1/responses",
        f"  Anthropic SDK  base URL {address}",
    ]
    if weights_store(settings).path(EMBEDDINGS_MODEL) is not None:
        lines.append(f"  Embeddings     /v1/embeddings, model {_model_of(settings, EMBEDDINGS_MODEL)}")
    return "\n".join([*lines, f"  All models     {address}/v1/models"])

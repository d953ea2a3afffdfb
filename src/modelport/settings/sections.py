"""The settings themselves: what there is, its type, its default and what it does."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from modelport.core.errors import Secret

Positive = Annotated[float, Meta(gt=0)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
OnFailure = Literal["open", "closed"]


class Server(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests come in."""

    cors_origin: Annotated[str, Meta(description="The `Access-Control-Allow-Origin` of every API answer.")] = "*"
    max_body_bytes: Annotated[Count, Meta(description="The largest request body; a larger one is refused (413).")] = (
        32 * 1024 * 1024
    )
    header_timeout_s: Annotated[Positive, Meta(description="How long request headers may take to arrive.")] = 20.0
    body_timeout_s: Annotated[Positive, Meta(description="How long a request body may pause while it arrives.")] = 60.0
    body_total_s: Annotated[Positive, Meta(description="How long a whole request body may take to arrive.")] = 300.0
    write_stall_s: Annotated[Positive, Meta(description="How long a caller may leave an answer unread.")] = 120.0
    keep_alive_s: Annotated[Positive, Meta(description="How long an idle connection is kept open.")] = 75.0
    drain_s: Annotated[Positive, Meta(description="How long calls in flight may go on after Ctrl-C or SIGTERM.")] = 30.0
    workers: Annotated[Count, Meta(description="How many processes serve; more than one use more than one core.")] = 1
    metrics_token: Annotated[
        Secret | None,
        Meta(description="The bearer token under which `GET /metrics` answers; without one there is no such route."),
    ] = None


class Storage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where things are kept."""

    durability: Annotated[
        Literal["process", "power"],
        Meta(description="What a committed charge survives: the death of the process, or loss of power too (slower)."),
    ] = "process"
    response_days: Annotated[
        Positive, Meta(description="How many days a response is kept that was made with `store: true`.")
    ] = 30.0
    log_days: Annotated[
        Count | None,
        Meta(description="How many days the row of each call is kept; default: for ever. Sums and entries stay."),
    ] = None
    retry_s: Annotated[
        Positive,
        Meta(description="How long a charge is tried again while PostgreSQL cannot be reached, before its call fails."),
    ] = 10.0


class Money(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How calls are held and billed."""

    hold_wait_s: Annotated[
        Positive, Meta(description="How long a call waits for money that other calls of the account still hold.")
    ] = 10.0
    drain_s: Annotated[
        Positive, Meta(description="How long an answer is read on after its caller has left, to bill it right.")
    ] = 120.0
    first_credit_usd: Annotated[str, Meta(description="Starting balance of the account that a first run makes.")] = "5"
    free_usd_per_hour: Annotated[
        str, Meta(description="What an account that never paid may use each hour beyond its credit; 0 is nothing.")
    ] = "0"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of rate limits that replicas share while Redis cannot be reached: `open` goes on with this
    process's part of the limit, `closed` refuses (429)."""

    requests_on_failure: Annotated[
        OnFailure, Meta(description="Requests per minute while Redis is down: `open` divides them, `closed` refuses.")
    ] = "open"
    tokens_on_failure: Annotated[
        OnFailure, Meta(description="Tokens per minute while Redis is down: `open` divides them, `closed` refuses.")
    ] = "open"
    concurrent_on_failure: Annotated[
        OnFailure, Meta(description="Concurrent calls while Redis is down: `open` divides them, `closed` refuses.")
    ] = "open"


class Stripe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Top-ups by card; without both secrets there are none."""

    secret_key: Annotated[
        Secret | None, Meta(description="Stripe's secret key; without it and the webhook's secret nobody can pay.")
    ] = None
    webhook_secret: Annotated[
        Secret | None, Meta(description="The signing secret of the webhook that points to `/webhooks/stripe`.")
    ] = None
    base_url: Annotated[str, Meta(description="Where Stripe's API is.")] = "https://api.stripe.com"
    least_usd: Annotated[str, Meta(description="The smallest top-up.")] = "5"
    most_usd: Annotated[str, Meta(description="The largest top-up.")] = "2000"


class Egress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests go out."""

    allow: Annotated[
        tuple[str, ...],
        Meta(description="Address ranges that callers' URLs may point to although they are not public (CIDR)."),
    ] = ()
    ports: Annotated[tuple[Port, ...], Meta(description="Ports that callers' URLs may name.")] = (80, 443)
    trust_proxy: Annotated[
        bool, Meta(description="Fetch callers' URLs through the proxy, which then has to refuse private addresses.")
    ] = False
    https_proxy: Annotated[str | None, Meta(description="Proxy for `https` providers; default: `HTTPS_PROXY`.")] = None
    http_proxy: Annotated[str | None, Meta(description="Proxy for `http` providers; default: `HTTP_PROXY`.")] = None
    no_proxy: Annotated[str | None, Meta(description="Hosts reached without a proxy; default: `NO_PROXY`.")] = None
    ca_file: Annotated[Path | None, Meta(description="PEM file of certificate authorities to trust instead.")] = None


class Assets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where files are kept that models make, and how files come in that callers point at."""

    url: Annotated[
        str | None,
        Meta(
            description="A store of objects that replicas share: `s3://bucket/folder` (or `gs://…`, `az://…`); "
            "default: `assets` in the data folder."
        ),
    ] = None
    endpoint: Annotated[
        str | None, Meta(description="Where an S3 that is not Amazon's is; default: `AWS_ENDPOINT_URL`, else Amazon.")
    ] = None
    region: Annotated[str | None, Meta(description="The region of the S3 bucket; default: `AWS_REGION`.")] = None
    access_key_id: Annotated[
        str | None, Meta(description="The id of the S3 credential; default: `AWS_ACCESS_KEY_ID`, else the machine's.")
    ] = None
    secret_access_key: Annotated[
        Secret | None, Meta(description="The S3 credential itself; default: `AWS_SECRET_ACCESS_KEY`.")
    ] = None
    keep_hours: Annotated[
        Positive, Meta(description="How long a link to a file works; its file is deleted within a day after that.")
    ] = 24.0
    max_bytes: Annotated[Count, Meta(description="The largest file that is kept.")] = 512 * 1024 * 1024
    reachable: Annotated[
        bool,
        Meta(description="Whether providers can fetch files from `public_url`; some take their inputs only like that."),
    ] = False
    max_input_bytes: Annotated[
        Count, Meta(description="The largest file that a caller may point at or send inside a request.")
    ] = 64 * 1024 * 1024
    input_timeout_s: Annotated[
        Positive, Meta(description="How long fetching a file that a caller points at may take, redirects included.")
    ] = 30.0
    input_redirects: Annotated[
        int, Meta(ge=0, le=20, description="How many redirects are followed to such a file; each is checked anew.")
    ] = 3


class Engine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How local models run."""

    default_model: Annotated[
        str, Meta(description="The weights that a first run fetches: see `modelport models list`.")
    ] = "qwen2.5-coder-0.5b-instruct"
    preload: Annotated[bool, Meta(description="Load the default model at start instead of on its first call.")] = False
    context_tokens: Annotated[Count | None, Meta(description="Context of each call; default: as the model allows.")] = (
        None
    )
    slots: Annotated[Count, Meta(description="Calls that one local model answers at the same time.")] = 2
    queue: Annotated[int, Meta(ge=0, description="Calls that may wait for a slot; more get 503.")] = 32
    threads: Annotated[
        Count | None, Meta(description="CPU threads of each local model; default: all cores but one.")
    ] = None
    resident: Annotated[Count, Meta(description="Local models kept in memory at the same time.")] = 3
    idle_s: Annotated[Positive, Meta(description="How long an unused local model stays in memory.")] = 1800.0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings; each is a line in docs/configuration.md."""

    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen on; 0 picks a free one.")] = 8080
    data_dir: Annotated[Path, Meta(description="Folder of the database, weights, overlay and secret.")] = Path("data")
    public_url: Annotated[
        str | None,
        Meta(description="The root of every absolute link; default: scheme and host of the request."),
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="Addresses or ranges whose `X-Forwarded-*` headers are believed.")
    ] = ()
    secret: Annotated[
        Secret | None,
        Meta(description="Secret under which keys are hashed; default: made once in the data folder."),
    ] = None
    database_url: Annotated[
        Secret | None,
        Meta(
            description="A PostgreSQL database that replicas share: `postgresql://user:password@host/name`; "
            "default: SQLite in the data folder."
        ),
    ] = None
    redis_url: Annotated[
        Secret | None,
        Meta(description="Redis or Valkey for rate limits that replicas share: `redis://host:6379/0`."),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="How much is written to standard error.")
    ] = "info"
    server: Server = Server()
    storage: Storage = Storage()
    money: Money = Money()
    limits: Limits = Limits()
    stripe: Stripe = Stripe()
    egress: Egress = Egress()
    assets: Assets = Assets()
    engine: Engine = Engine()

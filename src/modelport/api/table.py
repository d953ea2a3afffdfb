"""All routes of the API, joined from their parts."""

from modelport.api.routes import Route, inference
from modelport.api.v1.assets import AssetRoutes
from modelport.api.v1.billing import BillingRoutes
from modelport.api.v1.calls import CallRoutes
from modelport.api.v1.documents import DocumentRoutes
from modelport.api.v1.exports import ExportRoutes
from modelport.api.v1.health import HealthRoutes
from modelport.api.v1.jobs import JobRoutes
from modelport.api.v1.keys import KeyRoutes
from modelport.api.v1.media import MediaRoutes
from modelport.api.v1.metrics import MetricsRoutes
from modelport.api.v1.models import ModelRoutes
from modelport.api.v1.pages import PageRoutes
from modelport.api.v1.payments import PaymentRoutes
from modelport.api.v1.plans import PlanRoutes
from modelport.api.v1.reports import ReportRoutes
from modelport.api.v1.responses import ResponseRoutes
from modelport.api.v1.speeds import SpeedRoutes
from modelport.api.v1.webhooks import WebhookRoutes
from modelport.assets.links import PATH


def all_routes(
    *,
    calls: CallRoutes,
    media: MediaRoutes,
    jobs: JobRoutes,
    responses: ResponseRoutes,
    models: ModelRoutes,
    plans: PlanRoutes,
    documents: DocumentRoutes,
    speeds: SpeedRoutes,
    keys: KeyRoutes,
    webhooks: WebhookRoutes,
    billing: BillingRoutes,
    reports: ReportRoutes,
    exports: ExportRoutes,
    health: HealthRoutes,
    pages: PageRoutes,
    assets: AssetRoutes,
    metrics: MetricsRoutes | None = None,
    payments: PaymentRoutes | None = None,
) -> tuple[Route, ...]:
    """List every path with its methods; the names are lines of `access.ACCESS`. Without `payments` nobody can pay."""
    documents.routes = table = (
        *(_payment_routes(payments) if payments is not None else ()),
        *_page_routes(pages),
        Route((PATH,), {"GET": ("assets", assets.show)}, has_tail=True),
        Route(inference("/chat/completions"), {"POST": ("chat", calls.chat)}),
        Route(inference("/completions"), {"POST": ("completions", calls.completions)}),
        Route(inference("/messages"), {"POST": ("messages", calls.messages)}),
        Route(inference("/messages/count_tokens"), {"POST": ("messages.count", calls.count_tokens)}),
        Route(inference("/responses"), {"POST": ("responses", calls.responses)}),
        Route(
            inference("/responses/"),
            {"GET": ("responses.show", responses.show), "DELETE": ("responses.delete", responses.delete)},
            has_tail=True,
        ),
        Route(inference("/embeddings"), {"POST": ("embeddings", calls.embeddings)}),
        Route(inference("/openai/deployments/"), {"POST": ("deployment", calls.deployment)}, has_tail=True),
        *media_routes(media),
        *job_routes(jobs),
        *_model_routes(models, speeds, documents),
        Route(("/v1/route",), {"GET": ("route.show", plans.show), "POST": ("route.explain", plans.explain)}),
        *_key_routes(keys, webhooks),
        *_billing_routes(billing),
        *report_routes(reports),
        Route(("/v1/export/logs",), {"GET": ("export.logs", exports.logs)}),
        Route(("/v1/export/entries",), {"GET": ("export.entries", exports.entries)}),
        *_watching_routes(health, metrics),
    )
    return table


def _model_routes(models: ModelRoutes, speeds: SpeedRoutes, documents: DocumentRoutes) -> tuple[Route, ...]:
    """List the paths of what is told of models; what has a name comes before any id."""
    return (
        Route(("/v1/models", "/api/v1/models", "/v2/models"), {"GET": ("models.list", models.index)}),
        Route(inference("/models/metrics"), {"GET": ("models.metrics", speeds.show)}),
        Route(
            ("/v1/models/", "/api/v1/models/", "/v2/models/"),
            {"GET": ("models.retrieve", models.retrieve)},
            has_tail=True,
        ),
        Route(("/model/",), {"GET": ("models.show", models.show)}, has_tail=True),
        Route(("/docs-json",), {"GET": ("docs.model", documents.of_model)}),
        Route(("/openapi.json",), {"GET": ("openapi", documents.whole)}),
    )


def media_routes(media: MediaRoutes) -> tuple[Route, ...]:
    """List the paths of media; videos and music cannot be begun yet, nor asked after."""
    job = ("jobs.show", media.job)
    return (
        Route(inference("/images/generations"), {"POST": ("images", media.images)}),
        Route(inference("/images/generations/with-url"), {"POST": ("images.links", media.image_links)}),
        Route(inference("/images/edits"), {"POST": ("images.edits", media.edits)}),
        Route(inference("/video/generations"), {"POST": ("video", media.video), "GET": job}),
        Route(inference("/generate/video/"), {"POST": ("video", media.makers_video), "GET": job}, has_tail=True),
        Route(inference("/generate/audio"), {"POST": ("music", media.music), "GET": job}),
        Route(inference("/generate/audio/minimax/generate"), {"POST": ("music", media.minimax_music)}),
        Route(inference("/tts"), {"POST": ("speech", media.speech)}),
        Route(inference("/audio/speech"), {"POST": ("speech", media.openai_speech)}),
        Route(inference("/stt"), {"POST": ("transcription", media.transcription_now)}),
        Route(inference("/audio/transcriptions"), {"POST": ("transcription", media.captions)}),
        Route(inference("/audio/translations"), {"POST": ("transcription", media.translations)}),
        Route(inference("/ocr"), {"POST": ("ocr", media.ocr)}),
        Route(inference("/moderations"), {"POST": ("moderation", media.moderation)}),
    )


def _watching_routes(health: HealthRoutes, metrics: MetricsRoutes | None) -> tuple[Route, ...]:
    """List the paths for whoever watches the server."""
    optional = () if metrics is None else (Route(("/metrics",), {"GET": ("metrics", metrics.show)}),)
    return (
        Route(("/healthz",), {"GET": ("health", health.alive)}),
        Route(("/readyz",), {"GET": ("readiness", health.ready)}),
        *optional,
    )


def job_routes(jobs: JobRoutes) -> tuple[Route, ...]:
    """List the paths of what is made while its caller does something else."""
    return (
        Route(inference("/stt/create"), {"POST": ("transcription.order", jobs.transcription)}),
        Route(inference("/stt/"), {"GET": ("transcription.show", jobs.transcript)}, has_tail=True),
        Route(("/v1/jobs",), {"GET": ("jobs.list", jobs.index)}),
        Route(("/v1/jobs/",), {"GET": ("job.show", jobs.show), "DELETE": ("job.cancel", jobs.cancel)}, has_tail=True),
    )


def _page_routes(pages: PageRoutes) -> tuple[Route, ...]:
    """List the addresses that have a page; on some of them programs are answered with JSON."""
    return (
        Route(("/",), {"GET": ("about", pages.home)}),
        Route(("/models",), {"GET": ("models.array", pages.models)}),
        Route(("/models/ids",), {"GET": ("pages", pages.ids)}),
        Route(("/models/",), {"GET": ("models.page", pages.model)}, has_tail=True),
        Route(("/llms.txt",), {"GET": ("pages", pages.llms)}),
        Route(("/static/",), {"GET": ("pages", pages.static)}, has_tail=True),
    )


def report_routes(reports: ReportRoutes) -> tuple[Route, ...]:
    """List the paths of reports."""
    return (
        Route(("/v2/billing/transactions",), {"GET": ("billing.transactions", reports.transactions)}),
        Route(("/v2/usage",), {"GET": ("usage", reports.usage)}),
        Route(("/v2/usage/detail",), {"GET": ("usage.detail", reports.detail)}),
        Route(("/v2/logs",), {"GET": ("logs", reports.logs)}),
    )


def _key_routes(keys: KeyRoutes, webhooks: WebhookRoutes) -> tuple[Route, ...]:
    """List the paths of keys, and of what proves to webhooks who calls them."""
    return (
        Route(("/v1/keys",), {"POST": ("keys.create", keys.create), "GET": ("keys.list", keys.index)}),
        Route(
            ("/v1/keys/",),
            {
                "PATCH": ("keys.change", keys.change),
                "PUT": ("keys.replace", keys.replace),
                "DELETE": ("keys.delete", keys.delete),
            },
            has_tail=True,
        ),
        Route(("/v1/key",), {"GET": ("key.show", keys.show)}),
        Route(
            ("/v1/webhooks/secret",),
            {"GET": ("webhooks.secret", webhooks.show), "POST": ("webhooks.rotate", webhooks.rotate)},
        ),
    )


def _billing_routes(billing: BillingRoutes) -> tuple[Route, ...]:
    return (
        Route(("/v1/billing/balance", "/billing/balance"), {"GET": ("billing.credits", billing.credits)}),
        Route(("/v2/billing",), {"GET": ("billing.balance", billing.usd)}),
        Route(("/v2/billing/detail",), {"GET": ("billing.detail", billing.detail)}),
    )


def _payment_routes(payments: PaymentRoutes) -> tuple[Route, ...]:
    return (
        Route(("/v1/billing/checkout",), {"POST": ("checkout", payments.begin)}),
        Route(
            ("/v1/billing/auto-top-up",),
            {"GET": ("auto_top_up.show", payments.show), "PUT": ("auto_top_up.change", payments.change)},
        ),
        Route(("/webhooks/stripe",), {"POST": ("stripe.webhook", payments.receive)}),
    )

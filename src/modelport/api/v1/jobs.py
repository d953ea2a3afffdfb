"""Jobs: transcripts that are fetched later, and what an account has under way."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import msgspec
from msgspec import Raw

from modelport.api.query import Query
from modelport.api.request import Answer, Request, json_answer
from modelport.api.v1.media import media_request
from modelport.catalogue.facts import Operation
from modelport.core.clock import Clock
from modelport.dialects.media import addresses
from modelport.dialects.media.answers import meta_of
from modelport.jobs.job import Job
from modelport.keys.key import Key
from modelport.serving.jobs.told import described, failure_of, with_result
from modelport.serving.media import MediaRequest
from modelport.serving.ports import Client

OPEN_MS = 8_000
"""So long after a job was made, who asks after it is answered when it ends, or at last then: most never ask twice."""
FIRST_LOOK_S = 0.1
SLOWEST_LOOK_S = 1.0
_SLOWER = 1.5
KEEP_ALIVE_S = 15.0
LIMIT_MAX = 100
LIMIT_DEFAULT = 20
_EVENTS = "/events"
_EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
_NOT_KEPT = (b"cache-control", b"no-store")
_encode = msgspec.json.Encoder().encode


class Orders(Protocol):
    """Takes jobs in and tells of them."""

    async def order(self, request: MediaRequest, key: Key, client: Client) -> Job: ...

    async def find(self, job_id: str, operation: Operation | None = None, account_id: int | None = None) -> Job: ...

    async def page(self, account_id: int, before: str | None, limit: int) -> list[Job]: ...

    async def cancel(self, job_id: str, account_id: int) -> Job: ...


@dataclass(frozen=True, slots=True)
class JobRoutes:
    """The addresses of jobs."""

    orders: Orders
    clock: Clock
    open_ms: int = OPEN_MS

    async def transcription(self, request: Request) -> Answer:
        """`POST /v1/stt/create`."""
        asked = await media_request(request, addresses.TRANSCRIPTION)
        job = await self.orders.order(asked, request.caller, request.client)
        answer = _encode({"generation_id": job.id, "status": "queued"})
        return Answer(200, answer, ((b"content-type", b"application/json"), (b"x-inference-id", job.id.encode())))

    async def transcript(self, request: Request) -> Answer:
        """`GET /v1/stt/{generation_id}`: never `generating`, at which some clients stop."""
        job = await self._awaited(request, request.tail, "transcription")
        result = None if job.result is None else Raw(job.result)
        told: dict[str, object] = {
            "id": job.id,
            "generation_id": job.id,
            "status": job.state if job.is_final else "queued",
            "result": result,
            "output": result,
            "error": failure_of(job),
        }
        if job.is_final:
            told["meta"] = meta_of(job.charged)
        return Answer(200, _encode(told), ((b"content-type", b"application/json"), _NOT_KEPT))

    async def index(self, request: Request) -> Answer:
        """`GET /v1/jobs`: the account's own, newest first."""
        query = Query(request.query_string, ("cursor", "limit"))
        limit = query.integer("limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
        found = await self.orders.page(request.caller.account_id, query.get("cursor"), limit + 1)
        shown = found[:limit]
        more = len(found) > limit
        data = [described(job) for job in shown]
        return json_answer({"object": "list", "data": data, "has_more": more, "cursor": shown[-1].id if more else None})

    async def show(self, request: Request) -> Answer | None:
        """`GET /v1/jobs/{id}`, and `GET /v1/jobs/{id}/events`: how it goes on, as it does."""
        if request.tail.endswith(_EVENTS):
            await self._follow(request, request.tail.removesuffix(_EVENTS))
            return None
        job = await self.orders.find(request.tail, account_id=request.caller.account_id)
        return Answer(200, _encode(with_result(job)), ((b"content-type", b"application/json"), _NOT_KEPT))

    async def cancel(self, request: Request) -> Answer:
        """`DELETE /v1/jobs/{id}`: what was not sent ends now, what was sent is paid and dropped when it is made."""
        job = await self.orders.cancel(request.tail, request.caller.account_id)
        return json_answer(described(job), 200 if job.is_final else 202)

    async def _awaited(self, request: Request, job_id: str, operation: Operation) -> Job:
        """Look at a young job until it has ended, or is not young any more, or nobody waits for it."""
        pause_s = FIRST_LOOK_S
        while True:
            job = await self.orders.find(job_id, operation, request.caller.account_id)
            left_s = (job.created_at_ms + self.open_ms - self.clock.now_ms()) / 1000
            if job.is_final or left_s <= 0 or request.client.has_left:
                return job
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(SLOWEST_LOOK_S, pause_s * _SLOWER)

    async def _follow(self, request: Request, job_id: str) -> None:
        """Send an event whenever a job is another, until it has ended."""
        client, account_id = request.client, request.caller.account_id
        job = await self.orders.find(job_id, account_id=account_id)
        await client.start(200, (_EVENT_STREAM, _NOT_KEPT))
        told, silent_s, pause_s = b"", 0.0, FIRST_LOOK_S
        while not client.has_left:
            event = _encode(with_result(job))
            if event != told:
                told, silent_s, pause_s = event, 0.0, FIRST_LOOK_S
                await client.send(b"event: job\ndata: %b\n\n" % event)
            elif silent_s >= KEEP_ALIVE_S:
                silent_s = 0.0
                await client.send(b": it goes on\n\n")
            if job.is_final:
                break
            await asyncio.sleep(pause_s)
            silent_s += pause_s
            pause_s = min(SLOWEST_LOOK_S, pause_s * _SLOWER)
            job = await self.orders.find(job_id, account_id=account_id)
        await client.finish()

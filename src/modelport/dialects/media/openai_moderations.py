"""OpenAI's moderation: texts or a picture in, kinds of harm out; the engine of ours speaks it, too.

Shapes: the official SDK's types, https://developers.openai.com/api/docs/guides/moderation (read 2026-11-29). Categories
that a model does not know are false; those that we do not know are passed on.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from modelport.dialects.media.asked import asked
from modelport.dialects.media.reading_json import Json, inlined, inside, listed, members, needed, post, text
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamRequest
from modelport.operations.made import Made, Verdicts
from modelport.operations.moderation import CATEGORIES, Verdict

PATH = "/moderations"


class OpenAIModerations(Usual):
    """The wire format of `/moderations`."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        fields, dropped = asked(order)
        sent = {name: inlined(value) for name, value in fields.items()}
        return post(PATH, {"model": order.target.offer.upstream, **sent}, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the verdicts; there is one for each text."""
        del ticket
        answer = members(told.body, "a list of verdicts")
        results = [_verdict(one) for one in listed(answer, "results", "verdicts")]
        if len(results) != (wanted := expected_of(order.call.fields.get("input"))):
            raise MalformedReply(f"the provider's answer has {len(results)} verdicts for {wanted} inputs")
        return Verdicts(results=results, id=needed(answer, "id"), model=text(answer, "model") or order.call.model)


def expected_of(given: object) -> int:
    """Say how many verdicts belong to an input: one for each text of a list, else one."""
    several = cast("list[object]", given) if isinstance(given, list) else []
    return len(several) if several and isinstance(several[0], str) else 1


def _verdict(told: Json) -> Verdict:
    flags, scores = inside(told, "categories"), inside(told, "category_scores")
    if not flags or not scores:
        raise MalformedReply("the provider's answer has a verdict without categories or scores")
    seen = inside(told, "category_applied_input_types")
    names = dict.fromkeys((*CATEGORIES, *flags))
    categories = {name: flags.get(name) is True for name in names}
    return Verdict(
        flagged=told.get("flagged") is True or any(categories.values()),
        categories=categories,
        category_scores={name: _score(scores, name) for name in names},
        category_applied_input_types={name: _types(seen, name) for name in names},
    )


def _score(scores: Mapping[str, object], name: str) -> float:
    found = scores.get(name)
    if found is None:
        return 0.0
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise MalformedReply(f"the provider's score of '{name}' is no number")
    return float(found)


def _types(seen: Json, name: str) -> Sequence[str]:
    found = seen.get(name)
    return [one for one in cast("list[object]", found) if isinstance(one, str)] if isinstance(found, list) else []


CALLED = OpenAIModerations()

"""What requests may hold on paths of which the catalogue has no parameters: the same for every model there."""

from collections.abc import Mapping

from modelport.catalogue.parameters import Parameter, Parameters

_TEXT = Parameter(type="string")
_ROLE = Parameter(type="string", required=True)
_OBJECTS = Parameter(type="array", items=Parameter(type="object"))
_STREAM = Parameter(
    type="boolean",
    default=False,
    needs="streaming",
    description="Send the answer in pieces, as server-sent events.",
)
_PROVIDER = Parameter(type="string", description="Ask only this provider.")
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

RESPONSES: Parameters = {
    "input": Parameter(
        required=True,
        any_of=(_TEXT, _OBJECTS),
        description="A text, or the items of the conversation so far, oldest first.",
    ),
    "instructions": Parameter(type="string", description="What the model is to keep to, ahead of the input."),
    "max_output_tokens": Parameter(type="integer", minimum=16, description="The most tokens of the answer."),
    "previous_response_id": Parameter(type="string", description="The kept response that this one goes on from."),
    "store": Parameter(type="boolean", description="Whether the response is kept, to be read or gone on from."),
    "stream": _STREAM,
    "temperature": Parameter(type="number", minimum=0, maximum=2, description="How freely words are chosen."),
    "top_p": Parameter(type="number", minimum=0, maximum=1, description="Choose among the likeliest words only."),
    "tools": Parameter(type="array", max_items=128, items=Parameter(type="object"), needs="tools"),
    "tool_choice": Parameter(
        any_of=(Parameter(type="string", enum=("none", "auto", "required")), Parameter(type="object")), needs="tools"
    ),
    "parallel_tool_calls": Parameter(type="boolean", needs="parallel_tools"),
    "reasoning": Parameter(
        type="object",
        properties={
            "effort": Parameter(type="string", enum=_EFFORTS),
            "summary": Parameter(type="string", enum=("auto", "concise", "detailed")),
        },
        needs="reasoning",
        description="How much the model thinks before it answers, and whether it tells of it.",
    ),
    "text": Parameter(
        type="object",
        properties={
            "format": Parameter(
                type="object",
                properties={
                    "type": Parameter(type="string", required=True, enum=("text", "json_object", "json_schema"))
                },
            )
        },
        needs="json_object",
        description="The form of the answer: text, any JSON object, or JSON of a given schema.",
    ),
    "metadata": Parameter(type="object", additional_properties=_TEXT),
    "user": Parameter(type="string", description="Who the end user is."),
    "provider": _PROVIDER,
}
MESSAGES: Parameters = {
    "messages": Parameter(
        type="array",
        required=True,
        min_items=1,
        items=Parameter(type="object", properties={"role": _ROLE}),
        description="The conversation so far, oldest first.",
    ),
    "max_tokens": Parameter(type="integer", minimum=0, description="The most tokens of the answer; may be left out."),
    "system": Parameter(any_of=(_TEXT, _OBJECTS), needs="system", description="What the model is to keep to."),
    "stream": _STREAM,
    "temperature": Parameter(type="number", minimum=0, maximum=1, description="How freely words are chosen."),
    "top_p": Parameter(type="number", minimum=0, maximum=1, description="Choose among the likeliest words only."),
    "top_k": Parameter(type="integer", minimum=0, description="Choose among so many words only."),
    "stop_sequences": Parameter(type="array", items=_TEXT, description="Texts at which the answer ends."),
    "tools": Parameter(type="array", max_items=1000, items=Parameter(type="object"), needs="tools"),
    "tool_choice": Parameter(
        any_of=(Parameter(type="string", enum=("none", "auto", "required", "any")), Parameter(type="object")),
        needs="tools",
    ),
    "thinking": Parameter(
        type="object",
        properties={
            "type": Parameter(type="string", required=True, enum=("enabled", "disabled", "adaptive", "between_tools")),
            "budget_tokens": Parameter(type="integer", minimum=1024),
        },
        needs="reasoning",
        description="Whether the model thinks before it answers, and how much.",
    ),
    "metadata": Parameter(type="object"),
    "provider": _PROVIDER,
}
COMPLETIONS: Parameters = {
    "prompt": Parameter(required=True, any_of=(_TEXT, Parameter(type="array", items=_TEXT))),
    "suffix": Parameter(type="string", description="What follows: the model fills in between."),
    "max_tokens": Parameter(type="integer", minimum=1, description="The most tokens of the answer."),
    "stream": Parameter(type="boolean", default=False),
    "temperature": Parameter(type="number", minimum=0, maximum=2),
    "top_p": Parameter(type="number", minimum=0, maximum=1),
    "stop": Parameter(nullable=True, any_of=(_TEXT, Parameter(type="array", items=_TEXT))),
}
EDITS: Parameters = {
    "image": Parameter(
        required=True,
        any_of=(Parameter(type="file"), Parameter(type="array", max_items=16, items=Parameter(type="file"))),
        description="The pictures to change: PNG, WebP or JPEG.",
    ),
    "mask": Parameter(type="file", description="A PNG whose transparent pixels are the region to change."),
    "prompt": Parameter(type="string", required=True, max_length=32000, description="What to change."),
    "n": Parameter(type="integer", minimum=1, maximum=10, default=1),
    "size": Parameter(type="string", enum=("1024x1024", "1024x1536", "1536x1024"), default="1024x1024"),
    "quality": Parameter(type="string", enum=("low", "medium", "high"), default="medium"),
    "background": Parameter(type="string", enum=("transparent", "opaque", "auto"), default="auto"),
    "output_format": Parameter(type="string", enum=("png", "jpeg", "webp"), default="png"),
    "output_compression": Parameter(type="integer", minimum=0, maximum=100, default=100),
    "response_format": Parameter(type="string", enum=("url", "b64_json"), default="url"),
}
ORDERED: Parameters = {
    "webhook_url": Parameter(
        type="string",
        format="uri",
        max_length=2048,
        description="Where the end of the job is told, signed; instead of the webhook of the key.",
    )
}
"""What every request for a job may hold; the gateway's own, which no model sees."""
BY_ENDPOINT: Mapping[str, Parameters] = {
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
    "/v1/images/edits": EDITS,
}


def able(parameters: Parameters, capabilities: frozenset[str]) -> Parameters:
    """Leave out what needs a capability that is not among these."""
    return {name: one for name, one in parameters.items() if not one.needs or one.needs in capabilities}

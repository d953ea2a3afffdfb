// Anthropic's own client for Node: messages, thinking, tools, counting, against providers of every format.
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";
import {
  BOTH_TOOLS,
  DOT,
  HELLO,
  KEY,
  LOOK,
  MODELS,
  SCHEMAS,
  SYSTEM,
  THINKING,
  URL,
  main,
  perFormat,
  perThinkingModel,
  raised,
  scenario,
  told,
} from "./scenarios.mjs";

const client = (apiKey = KEY) => new Anthropic({ baseURL: URL, apiKey, authToken: null, maxRetries: 0 });
const api = client();
const messages = [{ role: "user", content: HELLO }];
const tools = Object.entries(SCHEMAS).map(([name, input_schema]) => ({
  name,
  description: `Tells what ${name} says.`,
  input_schema,
}));
const thinking = THINKING;
const Port = z.object({ name: z.string(), depth_m: z.number().int().min(1), pilots: z.array(z.string()) });
const textOf = (answer) => answer.content.map((block) => (block.type === "text" ? block.text : "")).join("");
const thoughtsOf = (answer) => answer.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join("");
const callsOf = (answer) => answer.content.filter((block) => block.type === "tool_use");
const unique = (values) => new Set(values).size;

perFormat("messages_whole", async (model) => {
  const answer = await api.messages.create({ model, max_tokens: 200, system: SYSTEM, messages });
  return {
    text: textOf(answer),
    finish: answer.stop_reason,
    tokens: [answer.usage.input_tokens, answer.usage.output_tokens],
    credits: answer.meta.usage.credits_used,
  };
});

perFormat("messages_stream", async (model) => {
  const stream = api.messages.stream({ model, max_tokens: 200, system: SYSTEM, messages });
  const seen = [];
  for await (const event of stream) seen.push(event);
  const answer = await stream.finalMessage();
  return {
    text: textOf(answer),
    deltas: seen.map((event) => (event.delta?.type === "text_delta" ? event.delta.text : "")).join(""),
    first: seen[0].type,
    last: seen.at(-1).type,
    finish: answer.stop_reason,
    tokens: [answer.usage.input_tokens, answer.usage.output_tokens],
  };
});

async function loop(model, more = {}) {
  const talk = [{ role: "user", content: BOTH_TOOLS }];
  const answer = await api.messages.create({ model, max_tokens: 2000, messages: talk, tools, ...more });
  const asked = callsOf(answer);
  talk.push({ role: "assistant", content: answer.content });
  talk.push({
    role: "user",
    content: asked.map((call) => ({
      type: "tool_result",
      tool_use_id: call.id,
      content: told(call.name, call.input),
    })),
  });
  const final = await api.messages.create({ model, max_tokens: 2000, messages: talk, tools, ...more });
  return {
    thoughts: thoughtsOf(answer),
    finish: answer.stop_reason,
    calls: asked.map((call) => [call.name, call.input]),
    ids: unique(asked.map((call) => call.id)),
    final: textOf(final),
  };
}

perFormat("messages_parallel_tools", (model) => loop(model));

perThinkingModel("messages_thinking_tools", (model) => loop(model, { thinking }));

perFormat("messages_tool_stream", async (model) => {
  const talk = [{ role: "user", content: BOTH_TOOLS }];
  const answer = await api.messages.stream({ model, max_tokens: 200, messages: talk, tools }).finalMessage();
  return {
    calls: callsOf(answer).map((call) => [call.name, call.input]),
    ids: unique(callsOf(answer).map((call) => call.id)),
    finish: answer.stop_reason,
  };
});

perFormat("messages_structured", async (model) => {
  const output_config = { format: zodOutputFormat(Port) };
  const answer = await api.messages.parse({ model, max_tokens: 200, messages, output_config });
  return answer.parsed_output;
});

perFormat("messages_vision", async (model) => {
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: DOT } };
  const talk = [{ role: "user", content: [{ type: "text", text: LOOK }, image] }];
  return { text: textOf(await api.messages.create({ model, max_tokens: 200, messages: talk })) };
});

perThinkingModel("messages_thinking", async (model) => {
  const asked = { model, max_tokens: 2000, messages, thinking };
  const answer = await api.messages.create(asked);
  const streamed = await api.messages.stream(asked).finalMessage();
  return {
    text: textOf(answer),
    thoughts: thoughtsOf(answer),
    streamed: thoughtsOf(streamed),
    streamed_text: textOf(streamed),
  };
});

perFormat("messages_count", async (model) => {
  const { input_tokens: tokens } = await api.messages.countTokens({ model, system: SYSTEM, messages });
  return { tokens };
});

scenario("messages_models", async () => {
  const ids = [];
  for await (const model of api.models.list()) ids.push(model.id);
  return { ids };
});

scenario("messages_errors", () =>
  raised(
    (error) => Object.entries(Anthropic).find(([, type]) => error?.constructor === type)?.[0] ?? error?.name,
    (key, changes) =>
      client(key).messages.create({ model: MODELS.anthropic_messages, max_tokens: 200, messages, ...changes }),
  ),
);

await main();

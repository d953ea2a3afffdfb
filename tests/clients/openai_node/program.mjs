// OpenAI's own client for Node: chat, Responses, embeddings and models, against providers of every format.
import { Buffer } from "node:buffer";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
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

const client = (apiKey = KEY, baseURL = `${URL}/v1`) => new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const api = client();
const messages = [
  { role: "system", content: SYSTEM },
  { role: "user", content: HELLO },
];
const described = Object.entries(SCHEMAS).map(([name, parameters]) => ({
  name,
  description: `Tells what ${name} says.`,
  parameters,
}));
const tools = described.map((tool) => ({ type: "function", function: tool }));
const flatTools = described.map((tool) => ({ type: "function", strict: true, ...tool }));
const Port = z.object({ name: z.string(), depth_m: z.number().int().min(1), pilots: z.array(z.string()) });
const unique = (values) => new Set(values).size;
const cost = (answer) => answer.meta.usage.credits_used;

perFormat("whole", async (model) => {
  const answer = await api.chat.completions.create({ model, messages, max_tokens: 200 });
  const [choice] = answer.choices;
  return { text: choice.message.content, finish: choice.finish_reason, usage: answer.usage, credits: cost(answer) };
});

perFormat("stream", async (model) => {
  const chunks = [];
  for await (const chunk of await api.chat.completions.create({ model, messages, stream: true })) chunks.push(chunk);
  const choices = chunks.flatMap((chunk) => chunk.choices);
  const last = chunks.at(-1);
  return {
    text: choices.map((choice) => choice.delta.content ?? "").join(""),
    finish: choices.map((choice) => choice.finish_reason).filter(Boolean),
    ids: unique(chunks.map((chunk) => chunk.id)),
    pieces: choices.filter((choice) => choice.delta.content).length,
    last_is_usage: last.choices.length === 0 && last.usage != null,
    usage: last.usage,
    credits: cost(last),
  };
});

perFormat("parallel_tools", async (model) => {
  const talk = [{ role: "user", content: BOTH_TOOLS }];
  const answer = await api.chat.completions.create({ model, messages: talk, tools });
  const { message, finish_reason: finish } = answer.choices[0];
  const asked = message.tool_calls ?? [];
  const calls = asked.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  talk.push(message);
  asked.forEach((call, at) => talk.push({ role: "tool", tool_call_id: call.id, content: told(...calls[at]) }));
  const final = await api.chat.completions.create({ model, messages: talk, tools });
  return { finish, calls, ids: unique(asked.map((call) => call.id)), final: final.choices[0].message.content };
});

perFormat("tool_stream", async (model) => {
  const stream = api.chat.completions.stream({ model, messages: [{ role: "user", content: BOTH_TOOLS }], tools });
  const answer = await stream.finalChatCompletion();
  const calls = answer.choices[0].message.tool_calls ?? [];
  return {
    calls: calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
    ids: unique(calls.map((call) => call.id)),
    finish: answer.choices[0].finish_reason,
  };
});

perFormat("tool_runner", async (model) => {
  const seen = [];
  const runnable = described.map((tool) => ({
    type: "function",
    function: {
      ...tool,
      parse: JSON.parse,
      function: (given) => {
        seen.push([tool.name, given]);
        return told(tool.name, given);
      },
    },
  }));
  const runner = api.chat.completions.runTools({
    model,
    messages: [{ role: "user", content: BOTH_TOOLS }],
    tools: runnable,
  });
  const final = await runner.finalContent();
  return { calls: seen, final };
});

perFormat("structured", async (model) => {
  const answer = await api.chat.completions.parse({ model, messages, response_format: zodResponseFormat(Port, "port") });
  return answer.choices[0].message.parsed;
});

perFormat("vision", async (model) => {
  const image = { type: "image_url", image_url: { url: `data:image/png;base64,${DOT}` } };
  const talk = [{ role: "user", content: [{ type: "text", text: LOOK }, image] }];
  const answer = await api.chat.completions.create({ model, messages: talk });
  return { text: answer.choices[0].message.content };
});

perThinkingModel("reasoning", async (model) => {
  const asked = { model, messages: messages.slice(1), thinking: THINKING };
  const { message } = (await api.chat.completions.create(asked)).choices[0];
  const seen = { text: message.content, thoughts: message.reasoning_content, streamed: "", streamed_text: "" };
  const stream = await api.chat.completions.create({ ...asked, stream: true });
  for await (const chunk of stream) {
    seen.streamed += chunk.choices[0]?.delta.reasoning_content ?? "";
    seen.streamed_text += chunk.choices[0]?.delta.content ?? "";
  }
  return seen;
});

perFormat("responses_whole", async (model) => {
  const answer = await api.responses.create({ model, instructions: SYSTEM, input: HELLO });
  return { text: answer.output_text, status: answer.status, usage: answer.usage, credits: cost(answer) };
});

perFormat("responses_stream", async (model) => {
  const stream = api.responses.stream({ model, instructions: SYSTEM, input: HELLO });
  const seen = [];
  for await (const event of stream) seen.push(event);
  const answer = await stream.finalResponse();
  const numbers = seen.map((event) => event.sequence_number);
  return {
    text: answer.output_text,
    deltas: seen.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join(""),
    first: seen[0].type,
    last: seen.at(-1).type,
    in_order: numbers.every((number, at) => at === 0 || number > numbers[at - 1]),
    credits: cost(answer),
  };
});

perFormat("responses_tools", async (model) => {
  const talk = [{ role: "user", content: BOTH_TOOLS }];
  const answer = await api.responses.create({ model, input: talk, tools: flatTools });
  const asked = answer.output.filter((item) => item.type === "function_call");
  const calls = asked.map((call) => [call.name, JSON.parse(call.arguments)]);
  talk.push(...answer.output);
  asked.forEach((call, at) =>
    talk.push({ type: "function_call_output", call_id: call.call_id, output: told(...calls[at]) }),
  );
  const final = await api.responses.create({ model, input: talk, tools: flatTools });
  return { calls, ids: unique(asked.map((call) => call.call_id)), final: final.output_text };
});

perFormat("responses_structured", async (model) => {
  const answer = await api.responses.parse({ model, input: HELLO, text: { format: zodTextFormat(Port, "port") } });
  return answer.output_parsed;
});

scenario("embeddings", async () => {
  const input = ["a harbour", "a lighthouse", "a harbour"];
  const model = MODELS.embedding;
  const plain = await api.embeddings.create({ model, input });
  const floats = await api.embeddings.create({ model, input, encoding_format: "float" });
  const coded = await api.embeddings.create({ model, input, encoding_format: "base64" });
  const vectors = floats.data.map((item) => item.embedding);
  const decoded = coded.data.map((item) => {
    const bytes = Buffer.from(item.embedding, "base64");
    return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
  });
  const near = (left, right) => left.every((vector, at) => vector.every((x, i) => Math.abs(x - right[at][i]) < 1e-6));
  return {
    count: vectors.length,
    dimensions: vectors[0].length,
    order: plain.data.map((item) => item.index),
    repeats: near([vectors[0]], [vectors[2]]) && !near([vectors[0]], [vectors[1]]),
    same: near(vectors, decoded) && near(vectors, plain.data.map((item) => item.embedding)),
    tokens: floats.usage.prompt_tokens,
    credits: cost(floats),
  };
});

scenario("models", async () => {
  const listed = [];
  for (const base of ["", "/", "/v1", "/v1/"]) {
    const ids = [];
    for await (const model of client(KEY, URL + base).models.list()) ids.push(model.id);
    listed.push(ids.sort());
  }
  return { bases: listed.length, same: unique(listed.map(String)) === 1, ids: listed[0] };
});

const kindOf = (error) => Object.entries(OpenAI).find(([, type]) => error?.constructor === type)?.[0] ?? error?.name;

scenario("errors", () =>
  raised(kindOf, (key, changes) =>
    client(key).chat.completions.create({ model: MODELS.openai_chat, messages, ...changes }),
  ),
);

scenario("responses_errors", () =>
  raised(kindOf, (key, changes) => client(key).responses.create({ model: MODELS.openai_chat, input: HELLO, ...changes })),
);

await main();

// OpenAI's own client for Node: chat, Responses, embeddings and models, against providers of every format.
import { Buffer } from "node:buffer";
import OpenAI, { toFile } from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import {
  BOTH_TOOLS,
  DOT,
  HELLO,
  KEY,
  LOOK,
  MODELS,
  SAID,
  SCHEMAS,
  SOUND,
  SYSTEM,
  THINKING,
  URL,
  fetched,
  main,
  perFormat,
  perThinkingModel,
  raised,
  scenario,
  sizeOf,
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

scenario("images", async () => {
  const made = await api.images.generate({ model: MODELS.image, prompt: HELLO, size: "1024x1536", quality: "low" });
  const sizes = await Promise.all(made.data.map(async (one) => sizeOf(await fetched(one.url))));
  return { sizes, wanted: [1024, 1536], credits: cost(made) };
});

scenario("images_inside", async () => {
  const asked = { model: MODELS.queued_image, prompt: HELLO, n: 2, response_format: "b64_json" };
  const made = await api.images.generate(asked);
  return { sizes: made.data.map((one) => sizeOf(Buffer.from(one.b64_json, "base64"))), wanted: [1024, 768], count: 2 };
});

scenario("image_edit", async () => {
  const named = (name) => toFile(Buffer.from(DOT, "base64"), name, { type: "image/png" });
  const image = [await named("cat.png"), await named("hat.png")];
  const made = await api.images.edit({ model: MODELS.image, image, prompt: HELLO, response_format: "b64_json" });
  return { sizes: made.data.map((one) => sizeOf(Buffer.from(one.b64_json, "base64"))), wanted: [1024, 1024] };
});

const drawing = async (stream) => {
  const events = [];
  for await (const event of stream) events.push(event);
  const last = events.at(-1);
  return {
    kinds: events.map((event) => event.type),
    numbers: events.slice(0, -1).map((event) => event.partial_image_index),
    sizes: events.map((event) => sizeOf(Buffer.from(event.b64_json, "base64"))),
    wanted: [1024, 1024],
    told: [last.size, last.quality, last.output_format],
    tokens: last.usage.total_tokens,
    credits: cost(last),
  };
};
const drawn = { model: MODELS.image, prompt: HELLO, quality: "low", partial_images: 2, stream: true };

scenario("image_stream", async () => drawing(await api.images.generate(drawn)));

scenario("image_edit_stream", async () => {
  const image = await toFile(Buffer.from(DOT, "base64"), "cat.png", { type: "image/png" });
  return drawing(await api.images.edit({ ...drawn, image }));
});

const spoken = async (voice) => {
  const answer = await api.audio.speech.create({ model: MODELS.speech, voice, input: SAID, response_format: "mp3" });
  return { type: answer.headers.get("content-type"), answer };
};

scenario("speech", async () => {
  const { type, answer } = await spoken("alloy");
  const pieces = [];
  for await (const piece of answer.body) pieces.push(piece);
  return { type, same: Buffer.concat(pieces).equals(SOUND) };
});

scenario("speech_whole", async () => {
  const { type, answer } = await spoken("coral");
  return { type, same: Buffer.from(await answer.arrayBuffer()).equals(SOUND) };
});

const said = () => toFile(SOUND, "said.mp3", { type: "audio/mpeg" });
const heard = async (how = {}) =>
  api.audio.transcriptions.create({ model: MODELS.transcription, file: await said(), ...how });

scenario("transcripts", async () => {
  const verbose = await heard({ response_format: "verbose_json", timestamp_granularities: ["word"] });
  const plain = await heard({ language: "en" });
  return {
    text: plain.text,
    plain: await heard({ response_format: "text" }),
    srt: await heard({ response_format: "srt" }),
    vtt: await heard({ response_format: "vtt" }),
    verbose: verbose.text,
    words: verbose.words.map((word) => word.word),
    credits: cost(plain),
  };
});

scenario("transcript_stream", async () => {
  const events = [];
  for await (const event of await heard({ stream: true })) events.push(event);
  return {
    kinds: events.map((event) => event.type),
    text: events.slice(0, -1).map((event) => event.delta).join(""),
    whole: events.at(-1).text,
    credits: cost(events.at(-1)),
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

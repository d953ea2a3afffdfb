// Vercel's AI SDK with its providers for OpenAI (Responses), for servers like OpenAI (chat) and for Anthropic.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, embedMany, experimental_generateImage as generateImage, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { Buffer } from "node:buffer";
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
  sizeOf,
  told,
} from "./scenarios.mjs";

const chat = (apiKey = KEY) =>
  createOpenAICompatible({
    name: "modelport",
    baseURL: `${URL}/v1`,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
const openai = (apiKey = KEY) => createOpenAI({ baseURL: `${URL}/v1`, apiKey });
const anthropic = (apiKey = KEY) => createAnthropic({ baseURL: `${URL}/v1`, apiKey });
const Port = z.object({ name: z.string(), depth_m: z.number().int().min(1), pilots: z.array(z.string()) });

async function wholeOf(model) {
  const { text, finishReason: finish, usage } = await generateText({ model, system: SYSTEM, prompt: HELLO, maxRetries: 0 });
  return { text, finish, tokens: [usage.inputTokens, usage.outputTokens] };
}

async function streamOf(model) {
  const wrong = [];
  const onError = ({ error }) => wrong.push(`${error}`);
  const answer = streamText({ model, system: SYSTEM, prompt: HELLO, maxRetries: 0, onError });
  const pieces = [];
  for await (const piece of answer.textStream) pieces.push(piece);
  if (wrong.length) throw new Error(wrong.join("; "));
  const usage = await answer.usage;
  return {
    text: pieces.join(""),
    pieces: pieces.length,
    finish: await answer.finishReason,
    tokens: [usage.inputTokens, usage.outputTokens],
  };
}

async function loop(model) {
  const seen = [];
  const tools = Object.fromEntries(
    Object.entries(SCHEMAS).map(([name, schema]) => [
      name,
      tool({
        description: `Tells what ${name} says.`,
        inputSchema: jsonSchema(schema),
        execute: (given) => {
          seen.push([name, given]);
          return told(name, given);
        },
      }),
    ]),
  );
  const { text, steps } = await generateText({
    model,
    prompt: BOTH_TOOLS,
    tools,
    stopWhen: stepCountIs(3),
    maxRetries: 0,
  });
  return { calls: seen, steps: steps.length, final: text };
}

async function structuredOf(model) {
  const { output } = await generateText({ model, prompt: HELLO, output: Output.object({ schema: Port }), maxRetries: 0 });
  return output;
}

async function visionOf(model) {
  const content = [
    { type: "text", text: LOOK },
    { type: "image", image: Buffer.from(DOT, "base64"), mediaType: "image/png" },
  ];
  return { text: (await generateText({ model, messages: [{ role: "user", content }], maxRetries: 0 })).text };
}

const makers = { "": chat, responses_: openai, messages_: anthropic };
for (const [prefix, make] of Object.entries(makers)) {
  perFormat(`${prefix}whole`, (model) => wholeOf(make()(model)));
  perFormat(`${prefix}stream`, (model) => streamOf(make()(model)));
  perFormat(`${prefix}${prefix === "responses_" ? "tools" : "parallel_tools"}`, (model) => loop(make()(model)));
  perFormat(`${prefix}structured`, (model) => structuredOf(make()(model)));
  perFormat(`${prefix}vision`, (model) => visionOf(make()(model)));
}

perThinkingModel("reasoning", async (model) => {
  const { text, reasoningText: thoughts } = await generateText({
    model: chat()(model),
    prompt: HELLO,
    maxRetries: 0,
    providerOptions: { modelport: { thinking: THINKING } },
  });
  return { text, thoughts };
});

perThinkingModel("messages_thinking", async (model) => {
  const { text, reasoningText: thoughts } = await generateText({
    model: anthropic()(model),
    prompt: HELLO,
    maxRetries: 0,
    maxOutputTokens: 2000,
    providerOptions: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } },
  });
  return { text, thoughts };
});

scenario("embeddings", async () => {
  const values = ["a harbour", "a lighthouse", "a harbour"];
  const { embeddings } = await embedMany({ model: chat().embeddingModel(MODELS.embedding), values, maxRetries: 0 });
  const [first, second, third] = embeddings.map(String);
  return { count: embeddings.length, dimensions: embeddings[0].length, repeats: first === third && first !== second };
});

const nameOf = (error) => (APICallError.isInstance(error) ? "APICallError" : error.name);

const mended = ({ temperature }) => (temperature === undefined ? {} : { temperature, topP: temperature });

function failing(make, model) {
  return raised(nameOf, (key, { model: other, ...changes }) =>
    // The SDK mends a temperature for Anthropic by itself.
    generateText({ model: make(key)(other ?? model), prompt: HELLO, maxRetries: 0, ...mended(changes) }),
  );
}

scenario("images", async () => {
  const asked = { prompt: HELLO, size: "1024x1536", maxRetries: 0 };
  const own = await generateImage({ model: openai().image(MODELS.image), ...asked });
  const like = await generateImage({ model: chat().imageModel(MODELS.image), ...asked });
  return { sizes: [own, like].map((made) => sizeOf(made.image.uint8Array)), wanted: [1024, 1536] };
});

scenario("errors", () => failing(chat, MODELS.openai_chat));
scenario("messages_errors", () => failing(anthropic, MODELS.anthropic_messages));

await main();

// Calls everything that a client of ours relies on, and prints what it got as one JSON object.
import OpenAI from "openai";

const apiKey = process.env.MODELPORT_KEY;
const root = process.env.MODELPORT_URL;
const hello = { model: "fake/echo", messages: [{ role: "user", content: "ahoy" }] };
const client = (baseURL, key = apiKey) => new OpenAI({ baseURL, apiKey: key, maxRetries: 0 });
const report = { bases: {}, errors: {} };

for (const base of ["", "/", "/v1", "/v1/"]) {
  const { choices } = await client(root + base).chat.completions.create(hello);
  report.bases[base] = choices[0].message.content;
}

const api = client(`${root}/v1`);
const { data, response } = await api.chat.completions
  .create(hello, { headers: { "X-Client-Request-Id": "node-1" } })
  .withResponse();
report.meta = data.meta;
report.usage = data.usage;
report.headers = Object.fromEntries(response.headers);

report.stream = { text: "", chunks: 0 };
for await (const chunk of await api.chat.completions.create({ ...hello, stream: true })) {
  report.stream.text += chunk.choices[0]?.delta?.content ?? "";
  report.stream.chunks += 1;
  report.stream.last = chunk;
}

const listed = [];
for await (const model of api.models.list()) {
  listed.push(model.id);
}
report.listed = listed;
report.model = await api.models.retrieve("fake/echo");

async function failing(name, call) {
  try {
    await call();
    report.errors[name] = "no error";
  } catch (error) {
    const kind = Object.entries(OpenAI).find(([, type]) => error?.constructor === type)?.[0];
    report.errors[name] = { kind, status: error.status, code: error.code, type: error.type, message: error.message };
  }
}

await failing("authentication", () => client(`${root}/v1`, "wrong").chat.completions.create(hello));
await failing("notFound", () => api.chat.completions.create({ ...hello, model: "fake/ecko" }));
await failing("badRequest", () => api.chat.completions.create({ ...hello, temperature: 3.5 }));
await failing("permission", () => client(`${root}/v1`, process.env.POOR_KEY).chat.completions.create(hello));
await failing("rateLimit", () => api.chat.completions.create({ ...hello, model: process.env.RATE_LIMITED }));
await failing("server", () => api.chat.completions.create({ ...hello, model: process.env.FAILING }));

console.log(JSON.stringify(report));

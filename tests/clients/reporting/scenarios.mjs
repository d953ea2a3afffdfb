// What the Node programs share: where to call, whom to ask, and one line of JSON for each scenario that was run.
import { Buffer } from "node:buffer";
import process from "node:process";

export const URL = process.env.MODELPORT_URL;
export const KEY = process.env.MODELPORT_KEY;
export const MODELS = JSON.parse(process.env.MODELPORT_MODELS);
const FORMATS = JSON.parse(process.env.MODELPORT_FORMATS);

export const HELLO = "ahoy there";
export const BOTH_TOOLS = "Ask get_weather and get_tide about the harbour.";
export const LOOK = "What is on it?";
// Asks for thoughts, and to see them.
export const THINKING = { type: "enabled", budget_tokens: 1024 };
export const SYSTEM = "You are a harbour pilot.";
export const DOT =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
export const SAID = "Hello there.";
// A fifth of a second of nothing, as MP3.
export const SOUND = Buffer.concat(Array(8).fill(Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x64]), Buffer.alloc(413)])));
export const SCHEMAS = {
  get_weather: {
    type: "object",
    properties: { city: { type: "string" }, unit: { type: "string", enum: ["celsius", "fahrenheit"] } },
    required: ["city", "unit"],
    additionalProperties: false,
  },
  get_tide: {
    type: "object",
    properties: { harbour: { type: "string" }, hour: { type: "integer" } },
    required: ["harbour", "hour"],
    additionalProperties: false,
  },
};
// What goes wrong, by the name that clients have for it: the key of the call, and what is changed in it.
const WRONG = {
  authentication: ["sk-nobody", {}],
  not_found: [KEY, { model: "fake/ecko" }],
  bad_request: [KEY, { temperature: 3.5 }],
  permission: [process.env.MODELPORT_POOR_KEY, {}],
  rate_limit: [KEY, { model: "fault/429" }],
};

const scenarios = new Map();

export function scenario(name, work) {
  scenarios.set(name, work);
}

// Runs it once for each format that a provider may speak, with the model of it.
export function perFormat(name, work) {
  for (const form of FORMATS) scenarios.set(`${name}[${form}]`, () => work(MODELS[form]));
}

// Runs it once for each format, with a model that reasons.
export function perThinkingModel(name, work) {
  for (const form of FORMATS) scenarios.set(`${name}[${form}]`, () => work(MODELS[`thinking:${form}`]));
}

// Reads what a link leads to, without a key.
export async function fetched(link) {
  const answer = await fetch(link);
  if (!answer.ok) throw new Error(`${link}: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

// Returns width and height of a PNG.
export function sizeOf(picture) {
  const data = Buffer.from(picture);
  if (data.subarray(1, 4).toString() !== "PNG") throw new Error(`no PNG: ${data.subarray(0, 20)}`);
  return [data.readUInt32BE(16), data.readUInt32BE(20)];
}

// Does what a tool does.
export function told(tool, given) {
  return JSON.stringify({ tool, for: Object.keys(given).sort(), degrees: 7 });
}

// Provokes each of `WRONG` and says which error came, with its status.
export async function raised(nameOf, call) {
  const seen = {};
  for (const [name, [key, changes]] of Object.entries(WRONG)) {
    try {
      await call(key, changes);
      seen[name] = null;
    } catch (error) {
      seen[name] = { kind: nameOf(error), status: error.status ?? error.statusCode ?? null, message: error.message };
    }
  }
  return seen;
}

// Runs all scenarios, or those whose name starts with one that is given, and prints what came of each.
export async function main(only = process.argv.slice(2)) {
  for (const [scenario, work] of scenarios) {
    if (only.length && !only.some((start) => scenario.startsWith(start))) continue;
    let outcome;
    try {
      outcome = { ok: true, detail: (await work()) ?? null };
    } catch (error) {
      outcome = { ok: false, detail: `${error?.stack ?? error}`.slice(0, 4000) };
    }
    console.log(JSON.stringify({ scenario, ...outcome }));
  }
}

// A system message to gpt-4o, first whole, then as a stream.
import { OpenAI } from "openai";

const api = new OpenAI({ apiKey: process.env.MODELPORT_KEY, baseURL: `${process.env.MODELPORT_URL}/v1` });
const messages = [
  { role: "system", content: "You are a harbour pilot." },
  { role: "user", content: "Where may I anchor?" },
];

const completion = await api.chat.completions.create({ model: "gpt-4o", messages, temperature: 0.7, max_tokens: 256 });
console.log("AI:", completion.choices[0].message.content);

const stream = await api.chat.completions.create({ model: "gpt-4o", messages, stream: true });
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
console.log();

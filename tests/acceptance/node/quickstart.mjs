// The first call of a newcomer with the OpenAI SDK.
import OpenAI from "openai";

const api = new OpenAI({ baseURL: `${process.env.MODELPORT_URL}/v1`, apiKey: process.env.MODELPORT_KEY });

const main = async () => {
  const result = await api.chat.completions.create({
    model: "google/gemma-3-4b-it",
    messages: [{ role: "user", content: "Name three seaports." }],
    temperature: 0.7,
    max_tokens: 512,
  });
  console.log("AI:", result.choices[0].message.content);
};

main();

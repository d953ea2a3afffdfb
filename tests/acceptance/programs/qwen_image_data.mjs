// An image within the request, as a data URL, by `fetch`.
import { Buffer } from "node:buffer";

const dot = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);

const response = await fetch(`${process.env.MODELPORT_URL}/v1/chat/completions`, {
  method: "POST",
  headers: { Authorization: `Bearer ${process.env.MODELPORT_KEY}`, "Content-Type": "application/json" },
  body: JSON.stringify({
    model: "alibaba/qwen3-vl-32b-thinking",
    messages: [
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: `data:image/png;base64,${dot.toString("base64")}` } },
          { type: "text", text: "Which colour is it?" },
        ],
      },
    ],
  }),
});
const data = await response.json();
console.log(data.choices[0].message.content);

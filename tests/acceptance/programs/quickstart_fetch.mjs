// The first call of a newcomer by `fetch`.
const response = await fetch(`${process.env.MODELPORT_URL}/v1/chat/completions`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${process.env.MODELPORT_KEY}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    model: "google/gemma-3-4b-it",
    messages: [{ role: "user", content: "Name three seaports." }],
    temperature: 0.7,
    max_tokens: 512,
  }),
});
const data = await response.json();
console.log(data.choices[0].message.content);

// One question to DeepSeek V3.2 Speciale by `fetch`; MODELPORT_PREFIX is "/v1" or nothing.
async function main() {
  const response = await fetch(`${process.env.MODELPORT_URL}${process.env.MODELPORT_PREFIX ?? "/v1"}/chat/completions`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${process.env.MODELPORT_KEY}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      model: "deepseek/deepseek-v3.2-speciale",
      messages: [{ role: "user", content: "How many primes are below thirty?" }],
    }),
  });
  const data = await response.json();
  console.log(JSON.stringify(data, null, 2));
}

main();

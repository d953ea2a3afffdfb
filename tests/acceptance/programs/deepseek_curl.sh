#!/usr/bin/env bash
# One question to DeepSeek V3.2 Speciale by cURL, which follows redirects; MODELPORT_PREFIX is "/v1" or nothing.
curl -sS -L \
  --request POST \
  --url "$MODELPORT_URL${MODELPORT_PREFIX-/v1}/chat/completions" \
  --header "Authorization: Bearer $MODELPORT_KEY" \
  --header 'Content-Type: application/json' \
  --data-raw '{
    "model": "deepseek/deepseek-v3.2-speciale",
    "messages": [
      {
        "role": "user",
        "content": "How many primes are below thirty?"
      }
    ]
  }'

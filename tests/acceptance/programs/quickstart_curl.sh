#!/usr/bin/env bash
# The first call of a newcomer by cURL.
curl -sS -L \
  --request POST \
  --url "$MODELPORT_URL/v1/chat/completions" \
  --header "Authorization: Bearer $MODELPORT_KEY" \
  --header 'Content-Type: application/json' \
  --data '{
    "model": "google/gemma-3-4b-it",
    "messages": [{"role": "user", "content": "Name three seaports."}],
    "temperature": 0.7,
    "max_tokens": 512
  }'

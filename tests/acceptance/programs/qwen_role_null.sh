#!/usr/bin/env bash
# The same with `role: null`, by cURL.
curl -sS -L "$MODELPORT_URL/v1/chat/completions" \
  --header 'Content-Type: application/json' \
  --header "Authorization: Bearer $MODELPORT_KEY" \
  --data '{"model": "alibaba/qwen3-vl-32b-thinking", "messages": [{"role": null, "content": "Good morning"}]}'

"""OpenAI chat completions, as many vendors speak them."""

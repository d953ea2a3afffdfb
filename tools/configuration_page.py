"""Writes docs/configuration.md from the settings themselves; a test keeps the page in step."""

from pathlib import Path
from typing import cast

from modelport.settings import documented, type_name

PAGE = Path(__file__).parent.parent / "docs" / "configuration.md"

HEAD = """# Configuration

Every setting can be given in three places; the first that has it wins:

1. an option of the command (`--host`, `--port`, `--data-dir`);
2. an environment variable;
3. a TOML file: `DATA_DIR/modelport.toml`, or the file that `--config` or `MODELPORT_CONFIG` names.

A key with a dot stands in a section of the file: `money.hold_wait_s` is `hold_wait_s` below `[money]`. Lists are
separated by commas in a variable. A value that cannot be read, or a key of the file that does not exist, stops the
start with a message that names it; a variable `MODELPORT_…` that is no setting is only warned of.

```toml
port = 8080
public_url = "https://models.example.com"
trusted_proxies = ["127.0.0.1"]

[money]
hold_wait_s = 5
```

| variable | key | type | default | what it does |
| --- | --- | --- | --- | --- |
"""

TAIL = """
Credentials of providers are not settings of Modelport: they are read from the variable that the provider's entry in
the catalogue names, such as `OPENAI_API_KEY`. `modelport doctor` lists them all and says which are set.
See [providers.md](providers.md).

Models, prices and providers are not settings either: they are the catalogue, which you extend in
`DATA_DIR/catalogue/`.
See [catalogue.md](catalogue.md).
"""


def page() -> str:
    """Render the page."""
    rows = [
        f"| `{line.variable}` | `{line.key}` | {type_name(line.type)} | {shown(line.default)} | {line.description} |"
        for line in documented()
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


def shown(default: object) -> str:
    """Print a default for people."""
    if default is None or default == ():
        return "–"
    if isinstance(default, tuple):
        return "`" + ", ".join(map(str, cast(tuple[object, ...], default))) + "`"
    if isinstance(default, bool):
        return "`true`" if default else "`false`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page())

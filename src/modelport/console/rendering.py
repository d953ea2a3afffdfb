"""Templates, escaped by themselves. Loaded when the first page is asked for, since no call needs it."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from modelport.catalogue.facts import Model
from modelport.catalogue.listing import page_of
from modelport.console import wording
from modelport.console.highlight import highlighted
from modelport.console.prices import credits_of_a_dollar


class Templates:
    """Renders pages by the names of their templates."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("modelport.console"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters: dict[str, Callable[..., object]] = {
            "tokens": wording.tokens,
            "grouped": wording.grouped,
            "capability": wording.capability,
            "highlighted": highlighted,
            "query": urlencode,
            "page": _page,
        }
        self._environment.filters.update(filters)
        self._given = {"TASKS": wording.TASKS, "credits_of_a_dollar": credits_of_a_dollar()}

    def render(self, name: str, values: Mapping[str, object]) -> bytes:
        """Render a template."""
        return self._environment.get_template(name).render({**self._given, **values}).encode()


def _page(model: Model | str) -> str:
    return page_of(model if isinstance(model, str) else model.id)


def static_files() -> dict[str, bytes]:
    """Read every static file."""
    folder = files("modelport.console") / "static"
    return {path.name: path.read_bytes() for path in folder.iterdir()}

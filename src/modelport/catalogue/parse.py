"""Reads catalogue files into drafts; everything that a single file can get wrong is found here."""

import tomllib
from collections.abc import Iterator, Sequence
from typing import cast

from modelport.catalogue.drafts import Drafts, ModelDraft, ParametersDraft, RetiredDraft, SettingsDraft
from modelport.catalogue.facts import Note, Retired
from modelport.catalogue.forms import (
    CAPABILITIES,
    CATEGORIES,
    ENDPOINT,
    ENDPOINT_FORM,
    LINK,
    LINK_FORM,
    MODALITIES,
    MODEL_ID,
    MODEL_ID_FORM,
    MODELS,
    MODELS_FORM,
    OPERATIONS,
    PARAMETERS,
    PARAMETERS_FORM,
    PROVIDER_ID,
    PROVIDER_ID_FORM,
    REASON,
    REASON_FORM,
    ROLES,
)
from modelport.catalogue.parse_offers import parse_markup
from modelport.catalogue.parse_parameters import parse_parameters
from modelport.catalogue.parse_provider import parse_provider
from modelport.catalogue.problems import Fault
from modelport.catalogue.sources import Source
from modelport.catalogue.table import Table

LEAST_BOUND = 16
"""No provider that is called in Responses takes a lower bound on its output."""


def parse(sources: Sequence[Source], faults: list[Fault]) -> Drafts:
    """Read every file; what a file gets wrong is added to `faults`."""
    drafts = Drafts()
    for source in sources:
        top = _toml(source, faults)
        if top is None:
            continue
        if source.holds_settings:
            drafts.settings = _settings(top)
        elif source.holds_parameters:
            drafts.shared.append(ParametersDraft(source.stem, parse_parameters(top.table("parameters")) or {}))
        elif source.holds_models and not top.values.keys() <= {"models", "retired"}:
            drafts.models.extend(_model(top, source))
            drafts.retired.extend(_retired(top))
        else:
            drafts.models.extend(_models(top, source))
            drafts.retired.extend(_retired(top))
            if not source.holds_models and top.values.keys() - {"models", "retired"}:
                drafts.providers.extend(parse_provider(top, source))
        top.close()
    return drafts


def _toml(source: Source, faults: list[Fault]) -> Table | None:
    try:
        values = cast("dict[str, object]", tomllib.loads(source.data.decode()))
    except UnicodeDecodeError as error:
        faults.append(Fault(source.shown, "", f"is not UTF-8 (byte {error.start})", "save it as UTF-8"))
        return None
    except tomllib.TOMLDecodeError as error:
        faults.append(Fault(source.shown, "", f"is not TOML: {error}", "correct it at that place"))
        return None
    return Table(source.shown, "", values, faults)


def _settings(top: Table) -> SettingsDraft:
    return SettingsDraft(
        file=top.file,
        markup=parse_markup(top),
        hide=top.texts("hide", pattern=MODELS, form=MODELS_FORM) or (),
        only=top.texts("only", pattern=MODELS, form=MODELS_FORM),
        rename=_renames(top),
        maintenance=top.text("maintenance", pattern=REASON, form=REASON_FORM),
    )


def _renames(top: Table) -> dict[str, str]:
    table = top.table("rename")
    if table is None:
        return {}
    renames: dict[str, str] = {}
    for old in table.values:
        new = table.text(old, pattern=MODEL_ID, form=MODEL_ID_FORM)
        if new is not None and new in renames.values():
            table.fault(old, f"'{new}' is given to two models", "give each an id of its own")
        elif new is not None:
            renames[old] = new
    return renames


def _models(top: Table, source: Source) -> Iterator[ModelDraft]:
    for table in top.tables("models"):
        yield from _model(table, source)
        table.close()


def _model(table: Table, source: Source) -> Iterator[ModelDraft]:
    model_id = table.text("id", pattern=MODEL_ID, form=MODEL_ID_FORM)
    if "id" not in table:
        model_id = _id_from_name(table, source)
    draft = ModelDraft(
        file=table.file,
        key=table.path,
        id=model_id or "",
        name=table.text("name"),
        maker=table.text("maker"),
        operation=table.choice("operation", OPERATIONS),
        description=table.text("description"),
        aliases=table.texts("aliases", pattern=MODEL_ID, form=MODEL_ID_FORM),
        inputs=table.choices("inputs", MODALITIES),
        outputs=table.choices("outputs", MODALITIES),
        capabilities=table.choices("capabilities", CAPABILITIES),
        context_tokens=table.whole("context_tokens", 1, 1_000_000_000),
        output_tokens=table.whole("output_tokens", 1, 1_000_000_000),
        released_on=table.day("released_on"),
        cutoff_on=table.day("cutoff_on"),
        documentation=table.text("documentation", pattern=LINK, form=LINK_FORM),
        weights=table.text("weights", pattern=LINK, form=LINK_FORM),
        refuses_roles=table.choices("refuses_roles", ROLES),
        notes=_notes(table) if "notes" in table else None,
        category=table.choice("category", CATEGORIES),
        endpoints=table.texts("endpoints", pattern=ENDPOINT, form=ENDPOINT_FORM),
        takes=table.texts("takes", pattern=PARAMETERS, form=PARAMETERS_FORM),
        parameters=parse_parameters(table.table("parameters")),
        retires_on=table.day("retires_on"),
        unsold=table.text("unsold"),
        maintenance=table.text("maintenance", pattern=REASON, form=REASON_FORM),
        only_providers=table.texts("only_providers", pattern=PROVIDER_ID, form=PROVIDER_ID_FORM),
        most_output_tokens=table.whole("most_output_tokens", LEAST_BOUND, 1_000_000_000),
        hidden=table.flag("hidden"),
    )
    if model_id is not None:
        yield draft


def _id_from_name(table: Table, source: Source) -> str | None:
    parts = source.name.removesuffix(".toml").split("/")
    if source.holds_models and len(parts) == 3 and not table.path:
        return f"{parts[1]}/{parts[2]}"
    table.fault("id", "is missing", 'write the id by which the model is asked for, as in id = "acme/small"')
    return None


def _notes(table: Table) -> tuple[Note, ...]:
    notes: list[Note] = []
    for note in table.tables("notes"):
        on, text = note.day("on"), note.text("text")
        if on is not None and text is not None:
            notes.append(Note(on, text))
        for key in ("on", "text"):
            if key not in note:
                note.fault(key, "is missing", 'write a note as { on = 2026-11-22, text = "…" }')
        note.close()
    return tuple(notes)


def _retired(top: Table) -> Iterator[RetiredDraft]:
    for table in top.tables("retired"):
        old = table.text("id", pattern=MODEL_ID, form=MODEL_ID_FORM)
        new = table.text("replacement", pattern=MODEL_ID, form=MODEL_ID_FORM)
        if "id" not in table:
            table.fault("id", "is missing", "write the id that is no longer served")
        elif old is not None:
            yield RetiredDraft(table.file, table.path, Retired(old, new))
        table.close()

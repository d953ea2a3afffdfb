"""Lays what several sources say on each other: ours, what was applied to the database, the operator's folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from modelport.catalogue.drafts import (
    Drafts,
    ModelDraft,
    ProviderDraft,
    RetiredDraft,
    SettingsDraft,
    model_over,
    provider_over,
)
from modelport.catalogue.facts import is_family, names_of
from modelport.catalogue.nearest import advice
from modelport.catalogue.problems import Fault


@dataclass(frozen=True, slots=True)
class Laid:
    """Several layers as one: each model and provider once, models under the id that they are to have."""

    models: Mapping[str, ModelDraft]
    """By id, sorted."""
    retired: list[RetiredDraft]
    providers: list[ProviderDraft]
    former: Mapping[str, str]
    """The new id of each model that was renamed, by its old one."""
    settings: SettingsDraft
    hidden: frozenset[str]

    def former_id(self, draft: ModelDraft) -> str:
        """Return the id that a model had before it was renamed; empty where it was not."""
        return next((old for old, new in self.former.items() if new == draft.id), "")


def laid(layers: Sequence[Drafts], faults: list[Fault]) -> Laid:
    """Lay each layer on those before it; adds to `faults` what one says twice or of models that there are not.

    A name that an upper layer uses is that layer's: an alias or retired id below it gives way.
    """
    former = _renames(layers, faults)
    layers = [_under_old_ids(layer, former) for layer in layers]
    models = _models(layers, former, faults)
    known = {model_id: model_id for model_id in models}
    for draft in models.values():
        for alias in draft.aliases or ():
            known.setdefault(alias, draft.id)
    for layer in layers:
        _check_settings(layer.settings, known, models.values(), faults)
    return Laid(
        models=models,
        retired=[one for number, layer in enumerate(layers) for one in _kept(layer, layers[number + 1 :], former)],
        providers=_providers(layers, faults),
        former=former,
        settings=_settings(layers),
        hidden=_hidden(layers, models, known),
    )


def _renames(layers: Sequence[Drafts], faults: list[Fault]) -> dict[str, str]:
    """Return the new id of each model that gets one, by the old."""
    described = [{draft.id for draft in layer.models} for layer in layers]
    former: dict[str, str] = {}
    for layer in layers:
        for old, new in layer.settings.rename.items():
            file, key = layer.settings.file, f"rename.{old}"
            if not any(old in ids for ids in described):
                names = {model_id for ids in described for model_id in ids}
                remedy = advice(old, names, "write the id of a model in the catalogue")
                faults.append(Fault(file, key, f"no model is called '{old}'", remedy))
            elif old != new and any(old in ids and new in ids for ids in described):
                problem = f"'{new}' is already the id of another model"
                faults.append(Fault(file, key, problem, "choose an id that is free"))
            else:
                former[old] = new
    return {old: new for old, new in former.items() if old != new}


def _under_old_ids(layer: Drafts, former: Mapping[str, str]) -> Drafts:
    """Name each model as it was called before it was renamed: an operator may write either."""
    if not former:
        return layer
    old = {new: name for name, new in former.items()}
    return Drafts(
        models=[replace(draft, id=old.get(draft.id, draft.id)) for draft in layer.models],
        retired=layer.retired,
        providers=[
            replace(
                draft, offers=tuple(replace(offer, model=old.get(offer.model, offer.model)) for offer in draft.offers)
            )
            for draft in layer.providers
        ],
        shared=layer.shared,
        settings=layer.settings,
    )


def _models(layers: Sequence[Drafts], former: Mapping[str, str], faults: list[Fault]) -> dict[str, ModelDraft]:
    drafts: dict[str, ModelDraft] = {}
    for layer in layers:
        theirs = _names(layer, former)
        if drafts:
            drafts = {model_id: _without(draft, theirs) for model_id, draft in drafts.items()}
        for draft in _unrepeated(layer.models, faults):
            drafts[draft.id] = model_over(drafts[draft.id], draft) if draft.id in drafts else draft
    named = _renamed(drafts, former)
    names = {model_id: model_id for model_id in named}
    for draft in named.values():
        for alias in draft.aliases or ():
            if alias in names:
                problem = f"the alias '{alias}' of '{draft.id}' already means '{names[alias]}'"
                faults.append(Fault(draft.file, _key(draft.key, "aliases"), problem, "remove it from one of the two"))
            names.setdefault(alias, draft.id)
    return {model_id: named[model_id] for model_id in sorted(named)}


def _renamed(drafts: dict[str, ModelDraft], former: Mapping[str, str]) -> dict[str, ModelDraft]:
    """Give models their new ids; the old one becomes the first of their aliases."""
    named: dict[str, ModelDraft] = {}
    for draft in drafts.values():
        new = former.get(draft.id)
        if new is None:
            named[draft.id] = draft
            continue
        others = (alias for alias in draft.aliases or () if alias not in (draft.id, new))
        named[new] = replace(draft, id=new, aliases=(draft.id, *others))
    return named


def _names(layer: Drafts, former: Mapping[str, str]) -> set[str]:
    written = {name for draft in layer.models for name in (draft.id, *(draft.aliases or ()))}
    return written | {former.get(old, old) for old in layer.settings.rename}


def _without(draft: ModelDraft, theirs: set[str]) -> ModelDraft:
    """Leave out aliases that the layer above uses, so that a new alias of ours never breaks a catalogue of his."""
    return replace(draft, aliases=tuple(alias for alias in draft.aliases or () if alias not in theirs))


def _unrepeated(drafts: list[ModelDraft], faults: list[Fault]) -> Iterable[ModelDraft]:
    seen: dict[str, ModelDraft] = {}
    for draft in drafts:
        if draft.id in seen:
            problem = f"'{draft.id}' is already described in {seen[draft.id].file}"
            faults.append(Fault(draft.file, _key(draft.key, "id"), problem, "keep one of the two"))
        else:
            seen[draft.id] = draft
    return seen.values()


def _kept(layer: Drafts, above: Sequence[Drafts], former: Mapping[str, str]) -> list[RetiredDraft]:
    theirs = {name for upper in above for name in _names(upper, former)}
    return [draft for draft in layer.retired if draft.retired.id not in theirs]


def _providers(layers: Sequence[Drafts], faults: list[Fault]) -> list[ProviderDraft]:
    merged: dict[str, ProviderDraft] = {}
    for layer in layers:
        files: dict[str, str] = {}
        for draft in layer.providers:
            if draft.id in files:
                problem = f"the provider '{draft.id}' is already described in {files[draft.id]}"
                faults.append(Fault(draft.file, "", problem, "rename one of the files or join them"))
                continue
            files[draft.id] = draft.file
            merged[draft.id] = provider_over(merged[draft.id], draft) if draft.id in merged else draft
    return list(merged.values())


def _settings(layers: Sequence[Drafts]) -> SettingsDraft:
    joined = SettingsDraft()
    for layer in layers:
        given = layer.settings
        joined = SettingsDraft(
            markup=joined.markup if given.markup is None else given.markup,
            maintenance=joined.maintenance if given.maintenance is None else given.maintenance,
            only=joined.only if given.only is None else given.only,
        )
    return joined


def _check_settings(
    settings: SettingsDraft, known: Mapping[str, str], models: Iterable[ModelDraft], faults: list[Fault]
) -> None:
    families = {family for draft in models for family in names_of(draft.id, draft.aliases or ()) if is_family(family)}
    for key, names in (("hide", settings.hide), ("only", settings.only or ())):
        for name in names:
            if name in families if is_family(name) else name in known:
                continue
            remedy = advice(name, known, "write the id of a model in the catalogue, or maker/* for all of a maker's")
            faults.append(Fault(settings.file, key, f"no model is called '{name}'", remedy))


def _hidden(layers: Sequence[Drafts], models: Mapping[str, ModelDraft], known: Mapping[str, str]) -> frozenset[str]:
    """Say which models are not to be seen; what an upper layer says of one holds."""
    is_hidden: dict[str, bool] = {}
    only = _settings(layers).only
    if only is not None:
        wanted = {known.get(name, name) for name in only}
        is_hidden = {one.id: wanted.isdisjoint(names_of(one.id, one.aliases or ())) for one in models.values()}
    for layer in layers:
        for draft in layer.models:
            if draft.hidden is not None:
                is_hidden[known.get(draft.id, draft.id)] = draft.hidden
        unwanted = {known.get(name, name) for name in layer.settings.hide}
        if unwanted:
            hit = (one.id for one in models.values() if not unwanted.isdisjoint(names_of(one.id, one.aliases or ())))
            is_hidden.update(dict.fromkeys(hit, True))
    return frozenset(model_id for model_id, hidden in is_hidden.items() if hidden)


def _key(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key

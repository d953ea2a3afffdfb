"""Checks what is sent and answered against the types of the official client: no name too many, no wrong kind."""

import sys
import types
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import typing_extensions

_NUMBER = ("int", "float", "Decimal")
_OPEN = ("UntypedStripeObject", "ListObject")


class WrongType(ValueError):
    """A parameter or member that the client's types do not have."""

    def __init__(self, path: str, fault: str) -> None:
        super().__init__(f"{fault}: {path}")
        self.path = path
        self.fault = fault


class _Names(dict[str, Any]):
    """The names that an annotation may use; what is only imported for type checkers is taken for anything."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self._module = vars(sys.modules[module])

    def __missing__(self, name: str) -> Any:
        for place in (self._module, vars(typing_extensions), __builtins__):
            if name in place:
                return place[name]
        return Any


def check_params(kind: type, values: dict[str, Any]) -> None:
    """Check the parameters of a request, which are text; raises `WrongType`."""
    _check_members(kind, values, "", is_form=True)


def check_object(kind: type, value: dict[str, Any]) -> None:
    """Check an object that is answered; raises `WrongType`."""
    _check_members(kind, value, "", is_form=False)


def _check_members(kind: type, values: Any, path: str, *, is_form: bool) -> None:
    if not isinstance(values, dict):
        raise WrongType(path, "Invalid object")
    # Only its own: what it inherits are options of the client, or its machinery.
    hints = dict(vars(kind).get("__annotations__", {}))
    for name, value in values.items():
        here = f"{path}[{name}]" if path else name
        if name not in hints:
            raise WrongType(here, "Received unknown parameter")
        _check(value, hints[name], kind.__module__, here, is_form=is_form)
    if is_form:
        for name, hint in hints.items():
            text = str(hint)
            if name not in values and "NotRequired" not in text:
                raise WrongType(f"{path}[{name}]" if path else name, "Missing required param")


def _check(value: Any, hint: Any, module: str, path: str, *, is_form: bool) -> None:
    if isinstance(hint, str | ForwardRef):
        text = hint if isinstance(hint, str) else hint.__forward_arg__
        hint = eval(text, {}, _Names(module))
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return
    if origin in (typing_extensions.NotRequired, typing_extensions.Required):
        _check(value, inner[0], module, path, is_form=is_form)
    elif origin in (Union, types.UnionType):
        _check_any(value, inner, module, path, is_form=is_form)
    elif origin is list:
        for number, item in enumerate(_of(list, value, path)):
            _check(item, inner[0], module, f"{path}[{number}]", is_form=is_form)
    elif (origin or hint) in (dict, Literal) or getattr(origin or hint, "__name__", "") in _OPEN:
        _check_open(value, origin, inner, path)
    elif isinstance(hint, type) and "__annotations__" in vars(hint):
        _check_members(hint, value, path, is_form=is_form)
    elif not _is_scalar(value, hint, is_form=is_form):
        raise WrongType(path, f"Invalid {getattr(hint, '__name__', hint)}")


def _of(kind: type, value: Any, path: str) -> Any:
    if not isinstance(value, kind):
        raise WrongType(path, f"Invalid {kind.__name__}")
    return value


def _check_open(value: Any, origin: Any, inner: tuple[Any, ...], path: str) -> None:
    if origin is Literal:
        if value not in inner:
            raise WrongType(path, f"Invalid value {value!r}")
        return
    _of(dict, value, path)


def _check_any(value: Any, hints: tuple[Any, ...], module: str, path: str, *, is_form: bool) -> None:
    faults: list[WrongType] = []
    for hint in hints:
        try:
            _check(value, hint, module, path, is_form=is_form)
        except WrongType as fault:
            faults.append(fault)
        else:
            return
    raise max(faults, key=lambda fault: len(fault.path))


def _is_scalar(value: Any, hint: Any, *, is_form: bool) -> bool:
    if hint is type(None):
        return value is None or (is_form and value == "")
    name = getattr(hint, "__name__", str(hint))
    if not is_form:
        return type(value) is hint
    if name == "bool":
        return value in ("true", "false")
    if name in _NUMBER:
        return isinstance(value, str) and value.lstrip("-").isdigit()
    return isinstance(value, str)

"""Files of a call on their way to a provider, and files that come of it on their way to its caller."""

from collections.abc import Mapping, Set
from typing import Protocol, cast

from msgspec.structs import replace

from modelport.catalogue.parameters import Parameter, Parameters
from modelport.dialects.media.wire import Carriage
from modelport.operations.made import File
from modelport.operations.media import MediaCall, Upload

PLAIN = frozenset({"image", "document"})
"""Fields of a text that is a link or base64, although no more is said of it."""
_LINKS = ("http://", "https://")


class Files(Protocol):
    """The files of one call: where they are read from, and kept."""

    def is_ours(self, address: str) -> bool:
        """Whether an address is that of a file of ours."""
        ...

    def passes(self, address: str) -> bool:
        """Whether a link may go to a provider as it is; one to a file of ours never does."""
        ...

    async def read(self, place: str, given: str) -> Upload:
        """Read what a caller gave: a link, a data URL or base64. Raises `InvalidBody` naming the place."""
        ...

    async def address(self, place: str, upload: Upload, provider: str) -> str:
        """Return where a provider can fetch a file; raises `InvalidBody` naming the place and what is missing."""
        ...

    async def keep(self, file: File) -> str:
        """Keep a file that was made, for a while; return where it is read."""
        ...

    async def fetch(self, link: str) -> File:
        """Fetch what a provider has made; raises `UpstreamProblem`."""
        ...


async def carried(
    call: MediaCall, parameters: Parameters, takes: Set[Carriage], provider: str, files: Files
) -> MediaCall:
    """Bring the files of a call into a form that a provider takes: read them here, unless it fetches links itself."""
    carrier = _Carrier(takes, provider, files)
    fields: dict[str, object] = {}
    for name, value in call.fields.items():
        parameter = parameters.get(name)
        if name in PLAIN and isinstance(value, str):
            fields[name] = await carrier.one(name, value)
        else:
            fields[name] = value if parameter is None else await carrier.carry(name, parameter, value)
    return replace(call, fields=fields)


class _Carrier:
    __slots__ = ("_files", "_provider", "_takes")

    def __init__(self, takes: Set[Carriage], provider: str, files: Files) -> None:
        self._takes = takes
        self._provider = provider
        self._files = files

    async def carry(self, place: str, parameter: Parameter, value: object) -> object:
        """Carry what is a file in a value, however deep."""
        if isinstance(value, Upload):
            return await self._handed(place, value)
        if isinstance(value, str):
            return await self.one(place, value) if _is_file(parameter) else value
        if isinstance(value, list):
            items = _items(parameter)
            rows = cast("list[object]", value)
            if items is None:
                return rows
            return [await self.carry(f"{place}[{number}]", items, one) for number, one in enumerate(rows)]
        if isinstance(value, Mapping):
            known, members = _members(parameter), cast("Mapping[str, object]", value)
            return {
                name: await self.carry(f"{place}.{name}", known[name], one) if name in known else one
                for name, one in members.items()
            }
        return value

    async def one(self, place: str, value: str) -> object:
        """Carry one file that is given by a text."""
        if "link" in self._takes and value.lower().startswith(_LINKS) and self._files.passes(value):
            return value
        return await self._handed(place, await self._files.read(place, value))

    async def _handed(self, place: str, upload: Upload) -> object:
        """Hand a file over inside of the request, or as an address where a provider takes nothing else."""
        if "inline" in self._takes:
            return upload
        return await self._files.address(place, upload, self._provider)


def _is_file(parameter: Parameter) -> bool:
    is_own = parameter.type == "file" or parameter.format == "uri"
    return is_own or any(_is_file(choice) for choice in parameter.any_of)


def _items(parameter: Parameter) -> Parameter | None:
    return next((one.items for one in (parameter, *parameter.any_of) if one.items is not None), None)


def _members(parameter: Parameter) -> Mapping[str, Parameter]:
    known: dict[str, Parameter] = {}
    for one in (parameter, *parameter.any_of):
        known |= one.properties or {}
    return known

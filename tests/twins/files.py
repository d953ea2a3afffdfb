"""Files in memory: what callers point at, what providers made, and what is kept."""

import base64
from dataclasses import dataclass, field

from modelport.core.errors import InvalidBody
from modelport.operations.made import File
from modelport.operations.media import Upload
from modelport.serving.ports import ConnectFailed

HERE = "https://here.example/assets/"


@dataclass(slots=True)
class TwinFiles:
    """The `Files` of tests: what stands where, and what was asked for."""

    elsewhere: dict[str, File] = field(default_factory=dict[str, File])
    """By address."""
    kept: dict[str, File] = field(default_factory=dict[str, File])
    read_places: list[str] = field(default_factory=list[str])

    def is_ours(self, address: str) -> bool:
        return address.startswith(HERE)

    def passes(self, address: str) -> bool:
        return not self.is_ours(address)

    async def read(self, place: str, given: str) -> Upload:
        self.read_places.append(place)
        if given.startswith("data:"):
            kind, _, encoded = given.removeprefix("data:").partition(";base64,")
            return Upload("file", kind, base64.b64decode(encoded))
        file = self.kept.get(given) or self.elsewhere.get(given)
        if file is None:
            raise InvalidBody((f"'{place}': Expected a file at {given}",), place)
        return Upload(given.rpartition("/")[2], file.content_type, file.data)

    async def address(self, place: str, upload: Upload, provider: str) -> str:
        raise InvalidBody((f"'{place}': {provider} takes public links only",), place)

    async def keep(self, file: File) -> str:
        link = f"{HERE}{len(self.kept)}"
        self.kept[link] = file
        return link

    async def fetch(self, link: str) -> File:
        if link not in self.elsewhere:
            raise ConnectFailed(f"nothing is at {link}")
        return self.elsewhere[link]

"""The files of one call: read as its caller gave them, and kept in the archive under links as its caller knows us."""

from dataclasses import dataclass

from modelport.assets.archive import Archive
from modelport.assets.kinds import kind_of_type
from modelport.assets.links import LinkExpired, LinkInvalid, UnknownAsset
from modelport.core.errors import InvalidBody
from modelport.operations.inputs import Input
from modelport.operations.made import File
from modelport.operations.media import Upload
from modelport.serving.inputs import Inputs, Wanted
from modelport.serving.ports import MalformedAnswer

MADE = "the file that was made"


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """The `Files` of one call."""

    inputs: Inputs
    archive: Archive
    root: str
    """Our address as the caller knows it, without a slash at its end."""
    account_id: int

    def is_ours(self, address: str) -> bool:
        """Whether an address is that of a file of ours, though its link may have ended."""
        try:
            return self.archive.find(address, (self.root,) if self.root else ()) is not None
        except (LinkExpired, LinkInvalid, UnknownAsset):
            return True

    def passes(self, address: str) -> bool:
        """Whether a link may go to a provider as it is: somebody else's, where nobody in his network is behind it."""
        return self.inputs.passes_on and not self.is_ours(address)

    async def read(self, place: str, given: str) -> Upload:
        """Read what a caller gave; raises `InputRefused` naming the place."""
        found = await self.inputs.read(given, Wanted(place), self.root)
        return Upload(found.name, found.content_type, found.data)

    async def address(self, place: str, upload: Upload, provider: str) -> str:
        """Return where a provider can fetch a file; raises `InputUnreachable` naming the settings that it takes."""
        given = Input(upload.data, upload.content_type, upload.name)
        return await self.inputs.address(given, place, provider, self.account_id)

    async def keep(self, file: File) -> str:
        """Keep a file that was made; raises `AssetsUnavailable`, `TooLarge`."""
        key = await self.archive.keep(self.account_id, file.data, kind_of_type(file.content_type))
        return f"{self.root}{self.archive.path(key)}"

    async def fetch(self, link: str) -> File:
        """Fetch what a provider has made; raises `MalformedAnswer` where it cannot be had."""
        try:
            found = await self.inputs.read(link, Wanted(MADE), self.root)
        except InvalidBody as problem:
            raise MalformedAnswer(f"what the provider made could not be fetched: {problem.faults[0]}") from problem
        return File(data=found.data, content_type=found.content_type)

"""What has become of a call that is told in events: the pieces that were told, what was made, what that used."""

from dataclasses import dataclass, field

from modelport.dialects.media.answers import Given
from modelport.dialects.media.events import end_told, piece_told
from modelport.operations.made import Draft, Heard, Made, Piece
from modelport.operations.media import MediaCall
from modelport.operations.usage import NOTHING_USED, Usage
from modelport.pricing.media import used, with_drafts
from modelport.serving.making import Begun


@dataclass(slots=True)
class Progress:
    """Follows one call from its first piece to its end."""

    call: MediaCall
    is_edit: bool
    begun: Begun | None = None
    made: Made | None = None
    """What was made, once all of it is here."""
    given: list[Given] = field(default_factory=list[Given])
    drafts: int = 0
    has_heard: bool = False

    def piece_told(self, piece: Piece, now_s: int) -> bytes:
        """Count a piece, and write it."""
        self.drafts += isinstance(piece, Draft)
        self.has_heard = self.has_heard or isinstance(piece, Heard)
        return piece_told(piece, self.call, now_s, is_edit=self.is_edit)

    def end_told(self, now_s: int, charged: int) -> bytes:
        """Write the end."""
        assert self.made is not None
        is_untold = not self.has_heard
        return end_told(self.made, self.given, self.call, now_s, charged, is_edit=self.is_edit, is_untold=is_untold)

    def used(self) -> Usage:
        """Say what the call used: all of it once it is made, else what was delivered."""
        if self.made is None or self.begun is None:
            return self.delivered()
        return with_drafts(used(self.begun.rates, self.call, self.made), self.drafts)

    def delivered(self) -> Usage:
        """Say what reached the caller: unfinished pictures; of a sound that was heard in part, all."""
        if self.begun is None:
            return NOTHING_USED
        if self.has_heard:
            return used(self.begun.rates, self.call, None)
        return with_drafts(NOTHING_USED, self.drafts)

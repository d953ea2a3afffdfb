"""How long answers lately were that nobody bounded: what most answers of a key and a model stay below."""

from array import array
from collections import OrderedDict

OF_A_PAIR = 64
"""How many answers are remembered of each key and model."""
OF_A_MODEL = 256
"""How many are remembered of a model, over all keys."""
MOST_PAIRS = 4096
"""Pairs of key and model that are remembered: 2 MB; whoever did not call for longest is forgotten first."""
ENOUGH = 19
"""Of fewer answers, 95 in 100 are all of them."""
_PERCENT = 95
_LONGEST = (1 << 32) - 1


class Outputs:
    """The last outputs of one kind of call. They are put in order only when asked for, and then now and again."""

    __slots__ = ("_is_full", "_likely", "_next", "_recent", "_room", "_unread", "are_few")

    def __init__(self, room: int) -> None:
        """Remember so many."""
        self._room = room
        self._recent = array("I")
        self._next = 0
        self._is_full = False
        self._unread = 0
        self._likely = 0
        self.are_few = True
        """Whether there are too few to judge by alone."""

    def add(self, tokens: int) -> None:
        """Remember one more; beyond the room, the oldest goes."""
        if tokens > _LONGEST:
            tokens = _LONGEST
        self._unread += 1
        if self._is_full:
            at = self._next
            self._recent[at] = tokens
            self._next = at + 1 if at + 1 < self._room else 0
            return
        self._recent.append(tokens)
        self.are_few = len(self._recent) < ENOUGH
        self._is_full = len(self._recent) == self._room

    def likely(self) -> int:
        """Return what 95 in 100 stay below, as of the last eighth of them; 0 before the first."""
        if self._unread and self._unread * 8 >= len(self._recent):
            self._unread, count = 0, len(self._recent)
            rank = min(count, -(-(count + 1) * _PERCENT // 100))
            self._likely = sorted(self._recent)[rank - 1]
        return self._likely


class Habits:
    """The last outputs of each key with each model, of as many pairs as there is room for."""

    __slots__ = ("_most", "_of")

    def __init__(self, most: int = MOST_PAIRS) -> None:
        """Remember so many pairs."""
        self._most = most
        self._of: OrderedDict[tuple[int, str], Outputs] = OrderedDict()

    def __len__(self) -> int:
        return len(self._of)

    def of(self, key_id: int, model_id: str) -> Outputs | None:
        """Return what is remembered of a pair."""
        return self._of.get((key_id, model_id))

    def add(self, key_id: int, model_id: str, tokens: int) -> None:
        """Remember one more answer of a pair, which becomes the last to be forgotten."""
        pair = (key_id, model_id)
        outputs = self._of.get(pair)
        if outputs is not None:
            self._of.move_to_end(pair)
        else:
            if len(self._of) >= self._most:
                self._of.popitem(last=False)
            outputs = self._of[pair] = Outputs(OF_A_PAIR)
        outputs.add(tokens)

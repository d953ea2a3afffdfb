"""Sound in pieces: nothing is lost, and none is longer than the model hears at once."""

import array
import io
import math
import wave

import numpy as np
import pytest

from modelport.engines.hearing import LONGEST_S, RATE, SHORTEST_S, pieces, quietest
from modelport.engines.refusals import Refusal
from modelport.engines.uploads import Slice

ANOTHER_RATE = 8_000


def sound(seconds: float, quiet_s: float = math.inf) -> Slice:
    """Hum, but for a moment."""
    steps = range(int(seconds * ANOTHER_RATE))
    hum = (0 if abs(step / ANOTHER_RATE - quiet_s) < 0.3 else 9000 * (-1) ** (step // 9) for step in steps)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, ANOTHER_RATE, 0, "NONE", ""))
        file.writeframes(array.array("h", hum).tobytes())
    return Slice(out, 0, len(out.getvalue()))


def test_long_sound_is_cut_where_it_is_quiet_and_nothing_is_lost() -> None:
    first, *more = pieces(sound(70, quiet_s=22))
    assert first.end_s == pytest.approx(22, abs=0.35)
    assert [one.start_s for one in more] == [first.end_s, *(one.end_s for one in more[:-1])]
    assert all(SHORTEST_S <= one.end_s - one.start_s <= LONGEST_S for one in [first, *more[:-1]])
    assert more[-1].end_s == pytest.approx(70, abs=0.05)


def test_short_sound_is_one_piece() -> None:
    (only,) = pieces(sound(1.5))
    assert only.samples.size == pytest.approx(1.5 * RATE, abs=RATE / 20)


def test_the_quietest_moment_is_found_after_the_earliest() -> None:
    samples = np.ones(10 * RATE, np.float32)
    samples[: 2 * RATE] = 0
    samples[7 * RATE : 8 * RATE] = 0.1
    assert 7 * RATE <= quietest(samples, 4 * RATE) <= 8 * RATE


def test_sound_without_end_is_given_up() -> None:
    with pytest.raises(Refusal) as refused:
        list(pieces(sound(120), most_s=40))
    assert (refused.value.status, refused.value.code) == (413, "audio_too_long")

"""What the public report tells of people: nothing by which one of them could be known."""

from hypothesis import given
from hypothesis import strategies as st

from humiao.waitlist.reports import STEP, shares, told

counts = st.integers(0, 10**6)
channels = st.dictionaries(st.sampled_from(["h5", "desk", "phone", "campaign"]), counts, min_size=1)


@given(counts)
def test_a_count_stands_for_five_counts_at_least_and_never_more_people_than_there_are(count: int) -> None:
    same = [other for other in range(max(0, count - STEP), count + STEP + 1) if told(other) == told(count)]
    assert len(same) >= STEP and same == list(range(same[0], same[-1] + 1))
    assert (told(count) or 0) <= count < (told(count) or 0) + STEP
    assert told(count) != 0


@given(channels)
def test_shares_follow_from_what_is_told_alone(taken: dict[str, int]) -> None:
    assert shares(taken) == shares({channel: told(count) or 0 for channel, count in taken.items()})
    assert all((share is None) == (told(taken[channel]) is None) for channel, share in shares(taken).items())
    assert sum(share or 0 for share in shares(taken).values()) <= 100 + len(taken)

"""The draw as published, against a second implementation that was written from the document alone."""

from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humiao import _core
from humiao.lottery.models import DrawMisuse, Entrants, Terms
from humiao.lottery.protocol import commit, draw, seal
from humiao.lottery.published import (
    Unreadable,
    announcement_file,
    entrants_of_text,
    read_announcement,
    read_sealed,
    result_file,
    sealed_file,
)
from humiao.lottery.verify import verify
from tests.unit.lottery import independent

TICKETS = st.from_regex(r"[0-9A-Za-z-]{1,40}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)
LISTS = st.dictionaries(TICKETS, st.integers(0, 255) | st.integers(1, 2), max_size=30)


@pytest.mark.parametrize("name", sorted(independent.vectors()))
def test_the_vectors_in_the_tree_are_those_of_the_second_implementation(name: str) -> None:
    assert (independent.VECTORS / name).read_text(encoding="utf-8") == independent.vectors()[name]


@given(terms=st.tuples(TEXTS, TEXTS, TEXTS), secret=st.binary(min_size=32, max_size=32), entropy=TEXTS, listed=LISTS)
@settings(max_examples=60, deadline=None)
def test_both_implementations_publish_the_same_bytes(
    terms: tuple[str, str, str], secret: bytes, entropy: str, listed: dict[str, int]
) -> None:
    campaign, closes_at, entropy_rule = terms
    announcement = commit(Terms(campaign, closes_at, entropy_rule), secret)
    entrants = Entrants.of(bytes(listed.values()), [ticket.encode() for ticket in listed])
    sealed = seal(campaign, entrants)
    result = draw(announcement, sealed, secret, entropy)
    published = {
        "announcement.json": announcement_file(announcement).decode(),
        "tickets.jsonl": b"".join(sealed_file(sealed)).decode(),
        "result.jsonl": b"".join(result_file(result)).decode(),
    }
    names = {"campaign": campaign, "closes_at": closes_at, "entropy_rule": entropy_rule}
    assert published == independent.draw(names, secret, entropy, [(tier, ticket) for ticket, tier in listed.items()])
    assert read_announcement(announcement_file(announcement)) == announcement
    assert read_sealed(b"".join(sealed_file(sealed))) == sealed
    verdict = verify(published["result.jsonl"].encode(), announced=announcement, sealed=sealed)
    assert verdict.sound and verdict.entrants == result.entrants and verdict.keys == result.keys


def test_what_does_not_belong_together_is_not_drawn() -> None:
    terms = Terms("流感疫苗", "2026-11-20T18:00:00+08:00", "双色球 2026135 期")
    announcement = commit(terms, bytes(32))
    sealed = seal("流感疫苗", Entrants(b"\1\2", b"A\nB\n"))
    assert draw(announcement, sealed, bytes(32), "1 2 3").entrants.ticket_list() == [b"A", b"B"]
    longer = type(sealed)(sealed.campaign, Entrants(b"\1\2\2", b"A\nB\nC\n"), sealed.digest)
    for wrong in (
        (announcement, sealed, bytes(31) + b"\1", "1 2 3"),
        (announcement, seal("水痘疫苗", sealed.entrants), bytes(32), "1 2 3"),
        (announcement, longer, bytes(32), "1 2 3"),
        (announcement, sealed, bytes(32), ""),
        (announcement, sealed, bytes(32), "1 2 3\n"),
    ):
        with pytest.raises(DrawMisuse):
            draw(*wrong)
    for text in ("", " 流感", "流\n感", "x" * 301, "a\ufeff"):
        with pytest.raises(DrawMisuse):
            Terms(text, terms.closes_at, terms.entropy_rule)


@pytest.mark.parametrize(
    ("tiers", "tickets", "named"),
    [
        (b"\1\1", b"A\nA\n", "twice"),
        (b"\1\1", b"A\nB C\n", "ticket 1"),
        (b"\1", b"A\nB\n", "1 tiers for 2 tickets"),
        (b"\1\1", b"A\n\n", "ticket 1"),
    ],
)
def test_entrants_that_cannot_be_drawn_are_an_error_of_their_own(tiers: bytes, tickets: bytes, named: str) -> None:
    for call in (
        lambda: _core.draw_order(bytes(32), tiers, tickets),
        lambda: _core.draw_keys(bytes(32), tiers, tickets),
        lambda: _core.draw_tickets_digest("c", tiers, tickets),
    ):
        with pytest.raises(_core.EntrantsError, match=named):
            call()


def test_digests_have_their_length() -> None:
    with pytest.raises(ValueError, match="seed must have 32 bytes"):
        _core.draw_order(bytes(31), b"", b"")
    with pytest.raises(ValueError, match="secret must have 32 bytes"):
        _core.draw_seed(b"", "e", "c")


def test_an_officers_list_is_read_and_a_slip_is_named() -> None:
    assert entrants_of_text(["1 AB-1", "", "2\tC2", "2, D3 "]) == Entrants(b"\1\2\2", b"AB-1\nC2\nD3\n")
    for lines in (["1 A", "B"], ["1 A", "256 B"], ["1 A", "x B"], ["1 A", "1 B C"], ["1 A", "² B"]):
        with pytest.raises(DrawMisuse, match="line 2"):
            entrants_of_text(lines)


@pytest.mark.parametrize("name", ["announcement.json", "tickets.jsonl"])
def test_files_of_before_are_read_only_as_they_were_written(name: str) -> None:
    data = (independent.VECTORS / name).read_bytes()
    read = read_announcement if name.startswith("a") else read_sealed
    before = read(data)
    for at in range(len(data)):
        for other in (data[at] ^ 1, 0x0A):
            changed = data[:at] + bytes([other]) + data[at + 1 :]
            if changed == data:
                continue
            try:
                assert read(changed) != before, f"byte {at}"
            except Unreadable as error:
                assert 1 <= error.line <= data.count(b"\n") + 1


def order(column: bytes) -> list[int]:
    return memoryview(column).cast("I").tolist()


@given(rows=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**43 - 1)), max_size=40, unique=True))
def test_the_bulk_order_is_by_tier_and_arrival(rows: list[tuple[int, int]]) -> None:
    sequences = array("Q", [sequence for _, sequence in rows])
    found = order(_core.waitlist_order(bytes(tier for tier, _ in rows), sequences.tobytes()))
    assert found == sorted(range(len(rows)), key=rows.__getitem__)
    if rows:
        with pytest.raises(ValueError, match="one length"):
            _core.waitlist_order(b"", sequences.tobytes())


def test_the_document_shows_the_sample(pytestconfig: pytest.Config) -> None:
    """docs/draw.md quotes the sample's digests: what a reader checks by hand is what the tests check."""
    text = (Path(pytestconfig.rootpath) / "docs" / "draw.md").read_text(encoding="utf-8")
    header = (independent.VECTORS / "result.jsonl").read_text(encoding="utf-8").splitlines()[0]
    for name in ("commitment", "tickets_digest", "seed", "result_digest"):
        value = header.split(f'"{name}":"')[1][:64]
        assert value in text, name

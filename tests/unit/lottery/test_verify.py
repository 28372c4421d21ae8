"""A changed byte is named. The same sample and the same findings as web/shared/tests/draw.test.ts."""

import json
from collections.abc import Callable

import pytest

from humiao.lottery.models import Announcement
from humiao.lottery.published import read_announcement, read_sealed
from humiao.lottery.verify import FINDINGS_MAX, verify
from tests.unit.lottery import independent

SAMPLE = (independent.VECTORS / "result.jsonl").read_bytes()
LINES = SAMPLE.splitlines(keepends=True)
Change = Callable[[list[bytes]], list[bytes]]


def announced() -> Announcement:
    return read_announcement((independent.VECTORS / "announcement.json").read_bytes())


def test_the_sample_holds() -> None:
    sealed = read_sealed((independent.VECTORS / "tickets.jsonl").read_bytes())
    verdict = verify(SAMPLE, announced=announced(), sealed=sealed)
    assert verdict.sound and verdict.findings == []
    position, tier, ticket, key = json.loads(LINES[5])
    place = verdict.place(ticket)
    assert place is not None
    assert (place.position, place.tier, place.of, place.tier_first, place.tier_last) == (position, tier, 24, 4, 24)
    assert place.key.startswith(key)
    assert verdict.place("NOBODY") is None


def test_the_line_of_every_changed_byte_is_named() -> None:
    line = 1
    for at, byte in enumerate(SAMPLE):
        for other in {byte ^ 1, 0x0A, 0x39, 0x20, 0xE4} - {byte}:
            verdict = verify(SAMPLE[:at] + bytes([other]) + SAMPLE[at + 1 :])
            assert not verdict.sound and verdict.findings[0].line == line, f"byte {at} as {other}: {verdict.findings}"
        line += byte == 0x0A


def test_the_field_of_every_changed_letter_of_the_header_is_named() -> None:
    text = SAMPLE.decode()
    head = LINES[0].decode()
    for name, value in json.loads(head).items():
        if not isinstance(value, str):
            continue
        begin = head.index(f'"{name}":"') + len(name) + 4
        for at in range(begin, begin + len(value)):
            other = "1" if text[at] == "0" else "0"
            findings = verify((text[:at] + other + text[at + 1 :]).encode()).findings
            assert len(findings) == 1 and name in findings[0].field, (name, at - begin, findings)


def swapped(rows: list[bytes]) -> list[bytes]:
    """Lines 7 and 8 with their places exchanged and their numbers as they should be."""
    one, other = (row.split(b",", 1)[1] for row in rows[6:8])
    return [*rows[:6], b"[6," + other, b"[7," + one, *rows[8:]]


@pytest.mark.parametrize(
    ("change", "line", "field"),
    [
        (lambda rows: rows[:6] + rows[7:], 7, ""),
        (lambda rows: rows[:-1], 25, ""),
        (lambda rows: [*rows[:6], rows[5], *rows[6:]], 7, "ticket"),
        (lambda rows: [*rows[:6], rows[7], rows[6], *rows[8:]], 7, "position"),
        (lambda rows: [*rows[:6], rows[6].replace(b",2,", b",1,"), *rows[7:]], 7, "tier"),
        (lambda rows: [*rows[:6], rows[6][:-19] + b"0" * 16 + b'"]\n', *rows[7:]], 7, "key"),
        (swapped, 7, "order"),
    ],
)
def test_what_was_done_to_the_list_is_named(change: Change, line: int, field: str) -> None:
    findings = verify(b"".join(change(LINES))).findings
    assert (findings[0].line, findings[0].field) == (line, field), findings


def test_a_whole_new_draw_is_seen_against_what_was_published_before() -> None:
    """A file forged from the start follows from itself; commitment, list and receipts of before are what it lacks."""
    entrants = [*independent.SAMPLE_ENTRANTS[1:], (1, "FRIEND")]
    forged = independent.draw(independent.SAMPLE_TERMS, bytes(32), independent.SAMPLE_ENTROPY, entrants)
    data = forged["result.jsonl"].encode()
    assert verify(data).sound
    against = verify(data, announced=announced())
    assert [finding.field for finding in against.findings] == ["commitment"]
    sealed = read_sealed((independent.VECTORS / "tickets.jsonl").read_bytes())
    named = [finding.en for finding in verify(data, sealed=sealed).findings]
    assert "ticket FRIEND was not in the sealed list" in named
    assert f"ticket {independent.SAMPLE_ENTRANTS[0][1]} of the sealed list is missing" in named
    retiered = [(1, ticket) for _, ticket in independent.SAMPLE_ENTRANTS]
    forged = independent.draw(independent.SAMPLE_TERMS, independent.SAMPLE_SECRET, "1", retiered)
    verdict = verify(forged["result.jsonl"].encode(), sealed=sealed)
    assert len(verdict.findings) == FINDINGS_MAX and verdict.more == 2
    assert {finding.field for finding in verdict.findings} == {"tickets_digest", "tier"}


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", b"[]\n", b"null\n", b"\xff\n", LINES[0][:-1]])
def test_what_is_no_result_is_said_to_be_none(data: bytes) -> None:
    findings = verify(data).findings
    assert [finding.line for finding in findings] == [1]

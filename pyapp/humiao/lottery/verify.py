"""Whoever has the published result recomputes it here; what differs is named: line, field, ticket.

A file proves that its order follows from its own commitment, entropy and list. That commitment and list are those of
the days before is shown by comparing with the announcement and the sealed list as they were published then, or with
one's own receipt.
"""

from dataclasses import dataclass, field
from typing import Any

from humiao import _core
from humiao.lottery.models import Announcement, Entrants, SealedList
from humiao.lottery.published import DIGESTS, KEY_SHOWN_BYTES, RESULT_ROW, Unreadable, read_header, split_lines

FINDINGS_MAX = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit. `line` counts from 1; `field` is a header's field, a column, or ''."""

    line: int
    field: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"第 {self.line} 行：{self.zh} / line {self.line}: {self.en}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ticket came in."""

    position: int
    tier: int
    of: int
    tier_first: int  # the first position of its tier
    tier_last: int
    key: str  # in hex; within a tier the smaller key comes first


@dataclass(slots=True)
class Verdict:
    """What was found. `sound` when nothing differs."""

    header: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0  # findings beyond those that are listed
    entrants: Entrants = field(default_factory=lambda: Entrants(b"", b""))
    keys: bytes = b""

    @property
    def sound(self) -> bool:
        """Whether every byte follows."""
        return not self.findings

    def add(self, line: int, name: str, zh: str, en: str) -> None:
        """Keep a finding, or count it where there are many."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(line, name, zh, en))
        else:
            self.more += 1

    def place(self, ticket: str) -> Place | None:
        """Where a ticket came in; None where it is not in the list, or the list could not be read."""
        tickets = self.entrants.ticket_list()
        try:
            at = tickets.index(ticket.encode())
        except ValueError:
            return None
        tier = self.entrants.tiers[at]
        first, last = self.entrants.tiers.index(tier) + 1, self.entrants.tiers.rindex(tier) + 1
        return Place(at + 1, tier, len(tickets), first, last, self.keys[at * 32 : at * 32 + 32].hex())


@dataclass(frozen=True, slots=True)
class _Rows:
    positions: list[int]
    entrants: Entrants
    shown: list[bytes]


def verify(data: bytes, *, announced: Announcement | None = None, sealed: SealedList | None = None) -> Verdict:
    """Recompute a result file; compare it with what was published before, where that is given."""
    verdict = Verdict()
    try:
        lines = split_lines(data)
        header = verdict.header = read_header(lines[0] if lines else b"", "result")
    except Unreadable as error:
        verdict.add(error.line, error.field, error.zh, error.en)
        return verdict
    rows = _read_rows(lines[1:], verdict)
    if announced:
        _compare_announcement(header, announced, verdict)
    if rows is None:
        return verdict
    if sealed:
        _compare_sealed(rows.entrants, header, sealed, verdict)
    _recompute(header, rows, verdict)
    return verdict


def _read_rows(lines: list[bytes], verdict: Verdict) -> _Rows | None:
    positions, tiers, tickets, shown = [], bytearray(), [], []
    for number, line in enumerate(lines, 2):
        row = RESULT_ROW.fullmatch(line)
        if row is None or int(row[2]) > 255:
            verdict.add(number, "", "这一行的写法不符合格式", "this line is not written as the format says")
            continue
        positions.append(int(row[1]))
        tiers.append(int(row[2]))
        tickets.append(row[3])
        shown.append(row[4])
    seen: dict[bytes, int] = {}
    for number, ticket in enumerate(tickets, 2):
        if (first := seen.setdefault(ticket, number)) != number:
            name = ticket.decode()
            verdict.add(
                number, "ticket", f"票号 {name} 与第 {first} 行重复", f"ticket {name} is on line {first} as well"
            )
    return None if verdict.findings else _Rows(positions, Entrants.of(bytes(tiers), tickets), shown)


def _recompute(header: dict[str, Any], rows: _Rows, verdict: Verdict) -> None:
    """Everything that follows from the header and the list, held against what is written."""
    campaign, entropy = header["campaign"], header["entropy"]
    digest = {name: bytes.fromhex(header[name]) for name in DIGESTS}
    entrants = rows.entrants
    list_fits = _core.draw_tickets_digest(campaign, entrants.tiers, entrants.tickets) == digest["tickets_digest"]
    followed = _core.draw_seed(digest["secret"], entropy, campaign)
    committed = _core.draw_commitment(campaign, header["closes_at"], header["entropy_rule"], digest["secret"])

    def follows(seed: bytes) -> bool:
        """Whether most of the rows were made under this seed."""
        keys = _core.draw_keys(seed, entrants.tiers, entrants.tickets)
        return 2 * sum(_shown(keys, at) == shown for at, shown in enumerate(rows.shown)) > len(rows.shown)

    def result_fits(commitment: bytes, seed: bytes) -> bool:
        made = _core.draw_result_digest(
            campaign, commitment, digest["tickets_digest"], entropy, seed, entrants.tiers, entrants.tickets
        )
        return made == digest["result_digest"]

    commitment_fits, seed_fits = committed == digest["commitment"], followed == digest["seed"]
    if not commitment_fits and not seed_fits:
        if list_fits:
            verdict.add(
                1, "secret", "秘密种子被改动：与承诺和最终种子都不符", "the secret fits neither commitment nor seed"
            )
        else:
            verdict.add(1, "campaign", "活动名称被改动：与承诺、种子和名单摘要都不符",
                        "the campaign fits neither commitment nor seed nor list")  # fmt: skip
        return
    if not commitment_fits:
        # The digest of the result tells which side was changed: it covers the commitment and not the terms.
        if result_fits(digest["commitment"], digest["seed"]):
            verdict.add(1, "closes_at, entropy_rule", "截止时间或熵的约定被改动：与承诺不符",
                        "closing time or entropy rule was changed: they do not fit the commitment")  # fmt: skip
        else:
            verdict.add(1, "commitment", "承诺被改动：不是这个秘密种子的承诺", "the commitment is not of this secret")
        return
    if not seed_fits:
        if follows(digest["seed"]):
            verdict.add(1, "entropy", "公开熵被改动：推不出这个最终种子", "the entropy does not lead to this seed")
        else:
            verdict.add(
                1, "seed", "种子被改动：应由秘密种子和公开熵得出", "the seed is not what secret and entropy give"
            )
        return
    verdict.entrants, verdict.keys = entrants, _core.draw_keys(followed, entrants.tiers, entrants.tickets)
    _check_rows(header, rows, followed, list_fits, verdict)
    if verdict.findings:
        return
    if not list_fits:
        verdict.add(1, "tickets_digest", "名单摘要与名单不符", "the digest of the tickets is not of this list")
    elif not result_fits(digest["commitment"], followed):
        verdict.add(1, "result_digest", "结果摘要与结果不符", "the digest of the result is not of this result")


def _shown(keys: bytes, at: int) -> bytes:
    return keys[at * 32 : at * 32 + KEY_SHOWN_BYTES].hex().encode()


def _check_rows(header: dict[str, Any], rows: _Rows, seed: bytes, list_fits: bool, verdict: Verdict) -> None:
    entrants, tickets = rows.entrants, rows.entrants.ticket_list()
    if header["tickets"] != len(tickets):
        if list_fits:
            verdict.add(1, "tickets", f"人数写作 {header['tickets']}，名单有 {len(tickets)} 人",
                        f"{header['tickets']} tickets are announced, {len(tickets)} are listed")  # fmt: skip
        else:
            at = next((at for at, p in enumerate(rows.positions) if p != at + 1), len(tickets))
            verdict.add(at + 2, "", "从这一行起名单有增减", "from this line on rows are missing or added")
        return
    for at, position in enumerate(rows.positions):
        if position != at + 1:
            verdict.add(
                at + 2, "position", f"名次写作 {position}，应为 {at + 1}", f"position {position} must be {at + 1}"
            )
    for at, shown in enumerate(rows.shown):
        if _shown(verdict.keys, at) != shown:
            _name_row(seed, entrants.tiers[at], tickets[at], shown, at, list_fits, verdict)
    if verdict.findings:
        return
    order = memoryview(_core.draw_order(seed, entrants.tiers, entrants.tickets)).cast("I")
    for at, place in enumerate(order):
        if place != at:
            verdict.add(at + 2, "order", f"此处应为票号 {tickets[place].decode()}，却写作 {tickets[at].decode()}",
                        f"ticket {tickets[place].decode()} belongs here, not {tickets[at].decode()}")  # fmt: skip


def _name_row(seed: bytes, tier: int, ticket: bytes, shown: bytes, at: int, list_fits: bool, verdict: Verdict) -> None:
    """Say which column of a row was changed, as far as the row and the list's digest tell."""
    name = ticket.decode()
    if list_fits:
        verdict.add(at + 2, "key", f"票号 {name} 的排序值被改动", f"the key of ticket {name} was changed")
        return
    tiers = bytes(range(256))
    for other in tiers:
        if _shown(_core.draw_keys(seed, bytes([other]), ticket), 0) == shown:
            verdict.add(at + 2, "tier", f"票号 {name} 的档次由 {other} 改为 {tier}",
                        f"the tier of ticket {name} was changed from {other} to {tier}")  # fmt: skip
            return
    verdict.add(at + 2, "ticket", f"票号 {name} 与这一行的排序值不符：票号被改动",
                f"ticket {name} does not fit the key of its line: the ticket was changed")  # fmt: skip


def _compare_announcement(header: dict[str, Any], announced: Announcement, verdict: Verdict) -> None:
    terms = announced.terms
    before = {
        "campaign": terms.campaign, "closes_at": terms.closes_at, "entropy_rule": terms.entropy_rule,
        "commitment": announced.commitment.hex(),
    }  # fmt: skip
    for name, value in before.items():
        if header[name] != value:
            verdict.add(1, name, f"{name} 与事先公布的公告不同：{value}", f"{name} was announced as {value}")


def _compare_sealed(entrants: Entrants, header: dict[str, Any], sealed: SealedList, verdict: Verdict) -> None:
    """Compare with the list that was published before the entropy was known; names tickets on one side only."""
    if header["tickets_digest"] != sealed.digest.hex():
        verdict.add(1, "tickets_digest", f"名单摘要与事先公布的不同：{sealed.digest.hex()}",
                    f"tickets_digest was published as {sealed.digest.hex()}")  # fmt: skip
    drawn = dict(zip(entrants.ticket_list(), entrants.tiers, strict=True))
    before = dict(zip(sealed.entrants.ticket_list(), sealed.entrants.tiers, strict=True))
    for number, (ticket, tier) in enumerate(drawn.items(), 2):
        if ticket not in before:
            verdict.add(number, "ticket", f"票号 {ticket.decode()} 不在事先公布的名单中",
                        f"ticket {ticket.decode()} was not in the sealed list")  # fmt: skip
        elif before[ticket] != tier:
            verdict.add(number, "tier", f"票号 {ticket.decode()} 事先公布的档次是 {before[ticket]}",
                        f"ticket {ticket.decode()} was sealed in tier {before[ticket]}")  # fmt: skip
    for ticket in before.keys() - drawn.keys():
        verdict.add(len(drawn) + 1, "ticket", f"事先公布的票号 {ticket.decode()} 不见了",
                    f"ticket {ticket.decode()} of the sealed list is missing")  # fmt: skip

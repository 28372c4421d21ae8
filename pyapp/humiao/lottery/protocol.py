"""The three steps of a draw, in their order: commit, seal, draw. Pure: secret and entropy are arguments.

1. `commit` before registration closes: the commitment binds the organiser to a secret nobody else knows.
2. `seal` after registration closed: from now on nobody can be added, taken out or renamed.
3. `draw` with entropy that became known after 2: the organiser could not know it when choosing the secret, and nobody
   who knows it knows the secret.
"""

from humiao import _core
from humiao.lottery.models import Announcement, DrawMisuse, Entrants, Result, SealedList, Terms, check_text

SECRET_BYTES = 32


def commit(terms: Terms, secret: bytes) -> Announcement:
    """What is announced. `secret` is 32 bytes from the system's random source, kept until `draw`."""
    return Announcement(terms, terms.commitment(secret))


def seal(campaign: str, entrants: Entrants) -> SealedList:
    """The list of a campaign as it is published, sorted by ticket. Raises EntrantsError naming a bad ticket."""
    check_text("campaign", campaign)
    digest = _core.draw_tickets_digest(campaign, entrants.tiers, entrants.tickets)
    tickets = entrants.ticket_list()
    by_ticket = sorted(range(len(tickets)), key=tickets.__getitem__)
    return SealedList(
        campaign, Entrants.of(bytes(entrants.tiers[i] for i in by_ticket), [tickets[i] for i in by_ticket]), digest
    )


def draw(announcement: Announcement, sealed: SealedList, secret: bytes, entropy: str) -> Result:
    """The result that follows. Raises DrawMisuse where secret, list and announcement do not belong together."""
    check_text("entropy", entropy)
    terms = announcement.terms
    if terms.commitment(secret) != announcement.commitment:
        raise DrawMisuse("秘密种子与已公布的承诺不符 / the secret is not the one that was committed to")
    if sealed.campaign != terms.campaign:
        raise DrawMisuse("名单属于另一活动 / the list belongs to another campaign")
    listed = sealed.entrants
    if _core.draw_tickets_digest(terms.campaign, listed.tiers, listed.tickets) != sealed.digest:
        raise DrawMisuse("名单与已公布的名单摘要不符 / the list is not the one that was sealed")
    seed = _core.draw_seed(secret, entropy, terms.campaign)
    ordered = listed.taken(memoryview(_core.draw_order(seed, listed.tiers, listed.tickets)).cast("I"))
    digest = _core.draw_result_digest(
        terms.campaign, announcement.commitment, sealed.digest, entropy, seed, ordered.tiers, ordered.tickets
    )
    keys = _core.draw_keys(seed, ordered.tiers, ordered.tickets)
    return Result(announcement, sealed.digest, entropy, secret, seed, digest, ordered, keys)

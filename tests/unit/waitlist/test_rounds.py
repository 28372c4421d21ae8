"""Rounds of offers: who is next, how many, who is skipped and why, and what becomes of a dose that comes back."""

import asyncio
import subprocess
import sys
from datetime import timedelta

import pytest

from humiao.booking.ledger import Ledger
from humiao.kit.sql import statement
from humiao.messaging.gateway import FileGateway
from humiao.messaging.outbox import OutboxSender
from humiao.settings import Settings
from humiao.waitlist.audit import audit
from humiao.waitlist.offers import OfferMaker
from tests.concurrency.test_offers import NoCache
from tests.factories import age_hold, hold_wish, make_residents, make_session
from tests.unit.waitlist.conftest import Town
from tests.waitlists import VACCINE, bring_doses, end_hold, enter, make_campaign, make_line, offers, one_round, states


async def test_the_first_in_line_get_what_there_is(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 5)
    release, world = await bring_doses(town.connection, line.campaign_id, 3, windows=2, capacity=2)
    done = await one_round(town.database, release, line.campaign_id)
    assert (done.offers, done.skips) == (3, 0)
    assert await states(town.connection, line.campaign_id) == ["offered"] * 3 + ["waiting"] * 2
    assert (await one_round(town.database, release, line.campaign_id)).offers == 0, "nothing is promised twice"
    held = await town.connection.fetch(
        "SELECT held, free FROM windows WHERE session_id = $1 ORDER BY starts_at", world.session_id
    )
    assert [tuple(row) for row in held] == [(2, 0), (1, 1)]
    assert {counter.field for counter in done.counters} >= {f"v:{world.stock_id}"}


@pytest.mark.parametrize("ending", ["released", "expired"])
async def test_what_comes_back_goes_to_the_next(town: Town, ending: str) -> None:
    line = await make_line(town.connection, town.vault, 4)
    release, _ = await bring_doses(town.connection, line.campaign_id, 2)
    await one_round(town.database, release, line.campaign_id)
    first, second = await offers(town.connection, line.campaign_id)
    await end_hold(town.connection, second["offer_id"], ending)
    await one_round(town.database, release, line.campaign_id)
    became = "declined" if ending == "released" else "expired"
    assert await states(town.connection, line.campaign_id) == ["offered", became, "offered", "waiting"]
    await end_hold(town.connection, first["offer_id"], "confirmed")
    assert (await one_round(town.database, release, line.campaign_id)).offers == 0


async def test_an_offer_that_was_used_never_returns_but_its_dose_does(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 3)
    release, _ = await bring_doses(town.connection, line.campaign_id, 1)
    await one_round(town.database, release, line.campaign_id)
    (offer,) = await offers(town.connection, line.campaign_id)
    await end_hold(town.connection, offer["offer_id"], "confirmed")
    await end_hold(town.connection, offer["offer_id"], "cancelled")
    assert await states(town.connection, line.campaign_id) == ["withdrawn", "waiting", "waiting"]
    await one_round(town.database, release, line.campaign_id)
    assert await states(town.connection, line.campaign_id) == ["withdrawn", "offered", "waiting"]


async def test_a_reservation_that_is_moved_to_another_stock_leaves_its_dose_to_the_campaign(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 2)
    release, _ = await bring_doses(town.connection, line.campaign_id, 1)
    await one_round(town.database, release, line.campaign_id)
    (offer,) = await offers(town.connection, line.campaign_id)
    await end_hold(town.connection, offer["offer_id"], "confirmed")
    ordinary = await make_session(town.connection, vaccine=VACCINE)
    await town.connection.execute(
        "UPDATE claims SET window_id = $2, stock_id = $3, channel = 'h5' WHERE claim_id = $1",
        offer["offer_id"], ordinary.window_ids[0], ordinary.stock_id,
    )  # fmt: skip
    await one_round(town.database, release, line.campaign_id)
    assert await states(town.connection, line.campaign_id) == ["accepted", "offered"]


async def test_the_deadline_is_the_ledgers(town: Town) -> None:
    """The worker's loop of holds ends offers too: there is no second clock."""
    line = await make_line(town.connection, town.vault, 2)
    release, _ = await bring_doses(town.connection, line.campaign_id, 1)
    await one_round(town.database, release, line.campaign_id)
    ledger = Ledger(town.database, hold_ttl_ms=1000, grace_ms=5000)
    (offer,) = await offers(town.connection, line.campaign_id)
    await age_hold(town.connection, offer["offer_id"], past_deadline=timedelta(seconds=1))
    await ledger.expire_due(at_most=1000)
    assert await states(town.connection, line.campaign_id) == ["offered", "waiting"], "within its grace"
    await age_hold(town.connection, offer["offer_id"], past_deadline=timedelta(seconds=6))
    await ledger.expire_due(at_most=1000)
    await one_round(town.database, release, line.campaign_id)
    assert await states(town.connection, line.campaign_id) == ["expired", "offered"]


async def test_who_cannot_have_a_dose_is_skipped_with_the_reason_and_keeps_the_place(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 4, eligible={"from_months": 108})
    has_one, gone, too_young, fine = line.people
    elsewhere = await make_session(town.connection, vaccine=VACCINE)
    ledger = Ledger(town.database, hold_ttl_ms=600_000, grace_ms=0)
    (held,) = (await ledger.hold_many([hold_wish(has_one, elsewhere)])).decisions
    assert held.answer
    await town.connection.execute("UPDATE persons SET status = 'deceased' WHERE person_id = $1", gone)
    await town.connection.execute("UPDATE persons SET birth_date = '2025-01-01' WHERE person_id = $1", too_young)
    release, _ = await bring_doses(town.connection, line.campaign_id, 1)
    done = await one_round(town.database, release, line.campaign_id)
    assert (done.offers, done.skips) == (1, 3)
    rows = await town.connection.fetch(
        "SELECT reason FROM offer_skips WHERE entry_id = ANY ($1) ORDER BY entry_id", line.entries
    )
    assert [row["reason"] for row in rows] == ["duplicate_claim", "inactive", "not_eligible_that_day"]
    assert await states(town.connection, line.campaign_id) == ["waiting"] * 3 + ["offered"]
    # the reason is gone: the place was kept
    await end_hold(town.connection, held.answer["hold_id"], "released")
    await end_hold(town.connection, (await offers(town.connection, line.campaign_id))[0]["offer_id"], "released")
    await one_round(town.database, release, line.campaign_id)
    assert await states(town.connection, line.campaign_id) == ["offered", "waiting", "waiting", "declined"]
    assert fine


async def test_several_clinics_serve_one_line(town: Town) -> None:
    campaign = await make_campaign(town.connection)
    here, here_world = await bring_doses(town.connection, campaign, 2)
    there, there_world = await bring_doses(town.connection, campaign, 2)
    wishes = [[there_world.clinic_id], [here_world.clinic_id], [], [there_world.clinic_id], []]
    people = await make_residents(town.connection, town.vault, len(wishes))
    for person, clinics in zip(people, wishes, strict=True):
        await enter(town.connection, campaign, person, clinics=clinics)
    await one_round(town.database, here, campaign)
    assert await states(town.connection, campaign) == ["waiting", "offered", "offered", "waiting", "waiting"]
    await one_round(town.database, there, campaign)
    assert await states(town.connection, campaign) == ["offered"] * 4 + ["waiting"]


async def test_a_paused_campaign_and_a_draw_that_was_not_made_offer_nothing(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 2)
    release, _ = await bring_doses(town.connection, line.campaign_id, 2)
    await town.connection.execute("UPDATE campaigns SET paused = true WHERE campaign_id = $1", line.campaign_id)
    assert (await one_round(town.database, release, line.campaign_id)).offers == 0
    drawn = await make_line(town.connection, town.vault, 2, mode="draw")
    other, _ = await bring_doses(town.connection, drawn.campaign_id, 2)
    assert (await one_round(town.database, other, drawn.campaign_id)).offers == 0
    await town.connection.execute("UPDATE campaigns SET state = 'closed' WHERE campaign_id = $1", drawn.campaign_id)
    for position, entry in enumerate(reversed(drawn.entries), 1):
        await town.connection.execute(
            "UPDATE waitlist_entries SET drawn_position = $2 WHERE entry_id = $1", entry, position
        )
    await town.connection.execute("UPDATE campaigns SET state = 'drawn' WHERE campaign_id = $1", drawn.campaign_id)
    await one_round(town.database, other, drawn.campaign_id)
    made = await offers(town.connection, drawn.campaign_id)
    assert [offer["entry_id"] for offer in made] == list(reversed(drawn.entries))


async def test_the_next_in_line_is_told_once_and_not_when_it_is_over(town: Town, settings: Settings) -> None:
    line = await make_line(town.connection, town.vault, 3)
    release, _ = await bring_doses(town.connection, line.campaign_id, 3)
    await one_round(town.database, release, line.campaign_id)
    first, second, third = await offers(town.connection, line.campaign_id)
    await end_hold(town.connection, second["offer_id"], "released")
    await town.connection.execute("UPDATE guardianships SET ended_at = now() WHERE person_id = $1", third["person_id"])
    path = settings.home / "offers.jsonl"
    sender = OutboxSender(town.database, town.vault, FileGateway(path))
    while await sender.send_due(50):
        pass
    rows = await town.connection.fetch(
        """SELECT subject, sent_at IS NOT NULL AS sent, last_error FROM outbox_messages
           WHERE topic = 'offer.made' AND subject = ANY ($1) ORDER BY message_id""",
        [f"offer:{offer['offer_id']}" for offer in (first, second, third)],
    )
    assert [(row["sent"], row["last_error"]) for row in rows] == [
        (True, None), (False, "superseded"), (False, "nobody to tell"),
    ]  # fmt: skip
    assert "轮到了：*小明，九价HPV疫苗" in path.read_text(encoding="utf-8")


async def test_who_still_waits_when_the_campaign_ends_may_wait_elsewhere_and_comes_first(town: Town) -> None:
    line = await make_line(town.connection, town.vault, 2)
    for state in ("closed", "ended"):
        await town.connection.execute("UPDATE campaigns SET state = $2 WHERE campaign_id = $1", line.campaign_id, state)
    await OfferMaker(town.database, NoCache(), NoCache()).step()  # type: ignore[arg-type]
    assert await states(town.connection, line.campaign_id) == ["unserved", "unserved"]
    found = await town.connection.fetchrow(
        statement("waitlist/person_to_register"), line.people[0], line.people[0], VACCINE
    )
    assert found["waited_before"]
    await enter(town.connection, await make_campaign(town.connection), line.people[0])


async def test_all_of_this_passes_the_audit_and_a_forged_order_does_not(town: Town) -> None:
    report = await audit(town.connection)
    assert report.sound, report.findings
    line = await make_line(town.connection, town.vault, 2)
    release, _ = await bring_doses(town.connection, line.campaign_id, 1)
    await one_round(town.database, release, line.campaign_id)
    async with town.connection.transaction():  # the places change hands behind everybody's back
        await town.connection.execute("ALTER TABLE waitlist_entries DISABLE TRIGGER waitlist_entry_changes")
        await town.connection.execute("UPDATE waitlist_entries SET tier = 9 WHERE entry_id = $1", line.entries[0])
        await town.connection.execute("ALTER TABLE waitlist_entries ENABLE TRIGGER waitlist_entry_changes")
    report = await audit(town.connection)
    assert len(report.findings) == 1
    assert f"登记 {line.entries[1]} 在它之前" in report.findings[0]
    told = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "humiao.cli", "waitlist", "audit", "--database", town.url, stdout=subprocess.PIPE
    )
    said, _ = await told.communicate()
    assert told.returncode == 1
    assert "在它之前" in said.decode()

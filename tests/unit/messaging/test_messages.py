"""What messages say, where they go, how long a failed one waits."""

import json
from datetime import UTC, datetime

from humiao.messaging import templates
from humiao.messaging.gateway import FileGateway
from humiao.messaging.outbox import wait_s

FACTS = templates.ReservationFacts(
    name_masked="*小明",
    vaccine_name="麻腮风疫苗",
    clinic_name="示范门诊",
    clinic_address="示范路 1 号",
    starts_at=datetime(2026, 11, 24, 1, 0, tzinfo=UTC),
    ends_at=datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
)


def test_times_are_told_on_the_citys_clock():
    assert templates.window_text(FACTS.starts_at, FACTS.ends_at) == "11月24日（周二）09:00-09:30"


def test_every_text_is_signed_and_names_nobody():
    texts = [
        templates.reservation_confirmed(FACTS),
        templates.reservation_rescheduled(FACTS),
        templates.reservation_cancelled(FACTS),
        templates.login_code("012345", 300),
    ]
    assert all(text.startswith("【沪苗】") for text in texts)
    assert "012345" in texts[3]
    assert "5 分钟" in texts[3]


def test_waits_grow_and_end():
    assert [wait_s(tries) for tries in range(1, 9)] == [5, 10, 20, 40, 80, 160, 320, 600]


async def test_the_file_is_the_owners_alone(tmp_path):
    path = tmp_path / "sms.jsonl"
    gateway = FileGateway(path)
    await gateway.send("13800000001", "【沪苗】一")
    await gateway.send("13800000001", "【沪苗】二")
    assert path.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["【沪苗】一", "【沪苗】二"]
    assert set(lines[0]) == {"at", "phone", "text"}


def test_leftovers_are_told_with_the_hours_that_matter_and_cost_no_place():
    facts = templates.OfferFacts(
        name_masked="*小明", vaccine_name="九价人乳头瘤病毒疫苗", clinic_name="示范门诊", standby=True,
        starts_at=FACTS.starts_at, ends_at=FACTS.ends_at, answer_by=datetime(2026, 11, 24, 1, 15, tzinfo=UTC),
    )  # fmt: skip
    asked, lapsed = templates.offer_made(facts), templates.offer_expired(facts)
    assert "09:30前到" in asked and "09:15前登录沪苗答复" in asked and "不影响您的排队名次" in asked
    assert "排队名次不变" in lapsed and "重新登记" not in lapsed

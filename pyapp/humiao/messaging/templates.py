"""What messages say. Names are masked: a phone's lock screen is read by others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from humiao.errors import CITY_ZONE

SIGNATURE = "【沪苗】"
WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class ReservationFacts:
    """What a message about a reservation may say."""

    name_masked: str
    vaccine_name: str
    clinic_name: str
    clinic_address: str
    starts_at: datetime
    ends_at: datetime


def window_text(starts_at: datetime, ends_at: datetime) -> str:
    """11月24日（周二）09:00-09:30, on the city's clock."""
    start, end = starts_at.astimezone(CITY_ZONE), ends_at.astimezone(CITY_ZONE)
    return f"{start.month}月{start.day}日（周{WEEKDAYS[start.weekday()]}）{start:%H:%M}-{end:%H:%M}"


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """What a message about an offer may say."""

    name_masked: str
    vaccine_name: str
    clinic_name: str
    starts_at: datetime
    ends_at: datetime
    answer_by: datetime
    standby: bool = False  # of doses left at the day's end


def login_code(code: str, left_s: int) -> str:
    """The code, how long it is good for, and a warning."""
    minutes = max(1, round(left_s / 60))
    return f"{SIGNATURE}验证码 {code}，{minutes} 分钟内有效，用于登录。请勿告诉他人，工作人员不会向您索取。"


def reservation_confirmed(facts: ReservationFacts) -> str:
    """Where to be and when, and what to bring."""
    return (
        f"{SIGNATURE}预约成功：{facts.name_masked}，{facts.vaccine_name}，"
        f"{window_text(facts.starts_at, facts.ends_at)}，{facts.clinic_name}（{facts.clinic_address}）。"
        "请携带有效证件和接种证按时到达。"
    )


def reservation_rescheduled(facts: ReservationFacts) -> str:
    """The new time."""
    return (
        f"{SIGNATURE}改期成功：{facts.name_masked}，{facts.vaccine_name}，新的时段为"
        f"{window_text(facts.starts_at, facts.ends_at)}，{facts.clinic_name}（{facts.clinic_address}）。"
        "请携带有效证件和接种证按时到达。"
    )


def reservation_cancelled(facts: ReservationFacts) -> str:
    """What is off, and that another can be booked."""
    return (
        f"{SIGNATURE}预约已取消：{facts.name_masked}，{facts.vaccine_name}，"
        f"{window_text(facts.starts_at, facts.ends_at)}，{facts.clinic_name}。如需接种，可重新预约。"
    )


def offer_made(facts: OfferFacts) -> str:
    """Whose turn it is, where, and until when to answer."""
    by = facts.answer_by.astimezone(CITY_ZONE)
    if facts.standby:
        return (
            f"{SIGNATURE}今日余苗：{facts.name_masked}，{facts.vaccine_name}，{facts.clinic_name}，"
            f"{facts.ends_at.astimezone(CITY_ZONE):%H:%M}前到。请在{by:%H:%M}前登录沪苗答复；不接受不影响您的排队名次。"
        )
    return (
        f"{SIGNATURE}轮到了：{facts.name_masked}，{facts.vaccine_name}，{facts.clinic_name}，"
        f"暂留{window_text(facts.starts_at, facts.ends_at)}。请在{by.month}月{by.day}日{by:%H:%M}前登录沪苗答复，"
        "可另选时段；逾期名额给下一位。"
    )


def offer_expired(facts: OfferFacts) -> str:
    """That the time to answer is over, and what can be done."""
    if facts.standby:
        return (
            f"{SIGNATURE}余苗答复时间已过：{facts.name_masked}，{facts.vaccine_name}，{facts.clinic_name}。"
            "您的排队名次不变。"
        )
    return (
        f"{SIGNATURE}答复时间已过：{facts.name_masked}，{facts.vaccine_name}，{facts.clinic_name}。"
        "名额已给下一位，登记仍开放的可重新登记。"
    )


REMINDERS = {
    "due": "到接种时间了",
    "second_dose": "下一剂到接种时间了",
    "overdue": "已超过推荐接种时间，请尽快补种",
}


def reminder_dose(kind: str, name_masked: str, names: Sequence[str]) -> str:
    """Which doses are due or late, where to book, and how to hear no more of it."""
    return (
        f"{SIGNATURE}接种提醒：{name_masked}，{'、'.join(names)}{REMINDERS[kind]}。"
        "请登录沪苗预约，可在“提醒设置”中关闭提醒。"
    )


def reminder_appointment(facts: ReservationFacts) -> str:
    """Where to be and when, what to bring, and what to do who cannot come."""
    return (
        f"{SIGNATURE}预约提醒：{facts.name_masked}，{facts.vaccine_name}，"
        f"{window_text(facts.starts_at, facts.ends_at)}，{facts.clinic_name}（{facts.clinic_address}）。"
        "请携带有效证件和接种证按时到达；不能前来请及时取消。"
    )

"""What the engine says, in Chinese for parents and clinic staff. Pure.

Every text belongs to one conclusion and stands beside the id of the rule that led to it.
"""

from datetime import date

from humiao.immunizations.models import Reason

REASONS = {
    Reason.TOO_EARLY_AGE: "接种时未到最小接种年龄",
    Reason.TOO_SHORT_INTERVAL: "与前一剂的间隔不足",
    Reason.LIVE_INTERVAL: "与另一种减毒活疫苗既非同日接种，间隔又不足28天",
    Reason.TOO_LATE_AGE: "接种时已超过该疫苗的接种年龄",
    Reason.WRONG_SEX: "该疫苗不适用于此性别",
    Reason.BLOOD_PRODUCT_INTERVAL: "使用免疫球蛋白或血液制品后不足3个月",
    Reason.DUPLICATE: "同一天已有该系列的接种记录，按一剂计算",
    Reason.WRONG_VACCINE: "该疫苗不能替代本系列要求的疫苗",
    Reason.OVERRIDDEN: "医生判定该剂无效",
}
UNCERTAIN = {
    "high": "",
    "medium": "（该规则依据为中等把握，请以门诊核定为准）",
    "low": "（该规则尚未得到权威确认，请以门诊核定为准）",
}


def day_words(day: date) -> str:
    """2026年11月24日."""
    return f"{day.year}年{day.month}月{day.day}日"


def dose_counts(name: str, number: int | None, given_on: date) -> str:
    """A dose that is counted, or is more than what is asked."""
    what = f"计为{name}第{number}剂" if number else f"{name}所需剂次已完成，此剂为多余剂次"
    return f"{day_words(given_on)}接种有效，{what}。"


def dose_does_not_count(name: str, reasons: tuple[Reason, ...], given_on: date) -> str:
    """A dose that is not counted, and why."""
    return f"{day_words(given_on)}接种不计入{name}：{'；'.join(REASONS[reason] for reason in reasons)}。"


def dose_for_a_doctor(name: str, given_on: date) -> str:
    """A dose about which the rules leave the decision to a clinician."""
    return f"{day_words(given_on)}这一剂是否计入{name}，规则没有明确规定，需由门诊医生判定。"


STATUS = {
    "COMPLETE": "{name}已完成全部剂次。",
    "AGED_OUT": "已超过{name}的免费接种或补种年龄，不再接种。",
    "MANUAL_REVIEW": "{name}后续如何接种需由门诊医生判定。",
    "NOT_IN_FORCE": "{name}在这一天尚未纳入免疫程序。",
    "OTHER_SEX": "{name}的免疫程序不适用于此性别。",
    "OTHER_COHORT": "出生日期不在{name}的对象范围内。",
    "OTHER_RESIDENCE": "{name}仅面向符合本市户籍或居住条件的人员。",
    "UNRESOLVED": "{name}对象范围的边界日期尚无权威解释，需由门诊医生判定。",
}


def state(key: str, name: str, certainty: str) -> str:
    """Where a series stands that asks for nothing, or for a doctor."""
    return STATUS[key].format(name=name) + UNCERTAIN[certainty]


def next_dose(name: str, number: int, earliest: date, due: str, overdue: date | None, certainty: str) -> str:
    """The next dose, from when, and whether it is late; and how sure the rule is."""
    return _next_dose(name, number, earliest, due, overdue) + UNCERTAIN[certainty]


def _next_dose(name: str, number: int, earliest: date, due: str, overdue: date | None) -> str:
    since = day_words(earliest)
    if overdue is None and due == "DUE":
        return f"{name}第{number}剂（自愿自费）自{since}起可以接种。"
    if due == "NOT_YET_DUE" or overdue is None:
        return f"{name}第{number}剂最早可于{since}接种。"
    if due == "DUE":
        return f"{name}第{number}剂自{since}起可以接种，请在{day_words(overdue)}前完成。"
    return f"{name}第{number}剂自{since}起可以接种，应在{day_words(overdue)}前完成，现已逾期，请尽快补种。"


CAUSES = {
    "age": "最小接种年龄为{what}",
    "interval": "与前一剂至少间隔{what}",
    "from_dose": "与第{number}剂至少间隔{what}",
    "series": "与相关系列的上一剂至少间隔{what}",
    "repeat": "无效剂次之后至少间隔{what}再补",
    "live": "与另一种减毒活疫苗至少间隔{what}",
    "blood": "使用免疫球蛋白或血液制品后至少间隔{what}",
    "start": "本市自该日起提供此项服务",
    "band": "从{what}起改用补种方案",
    "product": "该疫苗的最小接种年龄为{what}",
}


def because(cause: str, what: str, number: int = 0) -> str:
    """What decides the earliest day."""
    return f"最早日期的依据：{CAUSES[cause].format(what=what, number=number)}。"


def requires(code: str) -> str:
    """What must be there before the dose is given."""
    known = {"TST_NEGATIVE": "接种前须先做结核菌素试验，结果为阴性方可接种。"}
    return known.get(code, f"接种前须满足条件：{code}。")

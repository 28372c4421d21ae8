"""Refusals and problems: what the system says when it says no.

A `Refusal` is a value that services return: a stable code, when to come back, and details. `Problem` carries one to the
edge, where it becomes RFC 9457 problem+json with a Chinese message and what to do next. The table `PROBLEMS` is the
whole vocabulary; a code outside it is a programming error. Statuses: 4xx the caller can mend, 503 come back later.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

CITY_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, with a reason. `retry_at` says when asking again may help; `extra` holds further members of the problem."""

    code: str
    retry_at: datetime | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Problem(Exception):
    """A refusal on its way to the caller."""

    def __init__(self, refusal: Refusal | str, **extra: Any) -> None:
        self.refusal = Refusal(refusal, extra=extra) if isinstance(refusal, str) else refusal
        super().__init__(self.refusal.code)


T = TypeVar("T")


def unwrap(result: T | Refusal) -> T:
    """Return the result of a service, or raise its refusal as a Problem."""
    if isinstance(result, Refusal):
        raise Problem(result)
    return result


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """How one code is told: HTTP status, title, message for people, what to do next (action, label)."""

    status: int
    title: str
    detail: str
    next_steps: tuple[tuple[str, str], ...] = ()


OTHER_WINDOW = ("choose_window", "选择其他时段")
OTHER_CLINIC = ("choose_clinic", "看看附近门诊")
MY_RESERVATIONS = ("my_reservations", "查看我的预约")
LOG_IN = ("log_in", "重新登录")
RETRY = ("retry", "稍后重试")
CORRECT = ("correct_input", "修改后重新提交")

PROBLEMS: dict[str, ProblemKind] = {
    # places
    "window_full": ProblemKind(
        409,
        "该时段已约满",
        "这个时段的号源已经约满，请选择其他时段或附近门诊。",
        (OTHER_WINDOW, OTHER_CLINIC),
    ),
    "channel_full": ProblemKind(
        409, "网上号源已约满", "这个时段的网上号源已约满，请选择其他时段。", (OTHER_WINDOW, OTHER_CLINIC)
    ),
    "out_of_stock": ProblemKind(
        409,
        "疫苗已约完",
        "该门诊本场次的这种疫苗已约完，请选择其他场次或门诊。",
        (OTHER_WINDOW, OTHER_CLINIC),
    ),
    "vial_not_opened": ProblemKind(
        409,
        "多人份疫苗暂不新开",
        "多人份疫苗临近接种不再新开整瓶，请选择其他场次。",
        (OTHER_WINDOW, OTHER_CLINIC),
    ),
    "not_yet_bookable": ProblemKind(
        409, "尚未放号", "这个时段还没有放号，请在放号时间后再来预约。", (RETRY, OTHER_WINDOW)
    ),
    "booking_ended": ProblemKind(409, "预约已截止", "这个时段已过预约截止时间，请选择其他时段。", (OTHER_WINDOW,)),
    "session_closed": ProblemKind(
        409, "场次已停止预约", "门诊已停止本场次的预约，请选择其他场次或门诊。", (OTHER_WINDOW, OTHER_CLINIC)
    ),
    "unknown_window": ProblemKind(404, "时段不存在", "没有找到这个时段，请返回门诊页面重新选择。", (OTHER_WINDOW,)),
    "no_such_stock": ProblemKind(404, "该场次没有这种疫苗", "所选场次不提供这种疫苗，请重新选择。", (OTHER_WINDOW,)),
    "wrong_channel": ProblemKind(
        422, "该时段不开放此渠道", "这个时段不在网上放号，请选择其他时段或到门诊现场咨询。", (OTHER_WINDOW,)
    ),
    "duplicate_claim": ProblemKind(
        409,
        "已有同类疫苗的预约",
        "这位接种人已有同类疫苗的预约或占号，请先查看或取消原预约。",
        (MY_RESERVATIONS,),
    ),
    "in_flight": ProblemKind(409, "正在为您处理", "同一请求正在处理，请稍候几秒再查看结果。", (RETRY, MY_RESERVATIONS)),
    "busy": ProblemKind(503, "系统繁忙", "当前预约人数较多，请稍后重试，您的操作没有生效。", (RETRY,)),
    "outcome_unknown": ProblemKind(
        503, "结果待确认", "网络中断，结果暂未确认。请原样重试，不会重复占号。", (RETRY, MY_RESERVATIONS)
    ),
    # claims
    "unknown_hold": ProblemKind(
        404, "占号不存在", "没有找到这个占号，请返回重新选择时段。", (OTHER_WINDOW, MY_RESERVATIONS)
    ),
    "wrong_hold_token": ProblemKind(403, "占号凭证不符", "占号凭证不符，请从“我的预约”重新进入。", (MY_RESERVATIONS,)),
    "hold_expired": ProblemKind(409, "占号已过期", "占号已超过确认时间，号源已退回，请重新选择时段。", (OTHER_WINDOW,)),
    "hold_ended": ProblemKind(409, "占号已结束", "这个占号已经结束，请重新选择时段。", (OTHER_WINDOW, MY_RESERVATIONS)),
    "unknown_reservation": ProblemKind(404, "预约不存在", "没有找到这个预约。", (MY_RESERVATIONS,)),
    "not_cancellable": ProblemKind(409, "预约不能取消", "这个预约已结束或已签到，不能取消。", (MY_RESERVATIONS,)),
    "not_reschedulable": ProblemKind(409, "预约不能改期", "只有已确认且未开始的预约可以改期。", (MY_RESERVATIONS,)),
    "same_window": ProblemKind(409, "时段没有变化", "新时段与原时段相同，请选择其他时段。", (OTHER_WINDOW,)),
    "window_begun": ProblemKind(
        409, "接种时段已开始", "接种时段已经开始，不能再取消或改期，请联系门诊。", (MY_RESERVATIONS,)
    ),
    # people and places
    "unknown_person": ProblemKind(
        404, "接种人不存在", "没有找到这位接种人，请在“家庭成员”中确认。", (("my_people", "查看家庭成员"),)
    ),
    "person_has_claims": ProblemKind(
        409, "接种人还有预约", "这位接种人还有未完成的预约，请先取消再解除绑定。", (MY_RESERVATIONS,)
    ),
    "document_taken": ProblemKind(
        409, "证件已登记", "该证件号码已在其他账户建档，请核对号码，或携带证件到门诊办理绑定。", (CORRECT,)
    ),
    "too_many_people": ProblemKind(
        409, "家庭成员已达上限", "一个账户可管理的接种人数已达上限，请先解除不再需要的绑定。", ()
    ),
    "unknown_clinic": ProblemKind(404, "门诊不存在", "没有找到这家门诊，请返回重新选择。", (OTHER_CLINIC,)),
    "unknown_vaccine": ProblemKind(404, "疫苗不存在", "没有找到这种疫苗，请返回重新选择。", ()),
    "unknown_session": ProblemKind(404, "场次不存在", "没有找到这个门诊场次。", ()),
    "unknown_stock": ProblemKind(404, "疫苗库存不存在", "没有找到这个场次的疫苗库存。", ()),
    "unknown_product": ProblemKind(422, "疫苗产品不存在", "所填的疫苗产品不在目录中，请核对。", (CORRECT,)),
    "session_already_closed": ProblemKind(409, "场次已关闭", "这个场次已经关闭，不能再修改。", ()),
    "session_in_past": ProblemKind(422, "时段已过去", "不能发布已经过去的时段，请核对日期和时间。", (CORRECT,)),
    # logging in
    "not_logged_in": ProblemKind(401, "请先登录", "请先登录后再操作。", (LOG_IN,)),
    "token_expired": ProblemKind(401, "登录已过期", "登录已过期，请重新登录。", (LOG_IN,)),
    "forbidden": ProblemKind(403, "没有权限", "您没有进行此操作的权限。", ()),
    "account_locked": ProblemKind(403, "账户已锁定", "账户已被锁定，请稍后再试或联系客服。", ()),
    "code_wrong": ProblemKind(401, "验证码不正确", "验证码不正确，请重新输入。", (("retype", "重新输入"),)),
    "code_expired": ProblemKind(
        401, "验证码已失效", "验证码已失效，请重新获取。", (("resend_code", "重新获取验证码"),)
    ),
    "too_many_tries": ProblemKind(
        429, "尝试次数过多", "验证码错误次数过多，请重新获取验证码。", (("resend_code", "重新获取验证码"),)
    ),
    "too_many_codes": ProblemKind(429, "验证码发送过于频繁", "验证码发送过于频繁，请稍后再试。", (RETRY,)),
    "password_wrong": ProblemKind(401, "用户名或密码不正确", "用户名或密码不正确。", (("retype", "重新输入"),)),
    # requests
    "key_missing": ProblemKind(400, "缺少幂等键", "请求缺少 Idempotency-Key，请刷新页面后重试。", (RETRY,)),
    "key_malformed": ProblemKind(
        400, "幂等键格式不正确", "Idempotency-Key 应为 8 至 64 位字母、数字、“-”或“_”。", (CORRECT,)
    ),
    "key_reused": ProblemKind(
        422, "幂等键已用于其他请求", "同一个 Idempotency-Key 已用于内容不同的请求，请换一个新的键。", (RETRY,)
    ),
    "malformed_json": ProblemKind(
        400, "请求内容不是有效的 JSON", "请求内容不是有效的 JSON，请检查后重新提交。", (CORRECT,)
    ),
    "bad_utf8": ProblemKind(400, "请求编码不正确", "请求内容不是有效的 UTF-8 文本。", (CORRECT,)),
    "invalid_input": ProblemKind(422, "填写内容有误", "有内容填写不正确，请按提示修改。", (CORRECT,)),
    "body_too_large": ProblemKind(413, "请求内容过大", "请求内容超过大小限制。", (CORRECT,)),
    "wrong_content_type": ProblemKind(415, "请求类型不支持", "请使用 application/json 提交。", (CORRECT,)),
    "not_found": ProblemKind(404, "页面不存在", "没有找到您访问的内容。", (("home", "返回首页"),)),
    "method_not_allowed": ProblemKind(405, "请求方式不支持", "该地址不支持这种请求方式。", ()),
    "too_many_requests": ProblemKind(429, "请求过于频繁", "请求过于频繁，请稍后再试。", (RETRY,)),
    "internal": ProblemKind(500, "系统异常", "系统出现异常，请稍后重试。", (RETRY,)),
}


def problem_body(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the problem+json members of a refusal."""
    kind = PROBLEMS[refusal.code]
    body: dict[str, Any] = {
        "type": f"urn:humiao:problem:{refusal.code}",
        "title": kind.title,
        "status": kind.status,
        "code": refusal.code,
        "detail": kind.detail,
    }
    if refusal.retry_at is not None:
        body["retry_at"] = refusal.retry_at.astimezone(CITY_ZONE).isoformat(timespec="milliseconds")
    if kind.next_steps:
        body["next_steps"] = [{"action": action, "label": label} for action, label in kind.next_steps]
    return kind.status, body | refusal.extra

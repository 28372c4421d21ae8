"""Refusals and problems: what the system says when it says no.

A `Refusal` is a value that services return: a stable code, when to come back, and details. `Problem` carries one to the
edge, where it becomes RFC 9457 problem+json with a Chinese message and what to do next. The table `PROBLEMS` is the
whole vocabulary; a code outside it is a programming error. Statuses: 4xx the caller can mend, 503 come back later.
What the rush tells is small (docs/decisions/0006-small-refusals.md): a million of them leave by one line.
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
    """How one code is told: HTTP status, title, message for people, what to do next (action, label).

    A `small` one leaves `type` and `next_steps` to the vocabulary (web/shared/api/problems.json) and, with `retry_at`,
    fits into SMALL_BYTES_MAX.
    """

    status: int
    title: str
    detail: str
    next_steps: tuple[tuple[str, str], ...] = ()
    small: bool = False


SMALL_BYTES_MAX = 199  # of the body of a small problem, in UTF-8


def _small(status: int, title: str, detail: str, *next_steps: tuple[str, str]) -> ProblemKind:
    return ProblemKind(status, title, detail, next_steps, small=True)


OTHER_WINDOW = ("choose_window", "选择其他时段")
OTHER_CLINIC = ("choose_clinic", "看看附近门诊")
MY_RESERVATIONS = ("my_reservations", "查看我的预约")
LOG_IN = ("log_in", "重新登录")
OTHER_VACCINE = ("choose_vaccine", "看看其他疫苗")
RENEW_PASS = ("renew_pass", "重新获取资格凭证")
RETRY = ("retry", "稍后重试")
ENTER_ROOM = ("enter_room", "进入排队大厅")
VERIFY = ("solve_challenge", "重新验证")
CORRECT = ("correct_input", "修改后重新提交")
CLOSE_SESSION = ("close_session", "停止预约")
MY_PEOPLE = ("my_people", "查看家庭成员")
HOME = ("home", "返回首页")
DRAFTS = ("drafts", "查看草案")
SCHOOL_CHECKS = ("school_checks", "查看查验列表")
MY_ENTRIES = ("my_entries", "查看我的排队")
CAMPAIGNS = ("campaigns", "看看其他登记")

PROBLEMS: dict[str, ProblemKind] = {
    # places
    "window_full": _small(409, "该时段已约满", "请选择其他时段或附近门诊。", OTHER_WINDOW, OTHER_CLINIC),
    "channel_full": _small(409, "网上号源已约满", "请选择其他时段或附近门诊。", OTHER_WINDOW, OTHER_CLINIC),
    "out_of_stock": _small(409, "疫苗已约完", "请选择其他场次或附近门诊。", OTHER_WINDOW, OTHER_CLINIC),
    "vial_not_opened": _small(409, "多人份疫苗暂不新开", "请选择其他场次或附近门诊。", OTHER_WINDOW, OTHER_CLINIC),
    "not_yet_bookable": _small(409, "尚未放号", "请在放号时间后再来预约。", RETRY, OTHER_WINDOW),
    "booking_ended": _small(409, "预约已截止", "请选择其他时段。", OTHER_WINDOW),
    "session_closed": _small(409, "场次已停止预约", "请选择其他场次或附近门诊。", OTHER_WINDOW, OTHER_CLINIC),
    "unknown_window": _small(404, "时段不存在", "请返回门诊页面重新选择时段。", OTHER_WINDOW),
    "no_such_stock": _small(404, "该场次没有这种疫苗", "请返回重新选择疫苗或时段。", OTHER_WINDOW),
    "wrong_channel": _small(422, "该时段不在网上放号", "请选择其他时段，或到门诊咨询。", OTHER_WINDOW),
    "duplicate_claim": _small(409, "已有同类疫苗的预约", "请先查看或取消原来的预约。", MY_RESERVATIONS),
    "in_flight": _small(409, "正在为您处理", "请稍候几秒，再查看结果。", RETRY, MY_RESERVATIONS),
    "busy": _small(503, "系统繁忙", "您的操作没有生效，请稍后重试。", RETRY),
    "outcome_unknown": _small(503, "结果待确认", "请原样重试，不会重复占号。", RETRY, MY_RESERVATIONS),
    # eligibility
    "not_eligible": ProblemKind(
        409, "暂不符合接种条件", "按接种程序，这位接种人现在不能预约这种疫苗，请咨询门诊。", (OTHER_VACCINE,)
    ),
    "limited": ProblemKind(
        409, "网上预约暂停", "按预约规则，这位接种人暂不能在网上预约。急需接种的，请到门诊办理。", (MY_RESERVATIONS,)
    ),
    "other_district": ProblemKind(
        409, "限定区域预约", "这种疫苗现在只供指定区的居民网上预约，请咨询就近门诊。", (MY_PEOPLE, OTHER_VACCINE)
    ),
    "pass_missing": _small(401, "缺少资格凭证", "请先获取接种人的资格凭证。", RENEW_PASS),
    "pass_invalid": _small(401, "资格凭证无效", "请重新获取接种人的资格凭证。", RENEW_PASS),
    "pass_expired": _small(401, "资格凭证已过期", "请重新获取接种人的资格凭证。", RENEW_PASS),
    "pass_not_valid_here": _small(403, "资格凭证不适用", "请选择适用的疫苗、时段或门诊。", OTHER_WINDOW, OTHER_CLINIC),
    # the waiting room
    "room_needed": _small(409, "请先排队", "现在预约的人多，请先进入排队大厅。", ENTER_ROOM),
    "room_not_yet": _small(409, "还没有轮到您", "请在排队大厅等候，到时间再来。", ENTER_ROOM),
    "room_ticket_used": _small(409, "排队凭证已失效", "凭证已使用、过期或放弃，请重新排队。", ENTER_ROOM),
    "room_ticket_invalid": _small(403, "排队凭证无效", "请用本人账户重新进入排队大厅。", ENTER_ROOM),
    "room_off": _small(409, "现在无需排队", "请直接选择时段预约。", OTHER_WINDOW),
    "room_closed": _small(409, "排队大厅已关闭", "本次排队已结束，请查看其他门诊。", OTHER_CLINIC),
    "unknown_room": _small(404, "排队大厅不存在", "请返回门诊页面重新选择。", OTHER_CLINIC),
    "session_has_room": ProblemKind(
        409, "场次已有排队大厅", "所选场次或全市已有未关闭的排队大厅，请先关闭原来的。", (CORRECT,)
    ),
    # claims
    "unknown_hold": _small(404, "占号不存在", "请返回重新选择时段。", OTHER_WINDOW, MY_RESERVATIONS),
    "wrong_hold_token": ProblemKind(403, "占号凭证不符", "占号凭证不符，请从“我的预约”重新进入。", (MY_RESERVATIONS,)),
    "hold_expired": ProblemKind(409, "占号已过期", "占号已超过确认时间，号源已退回，请重新选择时段。", (OTHER_WINDOW,)),
    "hold_ended": ProblemKind(409, "占号已结束", "这个占号已经结束，请重新选择时段。", (OTHER_WINDOW, MY_RESERVATIONS)),
    "unknown_reservation": ProblemKind(404, "预约不存在", "没有找到这个预约。", (MY_RESERVATIONS,)),
    "not_cancellable": ProblemKind(409, "预约不能取消", "这个预约已结束或已签到，不能取消。", (MY_RESERVATIONS,)),
    "cancel_too_late": ProblemKind(
        409, "已过取消期限", "这个预约已过网上取消或改期的期限，不能前来的，请联系门诊。", (MY_RESERVATIONS,)
    ),
    "not_reschedulable": ProblemKind(409, "预约不能改期", "只有已确认且未开始的预约可以改期。", (MY_RESERVATIONS,)),
    "same_window": ProblemKind(409, "时段没有变化", "新时段与原时段相同，请选择其他时段。", (OTHER_WINDOW,)),
    "window_begun": ProblemKind(
        409, "接种时段已开始", "接种时段已经开始，不能再取消或改期，请联系门诊。", (MY_RESERVATIONS,)
    ),
    # at the desk
    "not_a_reservation": ProblemKind(
        409, "不能签到", "只有有效的预约可以签到，这个预约已取消、已结束或尚未确认。", (MY_RESERVATIONS,)
    ),
    "visit_too_early": ProblemKind(409, "还没有到签到时间", "接种时段开始前一小时起可以签到。", (RETRY,)),
    "visit_day_over": ProblemKind(409, "签到已结束", "预约当天已经过去，不能再签到，请重新预约。", (OTHER_WINDOW,)),
    "not_checked_in": ProblemKind(409, "还没有签到", "请先签到，再登记接种结果。", (("check_in", "先签到"),)),
    "visit_ended": ProblemKind(
        409,
        "结果已登记",
        "这次到诊已登记为另一种结果，登记有误的，请更正接种记录。",
        (("records", "查看接种记录"),),
    ),
    # people and places
    "unknown_person": _small(404, "接种人不存在", "请在“家庭成员”中确认。", MY_PEOPLE),
    "person_has_claims": ProblemKind(
        409, "接种人还有预约", "这位接种人还有未完成的预约，请先取消再解除绑定。", (MY_RESERVATIONS,)
    ),
    "unknown_record": ProblemKind(404, "接种记录不存在", "没有找到这条接种记录，或它已作废，请核对后重试。", (RETRY,)),
    "record_changed": ProblemKind(
        409, "记录已被更新", "这条接种记录刚被他人更新，您的修改没有保存，请重新打开记录后再改。", (RETRY,)
    ),
    "duplicate_dose": ProblemKind(
        409, "当天已有同类接种记录", "同一人同一天的同类疫苗按一剂计算，请核对日期和疫苗。", (CORRECT,)
    ),
    "unknown_certificate": ProblemKind(
        404, "没有查到这张证", "没有查到这个编号的接种证，请核对编号，或扫描证上的二维码核验。", (CORRECT,)
    ),
    "certificate_not_genuine": ProblemKind(
        422,
        "核验不通过",
        "二维码内容不完整、被改动过，或不是本市签发。请扫描原件的二维码，或请持证人重新下载。",
        (CORRECT,),
    ),
    "certificate_unavailable": ProblemKind(
        409, "暂不能签发电子接种证", "电子接种证暂时不能签发，请稍后再试；急用的，可携带证件到接种门诊打印。", (RETRY,)
    ),
    "name_not_printable": ProblemKind(
        409, "姓名含有不能打印的字", "姓名中有本系统字库没有的字，网上打印会缺字，请携带证件到接种门诊办理。", ()
    ),
    "nothing_on_record": ProblemKind(
        409,
        "还没有接种记录",
        "这位接种人在本市还没有接种记录。以前在外地接种的，请携带接种证到门诊补录。",
        (OTHER_CLINIC,),
    ),
    "certificate_already_revoked": ProblemKind(409, "接种证已作废", "这张电子接种证已经作废，不必再次作废。", ()),
    "document_taken": ProblemKind(
        409, "证件已登记", "该证件号码已在其他账户建档，请核对号码，或携带证件到门诊办理绑定。", (CORRECT,)
    ),
    "too_many_people": ProblemKind(
        409, "家庭成员已达上限", "一个账户可管理的接种人数已达上限，请先解除不再需要的绑定。", ()
    ),
    "unknown_clinic": ProblemKind(404, "门诊不存在", "没有找到这家门诊，请返回重新选择。", (OTHER_CLINIC,)),
    "unknown_district": ProblemKind(404, "区不存在", "没有这个区，或不在您的管辖范围，请核对区代码。", (CORRECT,)),
    "unknown_check": ProblemKind(
        404, "查验不存在", "没有找到这次查验，或不在您的管辖范围，请返回列表重新选择。", (SCHOOL_CHECKS,)
    ),
    "unknown_child": ProblemKind(
        404, "儿童不在档案中", "名单中的这一行在本市没有档案，请先建档并重新查验。", (SCHOOL_CHECKS,)
    ),
    "unknown_exemption": ProblemKind(
        404, "医学原因登记不存在", "没有找到这条登记，或它已撤销，或由其他门诊登记，请刷新后查看。", (SCHOOL_CHECKS,)
    ),
    "unknown_vaccine": ProblemKind(404, "疫苗不存在", "没有找到这种疫苗，请返回重新选择。", ()),
    "unknown_session": _small(404, "场次不存在", "请返回门诊页面重新选择场次。", OTHER_CLINIC),
    "unknown_stock": ProblemKind(404, "疫苗库存不存在", "没有找到这个场次的疫苗库存。", ()),
    "unknown_product": ProblemKind(422, "疫苗产品不存在", "所填的疫苗产品不在目录中，请核对。", (CORRECT,)),
    "session_already_closed": ProblemKind(409, "场次已关闭", "这个场次已经关闭，不能再修改。", ()),
    "session_in_past": ProblemKind(422, "时段已过去", "不能发布已经过去的时段，请核对日期和时间。", (CORRECT,)),
    # the programme's drafts
    "unknown_draft": ProblemKind(404, "草案不存在", "没有找到这份免疫程序草案。", (DRAFTS,)),
    "programme_mistakes": ProblemKind(
        422, "免疫程序数据有误", "数据没有通过检查，请按所列行号逐条修改后重新提交。", (CORRECT,)
    ),
    "edition_taken": ProblemKind(409, "版本号已使用", "这个版本号已经发布过，请换一个新的版本号。", (CORRECT,)),
    "edition_not_later": ProblemKind(
        422, "生效日期过早", "生效日期须晚于今天，也须晚于已发布的各个版本，请修改后重新提交。", (CORRECT,)
    ),
    "programme_moved_on": ProblemKind(
        409, "依据的版本已更新", "起草之后又发布了新版本，请在最新版本上重新起草。", (DRAFTS,)
    ),
    "draft_moved_on": ProblemKind(409, "草案已变动", "草案的状态或内容与您看到的不同，请刷新后重新查看。", (DRAFTS,)),
    "own_draft": ProblemKind(403, "不能审核自己的草案", "草案须由起草人以外的另一位管理员审核。", (DRAFTS,)),
    "not_your_draft": ProblemKind(403, "不是您的草案", "只有起草人可以修改、提交或撤回草案。", (DRAFTS,)),
    # waiting for scarce vaccine
    "unknown_campaign": ProblemKind(404, "登记活动不存在", "没有找到这个登记活动，请返回重新选择。", (CAMPAIGNS,)),
    "registration_not_open": ProblemKind(409, "登记还没有开始", "请在开始时间以后再来登记。", (RETRY, CAMPAIGNS)),
    "registration_closed": ProblemKind(
        409, "登记已截止", "本次登记已经截止，请看看其他登记。", (CAMPAIGNS, MY_ENTRIES)
    ),
    "not_in_group": ProblemKind(409, "不在登记范围内", "这位接种人不在本次登记的范围内。", (CAMPAIGNS,)),
    "already_registered": ProblemKind(
        409, "已经登记过", "这位接种人在本次活动中已有登记，不需要重复登记。", (MY_ENTRIES,)
    ),
    "waiting_elsewhere": ProblemKind(
        409, "正在别处排队", "这位接种人正在另一个活动中排这种疫苗，退出后才能登记本次活动。", (MY_ENTRIES,)
    ),
    "unknown_entry": ProblemKind(404, "登记不存在", "没有找到这个登记。", (MY_ENTRIES,)),
    "entry_ended": ProblemKind(
        409, "登记不能再改", "这个登记已经结束、已轮到或已成为预约，请查看最新状态。", (MY_ENTRIES, MY_RESERVATIONS)
    ),
    "unknown_offer": ProblemKind(404, "名额不存在", "没有找到这个名额。", (MY_ENTRIES,)),
    "offer_expired": ProblemKind(409, "答复时间已过", "名额没有在时限内答复，已给下一位。", (MY_ENTRIES, CAMPAIGNS)),
    "offer_ended": ProblemKind(
        409, "名额已经答复过", "这个名额已经答复过，请查看结果。", (MY_ENTRIES, MY_RESERVATIONS)
    ),
    "campaign_state": ProblemKind(409, "现在不能这样做", "活动现在的状态不允许这一步，请刷新后查看。", ()),
    "registration_still_open": ProblemKind(
        409, "登记还没有截止", "摇号活动公布的截止时间还没有到，到时间后才能封存名单。", (RETRY,)
    ),
    "entropy_differs": ProblemKind(
        409, "两人输入的不同", "与另一位监督员输入的公开数值不同，没有摇号。请核对来源后重新输入。", (CORRECT,)
    ),
    "already_released": ProblemKind(409, "这个库存已经投放", "这个场次的库存已投放给本活动，请直接修改剂数。", ()),
    "leftover_not_today": ProblemKind(409, "不是今天的场次", "余苗只能从今天的场次投放，请核对场次。", (CORRECT,)),
    "still_bookable": ProblemKind(
        409, "场次还能预约", "请先停止这个场次的预约，或等预约截止后再投放余苗。", (CLOSE_SESSION,)
    ),
    "unknown_release": ProblemKind(404, "投放不存在", "没有找到这次投放。", ()),
    # logging in
    "not_logged_in": _small(401, "请先登录", "请登录后再操作。", LOG_IN),
    "token_expired": _small(401, "登录已过期", "请重新登录后再操作。", LOG_IN),
    "forbidden": ProblemKind(403, "没有权限", "您没有进行此操作的权限。", ()),
    "account_locked": ProblemKind(403, "账户已锁定", "账户已被锁定，请稍后再试或联系客服。", ()),
    "too_many_accounts": ProblemKind(
        409,
        "这台设备注册的账户过多",
        "这台设备暂不能注册新账户，已有账户的仍可登录。",
        (("log_in_other", "用已有账户登录"),),
    ),
    "code_wrong": ProblemKind(401, "验证码不正确", "验证码不正确，请重新输入。", (("retype", "重新输入"),)),
    "code_expired": ProblemKind(
        401, "验证码已失效", "验证码已失效，请重新获取。", (("resend_code", "重新获取验证码"),)
    ),
    "too_many_tries": ProblemKind(
        429, "尝试次数过多", "验证码错误次数过多，请重新获取验证码。", (("resend_code", "重新获取验证码"),)
    ),
    "too_many_codes": ProblemKind(429, "验证码发送过于频繁", "验证码发送过于频繁，请稍后再试。", (RETRY,)),
    "codes_paused": ProblemKind(
        429,
        "验证码短信暂停发送",
        "全市验证码短信的发送量异常，已暂停发送。已登录的页面不受影响；急需接种可直接到门诊现场办理，其他请到时间后再试。",
        (RETRY,),
    ),
    "challenge_needed": ProblemKind(
        403, "需要安全验证", "请先完成安全验证再继续，页面会自动完成，不需要您辨认图片。", (VERIFY,)
    ),
    "challenge_invalid": ProblemKind(403, "安全验证无效", "安全验证的结果无效，请重新验证。", (VERIFY,)),
    "challenge_expired": ProblemKind(403, "安全验证已过期", "安全验证已过期，请重新验证。", (VERIFY,)),
    "challenge_used": ProblemKind(403, "安全验证已使用", "这个安全验证结果已经用过，请重新验证。", (VERIFY,)),
    "device_missing": ProblemKind(400, "缺少设备标识", "请求缺少 Device-Id，请刷新页面后重试。", (RETRY,)),
    "device_malformed": ProblemKind(
        400, "设备标识格式不正确", "Device-Id 应为 16 至 64 位字母、数字、“-”或“_”。", (CORRECT,)
    ),
    "password_wrong": ProblemKind(401, "用户名或密码不正确", "用户名或密码不正确。", (("retype", "重新输入"),)),
    # requests
    "key_missing": ProblemKind(400, "缺少幂等键", "请求缺少 Idempotency-Key，请刷新页面后重试。", (RETRY,)),
    "key_malformed": ProblemKind(
        400, "幂等键格式不正确", "Idempotency-Key 应为 8 至 64 位字母、数字、“-”或“_”。", (CORRECT,)
    ),
    "key_reused": _small(422, "幂等键已用于其他请求", "请换一个新的键后重试。", RETRY),
    "malformed_json": ProblemKind(
        400, "请求内容不是有效的 JSON", "请求内容不是有效的 JSON，请检查后重新提交。", (CORRECT,)
    ),
    "bad_utf8": ProblemKind(400, "请求编码不正确", "请求内容不是有效的 UTF-8 文本。", (CORRECT,)),
    "invalid_input": ProblemKind(422, "填写内容有误", "有内容填写不正确，请按提示修改。", (CORRECT,)),
    "body_too_large": ProblemKind(413, "请求内容过大", "请求内容超过大小限制。", (CORRECT,)),
    "wrong_content_type": ProblemKind(415, "请求类型不支持", "请使用 application/json 提交。", (CORRECT,)),
    "not_a_list": ProblemKind(415, "不是 xlsx 文件", "请用 Excel 或 WPS 另存为 .xlsx 文件后上传。", (CORRECT,)),
    "not_found": _small(404, "页面不存在", "没有找到您访问的内容。", HOME),
    "method_not_allowed": ProblemKind(405, "请求方式不支持", "该地址不支持这种请求方式。", ()),
    "too_many_requests": _small(429, "请求过于频繁", "请稍后再试，不必反复刷新。", RETRY),
    "internal": ProblemKind(500, "系统异常", "系统出现异常，请稍后重试。", (RETRY,)),
    # of the gate alone
    "bad_request": _small(400, "请求不完整", "请检查网络，刷新页面后重试。", RETRY),
    "upstream_away": _small(502, "服务暂时不可用", "服务正在恢复，请稍后原样重试。", RETRY),
    "upstream_timeout": _small(504, "等待超时", "结果还不确定，请原样重试。", RETRY),
}


def problem_body(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the problem+json members of a refusal."""
    kind = PROBLEMS[refusal.code]
    body: dict[str, Any] = {} if kind.small else {"type": type_of(refusal.code)}
    body |= {"code": refusal.code, "status": kind.status, "title": kind.title, "detail": kind.detail}
    if refusal.retry_at is not None:
        body["retry_at"] = refusal.retry_at.astimezone(CITY_ZONE).isoformat(timespec="milliseconds")
    if kind.next_steps and not kind.small:
        body["next_steps"] = steps_of(kind)
    return kind.status, body | refusal.extra


def type_of(code: str) -> str:
    """The URI that names a kind of problem (RFC 9457)."""
    return f"urn:humiao:problem:{code}"


def steps_of(kind: ProblemKind) -> list[dict[str, str]]:
    """What to do next, as clients read it."""
    return [{"action": action, "label": label} for action, label in kind.next_steps]


def steps_by_code() -> dict[str, list[dict[str, str]]]:
    """What to do next for every code: the pages have it once, instead of with every refusal."""
    return {code: steps_of(kind) for code, kind in PROBLEMS.items() if kind.next_steps}

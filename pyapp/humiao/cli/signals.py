"""`humiao signals`: the breaker and the signals of late, as tables."""

from rich.console import Console
from rich.table import Table

from humiao.antiabuse.budgets import window_text
from humiao.antiabuse.schemas import VelocityAnswer
from humiao.errors import CITY_ZONE

KINDS = {
    "many_phones": "一台设备多个手机号",
    "many_devices": "一个手机号多台设备",
    "many_failures": "登录失败过多",
    "budget_ended": "额度用完",
    "breaker_open": "全市熔断",
    "challenge_replayed": "验证结果重放",
}
SCOPES = {"account": "账户", "phone": "手机号", "device": "设备", "network": "网络", "city": "全市"}


def show(answer: VelocityAnswer, console: Console) -> None:
    """Print both; subjects are masked already."""
    breaker = Table("窗口 / window", "已发 / sent", "上限 / most", "状态 / state", title="短信验证码熔断 / SMS breaker")
    for window in answer.breaker:
        until = window.open_until and f"{window.open_until.astimezone(CITY_ZONE):%m-%d %H:%M:%S}"
        state = f"[red]暂停至 / paused until {until}[/]" if until else "[green]正常 / closed[/]"
        breaker.add_row(window_text(window.window_s), str(window.used), str(window.most), state)
    console.print(breaker)
    table = Table(
        "最近 / last", "种类 / kind", "对象 / subject", "次数 / seen", "原因 / reason", title="异常信号 / signals"
    )
    for signal in answer.items:
        last = f"{signal.last_at.astimezone(CITY_ZONE):%m-%d %H:%M}"
        subject = f"{SCOPES[signal.scope]} {signal.label}"
        table.add_row(last, KINDS[signal.kind], subject, str(signal.seen), signal.reason)
    if answer.items:
        console.print(table)
    else:
        console.print("没有异常信号 / no signals", highlight=False)

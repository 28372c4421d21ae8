"""`humiao up`: a whole city at this terminal, what it tells, and how it ends."""

import asyncio
import json
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from humiao.embedded.binaries import BinariesMissing
from humiao.embedded.city import AlreadyRunning, City
from humiao.embedded.server import ServerFailed
from humiao.embedded.user import NoServerUser
from humiao.kit.masking import mask_phone
from humiao.settings import H5_DIST, Settings


class Terminal:
    """Tells what happens in a city: a progress bar while it starts, then one line an event."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self.bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
        self._task = self.bar.add_task("启动 / starting", total=None)

    def step(self, what: str) -> None:
        """Something of unknown length begins."""
        self.bar.update(self._task, description=what, total=None, completed=0)

    def progress(self, done: int, total: int, what: str) -> None:
        """`done` of `total` steps of long work are done."""
        self.bar.update(self._task, description=what, completed=done, total=total)

    def warning(self, source: str, text: str) -> None:
        """A process warned, ended or came back."""
        self._console.print(f"{source:>8} │ {text}", style="yellow", highlight=False, markup=False, soft_wrap=True)

    def message(self, sms: dict[str, Any]) -> None:
        """A text message was sent."""
        self._console.print(sms_line(sms), highlight=False, markup=False, soft_wrap=True)


def sms_line(sms: dict[str, Any]) -> str:
    """The message as it is shown: the phone masked, the text whole."""
    return f"短信 → {mask_phone(str(sms.get('phone', '')))}：{sms.get('text', '')}"


def read_messages(path: Path) -> list[dict[str, Any]]:
    """What the file gateway has sent so far, oldest first."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def wait_for_code(path: Path, phone: str, *, patience_s: float) -> str | None:
    """The newest login code sent to a phone, waiting for one; None where none comes."""
    deadline = time.monotonic() + patience_s
    while True:
        texts = [message["text"] for message in read_messages(path) if message["phone"].endswith(phone)]
        codes = [found[1] for text in texts if (found := re.search(r"验证码\D*(\d{6})", text))]
        if codes:
            return codes[-1]
        if time.monotonic() > deadline:
            return None
        time.sleep(0.2)


def own_command() -> str:
    """How this program is called at this terminal, which need not have its folder on PATH."""
    program = Path(sys.executable).with_name("humiao")
    if shutil.which("humiao") or not program.exists():
        return "humiao"
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)


def welcome(city: City, *, demo: bool) -> Panel:
    """The box that says where everything is."""
    from humiao.demo.people import DEMO_FAMILY, DEMO_PHONE  # noqa: PLC0415 - loaded by now

    base = city.url
    pages = f"{base}/h5/" if H5_DIST.is_dir() else "尚未构建 / not built: make web"
    lines = [
        f"居民页面 H5      {pages}",
        f"接口文档 API     {base}/docs",
        f"健康检查 health  {base}/readyz",
        "",
    ]
    if demo:
        family = "、".join(member.name for member in DEMO_FAMILY)
        password = city.demo_password or "密码已改 / its password was changed"
        lines += [
            f"演示登录 login   {DEMO_PHONE}，家人 / family：{family}",
            "                 其他手机号也可以；验证码显示在下面 / any phone; codes below",
            f"演示员工 staff   demo-admin / {password}",
        ]
    else:
        lines.append("登录 login       验证码会显示在下面 / the code appears below")
    lines += [
        f"另开终端 more    {own_command()} sms · status · rush · doctor",
        "停止 stop        Ctrl-C",
    ]
    return Panel("\n".join(lines), title="沪苗 Humiao", expand=False)


async def run_city(settings: Settings, *, demo: bool, console: Console) -> int:
    """Start, watch, stop; returns the exit code. A first signal stops in order, a second at once."""
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def asked() -> None:
        (hurry if stopping.is_set() else stopping).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked)

    terminal = Terminal(console)
    city = City(settings, demo=demo, narrator=terminal)
    try:
        with terminal.bar:
            starting, waiting = asyncio.create_task(city.start()), asyncio.create_task(stopping.wait())
            await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
            try:
                await starting
            except asyncio.CancelledError:
                return 130
        if settings.http_port and city.port != settings.http_port:
            terminal.warning("serve", f"端口 {settings.http_port} 已被占用，改用 {city.port} / port taken")
        console.print(welcome(city, demo=demo))
        await city.watch(stopping)
        return 0
    except AlreadyRunning as running:
        console.print(f"这个城市已在运行 / already running: {running}", style="yellow", highlight=False)
        return 1
    except (ServerFailed, BinariesMissing, NoServerUser) as failure:
        console.print(str(failure), style="red", highlight=False, markup=False)
        return 1
    except PermissionError as refused:
        told = (
            f"{refused.filename or settings.home} 属于其他用户 / belongs to another user: run as that user, or as root"
        )
        console.print(told, style="red", highlight=False, markup=False)
        return 1
    finally:
        if stopping.is_set():
            console.print("正在停止… / stopping (Ctrl-C again: at once)", highlight=False)
        await city.stop(hurry)

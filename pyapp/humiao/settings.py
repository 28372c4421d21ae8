"""Every setting, typed. Nothing else reads the environment. Variables are HUMIAO_<NAME>."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

H5_DIST = Path(__file__).resolve().parents[2] / "web" / "h5" / "dist"  # the resident's pages, once built


class Settings(BaseSettings):
    """Settings of one process. Durations end in _s or _ms, sizes in _bytes."""

    model_config = SettingsConfigDict(env_prefix="HUMIAO_", frozen=True)

    home: Path = Field(Path(".humiao"), description="data, keys and logs of an embedded city")
    demo: bool = Field(False, description="`humiao up` loads the demo city")
    database_url: str | None = Field(None, description="PostgreSQL 15 or newer; none: the embedded server")
    redis_url: str | None = Field(
        None,
        description="Valkey 7.2 or Redis 7 and newer: redis://, rediss://, redis+sentinel:// or redis+cluster://; "
        "none: the embedded server",
    )
    keys_file: Path | None = Field(None, description="key file; none: keys.json below home")

    http_host: str = Field("127.0.0.1", description="address the API listens on")
    http_port: int = Field(8000, ge=0, le=65535, description="0: any free port")
    http_socket: Path | None = Field(None, description="the API listens on this Unix socket instead of a port")
    admin: str | None = Field(
        None,
        pattern=r"^(\[[0-9a-fA-F:]+\]|[^:]+):\d{1,5}$",
        description="host:port on which this process shows its metrics, for operators alone; none: nowhere",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/#?]+)?$",
        description="where residents find the pages, for QR codes; none: codes bear no address",
    )
    max_body_bytes: int = Field(65_536, ge=1024, description="larger requests are refused unread")

    gate: bool = Field(True, description="`humiao up` puts the gate before the API; without it the API takes its port")
    upstream: str = Field("http://127.0.0.1:8001", description="where the gate finds the API: unix:/path or an address")
    gate_threads: int = Field(1, ge=1, le=64, description="threads of the gate that serve connections")
    gate_channel: str = Field("h5", description="the channel through which residents book at the gate")
    trusted_proxies: list[str] = Field([], description="networks whose X-Forwarded-For is believed, as JSON")
    account_per_s: float = Field(2.0, gt=0, description="requests of one account at the gate's hot routes")
    account_burst: int = Field(20, ge=1, description="of one account at once")
    device_per_s: float = Field(2.0, gt=0, description="requests of one login, that is device")
    device_burst: int = Field(20, ge=1, description="of one device at once")
    address_per_s: float = Field(
        200.0, gt=0, description="requests of one address, or one /64 of IPv6; many may share it"
    )
    address_burst: int = Field(1000, ge=1, description="of one address at once")
    share_limits: bool = Field(True, description="gates tell each other through the cache whom they let through")
    limit_penalty_s: float = Field(
        10, ge=0, le=3600, description="how much longer than at one gate somebody waits at most who asked at many"
    )
    gate_connections_max: int = Field(20_000, ge=1, description="open connections of the gate")
    gate_admit_waiting_max: int = Field(4_000, ge=1, description="holds that wait for the cache")
    gate_ledger_waiting_max: int = Field(
        4_000, ge=1, description="holds that wait for the ledger; more are turned away"
    )
    gate_lookups_waiting_max: int = Field(4_000, ge=1, description="lookups of first answers and hold states that wait")
    gate_upstream_max: int = Field(1_000, ge=1, description="requests at the API at a time, uploads apart")
    gate_uploads_max: int = Field(32, ge=1, description="requests with large bodies at a time, sent or at the API")
    gate_answers_max: int = Field(2_000, ge=1, description="answers of the API at a time, until they have been taken")
    gate_streams_max: int = Field(
        10_000, ge=0, description="pages that listen in waiting rooms at a time; the others poll"
    )
    gate_head_timeout_s: float = Field(15, gt=0, description="a request's head, and an idle connection")
    gate_body_timeout_s: float = Field(10, gt=0, description="a small body, and each piece of a large one")
    gate_shed_pause_s: float = Field(
        1, gt=0, le=10, description="how long a connection that was turned away for want of room is not listened to"
    )
    gate_hold_deadline_s: float = Field(10, gt=0, description="a hold is answered within this")
    gate_upstream_timeout_s: float = Field(30, gt=0, description="the API, once sent all, answers within this")
    gate_drain_s: float = Field(10, gt=0, description="how long a stopping gate waits for requests that have begun")
    gate_renew_s: float = Field(0.1, gt=0, description="age at which what is known of a session is fetched anew")
    gate_trust_s: float = Field(0.15, gt=0, description="age up to which it may refuse")
    gate_facts_s: float = Field(60, gt=0, description="how long a window's clinic and stocks are believed")
    gate_sessions_max: int = Field(20_000, ge=2, description="clinic sessions the gate remembers")

    full_retry_s: float = Field(30, gt=0, description="when a full window is worth asking for again")
    hold_ttl_s: int = Field(600, ge=30, description="how long a hold may be confirmed")
    hold_grace_s: int = Field(5, ge=0, description="after its deadline a hold is still confirmed, and not yet expired")
    permit_ttl_ms: int = Field(10_000, ge=500, description="how long a permit to try lives in the cache")
    ledger_connections: int = Field(6, ge=1, description="batches and lookups that are at the ledger at a time")
    ledger_batch_max: int = Field(512, ge=1, description="holds in one ledger statement")
    ledger_lanes: int = Field(
        1,
        ge=1,
        le=64,
        description="statements of the gate that share no counters; more where the database has cores",
    )
    slow_path_limit: int = Field(32, ge=1, description="holds at a time straight to the ledger when the cache is away")
    database_connections: int = Field(12, ge=1, description="for everything but the ledger")

    access_token_ttl_s: int = Field(1800, ge=60, description="access tokens; a revoked login ends with them")
    pass_ttl_s: int = Field(7200, ge=60, description="eligibility passes; got before the rush, good through it")
    refresh_ttl_s: int = Field(30 * 86_400, ge=3600, description="how long a login lasts without being used")
    otp_ttl_s: int = Field(300, ge=30, description="how long a login code is good")
    otp_tries: int = Field(5, ge=1, description="guesses for one login code")

    challenge_cost: int = Field(
        2000,
        ge=1,
        le=1_000_000,
        description="work of a challenge: steps of a key derivation, done some 256 times; under pressure eightfold",
    )
    challenge_ttl_s: int = Field(300, ge=30, description="how long a challenge may be solved and shown")

    quiet_from_hour: int = Field(21, ge=0, le=23, description="reminders are not sent from this hour of the city's day")
    quiet_until_hour: int = Field(8, ge=0, le=23, description="to this; the same hour twice means at any time")
    sms_gateway: Literal["file"] = Field("file", description="file: sms.jsonl below home, shown by `humiao up`")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is written to the logs")

    @property
    def keys_path(self) -> Path:
        """Where the key file is."""
        return self.keys_file or self.home / "keys.json"

    @property
    def sms_path(self) -> Path:
        """Where the file gateway writes messages."""
        return self.home / "sms.jsonl"


def keep_memory() -> None:
    """Let the allocator of a core that is not loaded yet (mimalloc) keep what memory it once had, in small pages.

    Handed back and had again, two megabytes at a time, it is cleared first: up to 20 ms in which a thread of the gate
    answers nobody. What the environment says already stands.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "-1")
    os.environ.setdefault("MIMALLOC_ALLOW_THP", "0")

"""Every setting, typed. Nothing else reads the environment. Variables are HUMIAO_<NAME>."""

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
    max_body_bytes: int = Field(65_536, ge=1024, description="larger requests are refused unread")

    hold_ttl_s: int = Field(600, ge=30, description="how long a hold may be confirmed")
    hold_grace_s: int = Field(5, ge=0, description="after its deadline a hold is still confirmed, and not yet expired")
    permit_ttl_ms: int = Field(10_000, ge=500, description="how long a permit to try lives in the cache")
    ledger_connections: int = Field(6, ge=1, description="batches that are at the ledger at a time")
    ledger_batch_max: int = Field(256, ge=1, description="holds in one ledger statement")
    slow_path_limit: int = Field(32, ge=1, description="holds at a time straight to the ledger when the cache is away")
    database_connections: int = Field(12, ge=1, description="for everything but the ledger")

    access_token_ttl_s: int = Field(1800, ge=60, description="access tokens; a revoked login ends with them")
    refresh_ttl_s: int = Field(30 * 86_400, ge=3600, description="how long a login lasts without being used")
    otp_ttl_s: int = Field(300, ge=30, description="how long a login code is good")
    otp_tries: int = Field(5, ge=1, description="guesses for one login code")

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

"""Every setting, typed. Nothing else reads the environment. Variables are HUMIAO_<NAME>."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one process. Durations end in _s or _ms, sizes in _bytes."""

    model_config = SettingsConfigDict(env_prefix="HUMIAO_", frozen=True)

    home: Path = Field(Path(".humiao"), description="data, keys and logs of an embedded city")
    database_url: str | None = Field(None, description="PostgreSQL 15 or newer; none: the embedded server")
    redis_url: str | None = Field(None, description="redis://, rediss://, redis+sentinel:// or redis+cluster://")
    keys_file: Path | None = Field(None, description="key file; none: keys.json below home")

    http_host: str = "127.0.0.1"
    http_port: int = Field(8000, ge=0, le=65535, description="0: any free port")
    max_body_bytes: int = 65_536

    hold_ttl_s: int = Field(600, ge=30, description="how long a hold may be confirmed")
    hold_grace_s: int = Field(5, ge=0, description="after its deadline a hold is still confirmed, and not yet expired")
    permit_ttl_ms: int = Field(10_000, ge=500, description="how long a permit to try lives in the cache")
    ledger_connections: int = 3
    ledger_batch_max: int = 256
    slow_path_limit: int = Field(32, description="holds at a time straight to the ledger when the cache is away")
    database_connections: int = 12

    access_token_ttl_s: int = 1800
    refresh_ttl_s: int = 30 * 86_400
    otp_ttl_s: int = 300
    otp_tries: int = 5

    sms_gateway: Literal["file"] = Field("file", description="file: sms.jsonl below home, shown by `humiao up`")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def keys_path(self) -> Path:
        """Where the key file is."""
        return self.keys_file or self.home / "keys.json"

    @property
    def sms_path(self) -> Path:
        """Where the file gateway writes messages."""
        return self.home / "sms.jsonl"

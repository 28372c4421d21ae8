"""An embedded Valkey: append-only file synced every second, password needed, never evicting, on a loopback port."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from secrets import token_urlsafe

from humiao.embedded import binaries, process
from humiao.embedded.user import own, place_for_data, reach_copy, server_user


class ValkeyFailed(Exception):
    """The server did not come up; the message ends with the last lines of its log."""


class Valkey:
    """One server with its data below `home`/valkey. What it holds can be lost at any time without harm."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._user = server_user()
        self._log = home / "logs" / "valkey.log"
        self._port_file = home / "run" / "valkey.port"
        self._password_file = home / "run" / "valkey.password"
        self._pid_file = home / "run" / "valkey.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address with its password, for HUMIAO_REDIS_URL."""
        return f"redis://:{self._password_file.read_text(encoding='utf-8')}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """End a leftover server of this data, start, and wait until it accepts connections."""
        data = place_for_data(self._home / "valkey", self._user)
        (self._home / "run").mkdir(parents=True, exist_ok=True)
        if not self._password_file.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(token_urlsafe(24), encoding="utf-8")
        own(data, self._user)
        if self._pid_file.exists():
            process.end_stranger(int(self._pid_file.read_text()), "valkey-server", ask=signal.SIGTERM)
        if not (self.port and process.port_is_free(self.port)):
            self.port = self._choose_port()
        server = binaries.find_valkey()
        copy = reach_copy((server,), self._user, "valkey")
        config = data / "valkey.conf"  # the password stays off the command line
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {data}\nrequirepass {self._password_file.read_text()}\n"
            'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\ndaemonize no\n'
        )
        own(data, self._user)
        self._process = process.start(
            [server if copy is None else copy / server.name, config], user=self._user, log=self._log
        )
        self._pid_file.write_text(str(self._process.pid))
        deadline = time.monotonic() + 20
        while True:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ValkeyFailed("\n".join(self._log.read_text(errors="replace").splitlines()[-10:]))
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=0.2).close()
                return
            except OSError:
                time.sleep(0.01)

    def _choose_port(self) -> int:
        if self._port_file.exists():
            remembered = int(self._port_file.read_text())
            if process.port_is_free(remembered):
                return remembered
        port = process.free_port()
        self._port_file.write_text(str(port))
        return port

    def kill(self) -> None:
        """kill -9, as a fault."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(5)
        self._process = None

    def wipe(self) -> None:
        """Forget everything it had written; the next start is an empty one."""
        data = place_for_data(self._home / "valkey", self._user)
        shutil.rmtree(data / "appendonlydir", ignore_errors=True)

    def stop(self) -> None:
        """Orderly shutdown; returns when the server is gone."""
        if self._process:
            process.stop(self._process, ask=signal.SIGTERM, patience_s=10)
            self._process = None
        self._pid_file.unlink(missing_ok=True)

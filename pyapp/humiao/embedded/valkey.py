"""An embedded Valkey: password needed, never evicting, on a loopback port, and nothing of it on disk.

What it says is copied from the ledger and asked for where it is missing; its file would share a disk with the ledger's
log, and commits would wait for it (docs/decisions/0022).
"""

import signal
import socket
from pathlib import Path

from humiao.embedded import binaries
from humiao.embedded.process import Steps
from humiao.embedded.server import Server, new_password
from humiao.embedded.user import own, reach_copy


class Valkey(Server):
    """One server with its data below `home`/valkey. What it holds can be lost at any time without harm."""

    name = "valkey"
    programs = ("valkey-server", "redis-server")
    stop_signal = signal.SIGTERM
    start_patience_s = 30.0

    @property
    def url(self) -> str:
        """The address with its password, for HUMIAO_REDIS_URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _prepare(self, data: Path) -> Steps:
        own(data, self._user)
        if not (data / "password").exists():
            self._write(data / "password", new_password())
        yield

    def _command(self, data: Path) -> list[str | Path]:
        server = binaries.find_valkey()
        # The password stays off the command line; the name of the file keeps the marker on it.
        configuration = data / f"{self.marker}.conf"
        self._write(
            configuration,
            f'bind 127.0.0.1\nport {self.port}\ndir "{data}"\nrequirepass {self.password}\nset-proc-title no\n'
            'appendonly no\nsave ""\nmaxmemory-policy noeviction\ndaemonize no\n',
        )
        return [reach_copy(server, (server,), self._user, data.parent / "binaries"), configuration]

    def _answers(self, data: Path) -> bool:
        """It takes the password and answers PING."""
        del data
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

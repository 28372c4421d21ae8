"""Polls of a waiting room: everybody asks where they stand, of a gate that knows all of them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from bench.rush.contenders import Gate
from bench.rush.people import Signer
from bench.rush.single import ask
from bench.rush.stage import CONNECTIONS, Stage
from bench.rush.wrk import Shot, wrk

OPEN = """INSERT INTO rooms (scope, title, opens_at, rate_milli, commitment, secret_sealed, secret, tickets_digest,
                             seed, drawn_at, enforced_from, opened_by, places, waiting, present)
          VALUES ('session', 'bench', now() - interval '1 minute', 1000, $1, '', $1, $1, $1, now(), now(), 'bench',
                  $2, $2, $3) RETURNING room_id"""
ENTER = """INSERT INTO room_entries (ticket, room_id, person_id, channel, early, place)
           SELECT t.ticket, $1, t.person, 'h5', true, t.place
           FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS t (ticket, person, place)"""


@dataclass(frozen=True)
class Polls:
    """One round: what wrk saw, and the length of one answer (bytes)."""

    shot: Shot
    body_bytes: int

    @property
    def per_s(self) -> float:
        return self.shot.answered / self.shot.seconds


async def fill(stage: Stage, gate: Gate) -> Path:
    """A room in which all residents of the stage wait; the file of their polls, when the gate knows them."""
    people = stage.people.ids
    tickets = [uuid4() for _ in people]
    present = b"\xff" * (len(people) // 8)
    room_id: int = await stage.town.sql.fetchval(OPEN, bytes(32), len(people), present)
    await stage.town.sql.execute(ENTER, room_id, tickets, people)
    signer, path = Signer(stage.town.keys.token_keys[0]), stage.folder / "polls"
    with path.open("wb", buffering=1 << 20) as file:
        for person, ticket in zip(people, tickets, strict=True):
            request = _poll(signer, room_id, person, ticket)
            file.write(b"%05d\n%b" % (len(request), request))
    last = [request]
    async with asyncio.timeout(60):
        while (await ask(gate.port, last))[0].status != 200:  # noqa: ASYNC110 - another process tells only who asks
            await asyncio.sleep(0.1)
    return path


def _poll(signer: Signer, room_id: int, person: UUID, ticket: UUID) -> bytes:
    name = str(person)
    token = signer.sign("resident", {"sub": name, "sid": name})
    shown = signer.sign("room", {"sub": name, "acc": name, "room": room_id, "tkt": str(ticket)})
    return (
        b"GET /api/v1/resident/rooms/%d/place HTTP/1.1\r\nHost: humiao.test\r\nAuthorization: Bearer %b\r\n"
        b"Room-Ticket: %b\r\n\r\n" % (room_id, token, shown)
    )


async def polled(gate: Gate, path: Path, *, seconds: float) -> Polls:
    """A round. Raises AssertionError where anybody is refused."""
    with path.open("rb") as file:
        request = file.read(int(file.read(6)))
    (reply,) = await ask(gate.port, [request])
    shot = await wrk(gate.port, path, connections=CONNECTIONS, seconds=seconds, loop=True)
    assert reply.status == 200 and shot.refused == 0, (reply, shot)
    return Polls(shot, len(reply.body))

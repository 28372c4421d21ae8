"""What the worker tells of its loops, of what it ended, mended and owes."""

import asyncio

from prometheus_client import CollectorRegistry

from humiao.messaging.outbox import OutboxSender
from humiao.worker.meters import WorkerMeters
from humiao.worker.run import _every
from humiao.worker.tasks import Backlog, Reconciler, expire_holds
from tests.factories import make_session
from tests.unit.worker.conftest import Workshop
from tests.unit.worker.test_expiry import holds_past_their_deadline


async def test_expired_holds_are_counted(workshop: Workshop) -> None:
    registry = CollectorRegistry()
    world = await make_session(workshop.connection, capacity=3)
    await holds_past_their_deadline(workshop, world, 3)
    await expire_holds(workshop.ledger, workshop.gatekeeper, WorkerMeters(registry))
    assert registry.get_sample_value("humiao_worker_holds_expired_total") == 3


async def test_a_walk_counts_what_it_compared_and_mended(workshop: Workshop) -> None:
    registry = CollectorRegistry()
    world = await make_session(workshop.connection, capacity=3)
    await workshop.gatekeeper.forget([world.session_id])
    reconciler = Reconciler(workshop.database, workshop.gatekeeper, WorkerMeters(registry))
    while await reconciler.step():
        pass
    first = registry.get_sample_value("humiao_worker_sessions_mended_total")
    assert first is not None and first >= 1
    assert registry.get_sample_value("humiao_worker_walks_total") == 1
    while await reconciler.step():
        pass
    assert registry.get_sample_value("humiao_worker_sessions_mended_total") == first, "nothing left to mend"
    compared = registry.get_sample_value("humiao_worker_sessions_compared_total")
    assert compared is not None and compared >= 2 * first


async def test_a_loop_tells_when_it_last_went_well(workshop: Workshop) -> None:
    del workshop
    registry = CollectorRegistry()
    clock = iter([100.0, 300.0])  # it begins, and goes well once
    seen: list[float | None] = []
    went = asyncio.Event()

    async def work() -> int:
        seen.append(registry.get_sample_value("humiao_worker_last_run_timestamp_seconds", {"loop": "expire"}))
        if len(seen) == 1:
            raise RuntimeError("broken")
        if len(seen) == 3:
            went.set()
            await asyncio.Event().wait()
        return 0

    loop = asyncio.create_task(_every(0, "expire", work, WorkerMeters(registry), lambda: next(clock)))
    async with asyncio.timeout(10):
        await went.wait()
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert seen == [100.0, 100.0, 300.0], "that it failed does not count as having gone well"
    for ending in ("failed", "done"):
        assert registry.get_sample_value("humiao_worker_runs_total", {"loop": "expire", "ending": ending}) == 1


class Taking:
    """A provider that takes all."""

    async def send(self, phone: str, text: str) -> None:
        """Takes it."""


async def test_messages_are_counted_by_what_became_of_them_and_the_backlog_is_told(workshop: Workshop) -> None:
    registry = CollectorRegistry()
    meters = WorkerMeters(registry)
    connection, vault = workshop.connection, workshop.vault
    backlog = Backlog(workshop.database, meters)
    await connection.execute("DELETE FROM outbox_messages")
    await backlog.step()
    assert registry.get_sample_value("humiao_worker_outbox_waiting") == 0
    assert registry.get_sample_value("humiao_worker_outbox_lag_seconds") == 0
    await connection.execute(
        "INSERT INTO outbox_messages (topic, subject, created_at)"
        " VALUES ('no.such.topic', 'claim:0', now() - interval '90 seconds')"
    )
    await backlog.step()
    assert registry.get_sample_value("humiao_worker_outbox_waiting") == 1
    lag_s = registry.get_sample_value("humiao_worker_outbox_lag_seconds")
    assert lag_s is not None and 90 <= lag_s < 120
    sender = OutboxSender(
        workshop.database, vault, Taking(), on_try=lambda ending: meters.messages.labels(ending).inc()
    )
    await sender.send_due()
    assert registry.get_sample_value("humiao_worker_messages_total", {"ending": "given_up"}) == 1
    await backlog.step()
    assert registry.get_sample_value("humiao_worker_outbox_waiting") == 0

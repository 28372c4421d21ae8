"""What an SRE sees of a worker: whether it leads, when each loop last went well, what it found to mend and to send."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from humiao.kit.meters import SECONDS
from humiao.messaging.outbox import REMINDER_ENDINGS
from humiao.reminders.service import KINDS

LOOPS = ("expire", "offers", "outbox", "rooms", "ranks", "reconcile", "housekeeping", "backlog", "due",
         "appointments", "rechecks", "no_shows", "city_count")  # fmt: skip


class WorkerMeters:
    """One per process; a process that does not lead shows `leading` 0 and counters that stand still."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.leading = Gauge("humiao_worker_leading", "1 while this process leads", registry=registry)
        self.runs = Counter(
            "humiao_worker_runs", "Rounds of a loop, by how they ended", ["loop", "ending"], registry=registry
        )
        self.last_run = Gauge(
            "humiao_worker_last_run_timestamp_seconds",
            "When a loop last ended well, or began",
            ["loop"],
            registry=registry,
        )
        self.seconds = Histogram(
            "humiao_worker_run_seconds", "One round of a loop", ["loop"], buckets=SECONDS, registry=registry
        )
        self.expired = Counter("humiao_worker_holds_expired", "Holds expired", registry=registry)
        self.offers = Counter("humiao_worker_offers", "Offers made to those who wait", registry=registry)
        self.walks = Counter("humiao_worker_walks", "Walks of the reconciler over all sessions", registry=registry)
        self.compared = Counter("humiao_worker_sessions_compared", "Sessions compared", registry=registry)
        self.mended = Counter(
            "humiao_worker_sessions_mended", "Sessions of which the cache said something else", registry=registry
        )
        self.messages = Counter(
            "humiao_worker_messages", "Messages of the outbox, by what became of a try", ["ending"], registry=registry
        )
        self.waiting = Gauge("humiao_worker_outbox_waiting", "Messages that are owed", registry=registry)
        self.lag = Gauge(
            "humiao_worker_outbox_lag_seconds", "Age of the oldest message owed that cannot wait", registry=registry
        )
        self.planned = Counter(
            "humiao_worker_reminders_planned", "Reminders planned, each one message", ["kind"], registry=registry
        )
        self.reminders = Counter(
            "humiao_worker_reminders",
            "Reminders that came up to be sent: sent, put off, or suppressed, and why",
            ["topic", "ending"],
            registry=registry,
        )
        for kind in KINDS:
            self.planned.labels(kind)
        for topic in ("dose", "appointment"):
            for ending in REMINDER_ENDINGS:
                self.reminders.labels(topic, ending)
        for loop in LOOPS:
            for ending in ("done", "failed"):
                self.runs.labels(loop, ending)
        for ending in ("sent", "later", "given_up"):
            self.messages.labels(ending)

"""What an SRE sees of the booking road: batches at the ledger, lanes, and what the cache says."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from humiao.kit.meters import BATCH_SIZES, SECONDS

STATEMENTS = ("hold", "confirm", "end", "reschedule", "expire")
ENDINGS = ("committed", "transient", "spoilt", "away")


class LedgerMeters:
    """Batches at the ledger, by what they do: hold, confirm, end, reschedule, expire."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.batch_size = Histogram(
            "humiao_ledger_batch_size", "Wishes in one batch", ["statement"], buckets=BATCH_SIZES, registry=registry
        )
        self.seconds = Histogram(
            "humiao_ledger_seconds", "One try of a batch, commit included", ["statement"], buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self.tries = Counter(
            "humiao_ledger_tries", "Tries of a batch, by how they ended", ["statement", "ending"], registry=registry
        )
        self.unknown = Counter(
            "humiao_ledger_unknown", "Wishes whose outcome could not be learned in time", ["statement"],
            registry=registry,
        )  # fmt: skip
        for statement in STATEMENTS:
            self.unknown.labels(statement)
            for ending in ENDINGS:
                self.tries.labels(statement, ending)


class LaneMeters:
    """Wishes that wait in this process for their turn at the ledger, by lane."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._waiting = Gauge("humiao_ledger_waiting", "Wishes queued", ["lane"], registry=registry)
        self.full = Counter("humiao_ledger_lane_full", "Wishes turned away by a full lane", registry=registry)

    def watch(self, lane: str, waiting: Callable[[], int]) -> None:
        """Show how many wait in this lane."""
        self._waiting.labels(lane).set_function(waiting)


class CacheMeters:
    """What the cache says, as the gatekeeper of this process hears it.

    Without `shows_up` it does not say whether the cache is up: the gate hears that oftener from its own tries.
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, shows_up: bool = True) -> None:
        self.up = Gauge(
            "humiao_cache_up", "1 when the cache answered the last time it was asked",
            registry=registry if shows_up else None,
        )  # fmt: skip
        self.answers = Counter("humiao_cache_answers", "Answers to tries, by outcome", ["outcome"], registry=registry)
        self.batch_size = Histogram(
            "humiao_cache_batch_size", "Answers that came at once", buckets=BATCH_SIZES, registry=registry
        )
        self.settlements = Counter(
            "humiao_cache_settlements", "Settlements, by whether the cache took them", ["outcome"], registry=registry
        )
        self.loads = Counter(
            "humiao_cache_loads", "Clinic sessions copied into the cache", ["outcome"], registry=registry
        )
        self.up.set(float("nan"))  # not asked yet
        for outcome in ("done", "away"):
            self.settlements.labels(outcome)
            self.loads.labels(outcome)

    def seen(self, *, away: bool) -> None:
        """The cache answered, or did not."""
        self.up.set(0 if away else 1)

"""What an SRE sees of the budgets of messages: the breaker."""

from prometheus_client import CollectorRegistry, Counter

from humiao.antiabuse.budgets import Ended


class BreakerMeter:
    """Openings of the city's breaker, as this process met them."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._opened = Counter(
            "humiao_sms_breaker_opened", "Openings of the city's breaker that this process met", registry=registry
        )

    def opened(self, _: Ended) -> None:
        """A budget of the city has ended."""
        self._opened.inc()

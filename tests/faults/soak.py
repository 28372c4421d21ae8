"""`make soak`: a city of its own, rush after rush with faults drawn by a seed; the sum is printed as JSON, exit code 1
where a rush went wrong."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from humiao.rush.soak import Soak, soak
from humiao.rush.verdict import Verdict
from humiao.settings import Settings
from tests.faults.city import city


def tell(total: Soak, verdict: Verdict) -> None:
    struck = " ".join(f"{fault} {count}" for fault, count in verdict.struck.items())
    lost, oversold = total.violations["lost"], total.violations["oversold"]
    print(
        f"{total.seconds:6.0f} s  rush {total.rushes}: {'good' if verdict.good else 'BAD'}, {struck}; so far"
        f" acknowledged {total.acknowledged} of {total.expected}, lost {lost}, oversold {oversold}",
        flush=True,
    )


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--residents", type=int, default=2000)
    options.add_argument("--places", type=int, default=300)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="humiao-soak-") as folder:
        Path(folder).chmod(0o755)  # the servers' user passes through
        with city(Path(folder) / "home") as running:
            running.start()
            noted = running.noted()
            settings = Settings(home=running.home, database_url=noted["database_url"], redis_url=noted["redis_url"])
            total = asyncio.run(
                soak(
                    settings, noted["url"], minutes=chosen.minutes, seed=chosen.seed, residents=chosen.residents,
                    places=chosen.places, on_rush=tell,
                )
            )  # fmt: skip
    print(json.dumps(total.as_json(), indent=1))
    return 0 if total.good else 1


if __name__ == "__main__":
    sys.exit(main())

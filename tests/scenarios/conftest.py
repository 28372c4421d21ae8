"""A city as `humiao up` makes it, for what is rehearsed and what operators see."""

from collections.abc import Iterator

import pytest

from tests.faults.city import RunningCity, city


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCity]:
    with city(tmp_path_factory.mktemp("rush") / "home") as found:
        yield found.start()

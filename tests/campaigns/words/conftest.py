"""A campaign that several tests read."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.loop import run_campaign
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a finished campaign with an incumbent, some of whose oracle calls failed."""
    place = tmp_path_factory.mktemp("recorded") / "campaign"
    config = toy_config(better_than={"incumbent": "CdTe", "on": ["toxicity"]})
    oracle = FakeOracle(failing=True)
    run_campaign(config, place, machinery=toy_machinery(config, oracle))
    return place

from __future__ import annotations

import pytest
import torch

from models.denormals import flushed_denormals


@pytest.mark.parametrize("before", [False, True])
def test_denormals_are_as_they_were_afterwards(before):
    tiny = torch.tensor(1e-39)
    torch.set_flush_denormal(before)
    try:
        with flushed_denormals():
            assert (tiny * 1.0).item() == 0.0
        assert ((tiny * 1.0).item() == 0.0) is before
    finally:
        torch.set_flush_denormal(False)


def test_denormals_are_as_they_were_after_a_failure():
    with pytest.raises(ZeroDivisionError), flushed_denormals():
        1 / 0  # noqa: B018
    assert (torch.tensor(1e-39) * 1.0).item() != 0.0

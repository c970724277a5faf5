"""What a round freed does not stay with the process."""

from __future__ import annotations

import ctypes
import sys

import psutil
import pytest

from campaigns.heap import trim


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="glibc's own",
)
def test_what_was_freed_goes_back_to_the_system() -> None:
    pieces = [b"x" * 60_000 for _ in range(3000)]  # 180 MB, each below mmap's threshold
    pin = b"x" * 60_000  # behind them, so that the heap cannot shrink by itself
    pieces.clear()
    before = psutil.Process().memory_info().rss
    trim()
    assert before - psutil.Process().memory_info().rss > 100e6
    assert len(pin) == 60_000

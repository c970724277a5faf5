"""Opens a page when its server answers: ``python -m campaigns.tracking.opening URL``."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable

PATIENCE = 120.0
"""s"""


def open_page(
    page: str,
    *,
    patience: float = PATIENCE,
    browser: Callable[[str], bool] = webbrowser.open,
) -> bool:
    """Open the page as soon as its server says anything; whether that was in time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(page, timeout=2).close()  # noqa: S310  # nosec B310
        except urllib.error.HTTPError:
            return browser(page)  # it asks for a password, say
        except OSError:
            time.sleep(0.3)
        else:
            return browser(page)
    return False


if __name__ == "__main__":
    open_page(sys.argv[1])

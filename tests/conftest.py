"""What all tests rely on."""

from __future__ import annotations

import os
import signal

# A shell that runs the tests in the background has them ignore Ctrl-C, and whatever they start
# inherits that: then what tests about interruptions send is never heard.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Commands speak the language of whoever runs them; tests read English.
os.environ["LANGUAGE"] = "en"

# Ray lets its workers wait for everybody else (nice 15); beside two other tests they would
# take minutes to load a model.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - it is called so

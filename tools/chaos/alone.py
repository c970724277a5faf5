"""``python -m tools.chaos.alone`` is ``galena``, after what a run's environment sets up."""

from __future__ import annotations

if __name__ == "__main__":
    from tools.chaos.faults.setups import begin

    begin()
    from campaigns.cli.app import main

    main()

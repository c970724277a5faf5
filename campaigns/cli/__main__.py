"""``python -m campaigns.cli`` is ``galena``."""

from campaigns.cli.app import main

main()

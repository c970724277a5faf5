"""Make or check ``notebooks/campaign``, the finished campaign that the notebooks open.

Usage: python tools/example_campaign.py            # run it again and replace what is there
       python tools/example_campaign.py --check    # run it again and compare the shortlists

It takes a few minutes of one core. On another processor, rounding may lead the search another
way in its later rounds; so not every candidate must be met again, but what both runs judged
must have come out alike.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.loop import run_campaign
from campaigns.results import open_view
from campaigns.view import CampaignView

SPEC = Path("notebooks/small_absorber.yaml")
KEPT = Path("notebooks/campaign")
TOLERANCES = {"energy_above_hull": 0.005, "band_gap": 0.02, "score": 0.02}
"""eV/atom, eV and 1; the potential and the network compute in single precision."""
SHARED = 0.5
"""Of the shortlist kept, at least so much must be found again."""


def main() -> int:
    """Run the campaign in a temporary folder; exit with 1 if it differs from what is kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and change nothing")
    check = parser.parse_args().check
    started = time.monotonic()
    with TemporaryDirectory(prefix="galena-") as temporary:
        folder = Path(temporary) / "campaign"
        view = run_campaign(CampaignConfig.load(SPEC), folder)
        print(f"{view.name}: {view.status}, {len(view.shortlist)} hits, "
              f"{time.monotonic() - started:.0f} s")  # fmt: skip
        if not check:
            keep(CampaignFolder(folder), KEPT)
            return 0
    faults = differences(open_view(KEPT), view)
    for fault in faults:
        print(f"FAIL {fault}")
    if not faults:
        print(f"ok   the shortlist of {KEPT} is what the code of today finds")
    return 1 if faults else 0


def keep(made: CampaignFolder, folder: Path) -> None:
    """Put specification and ledger into ``folder``, the ledger without empty pages."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = CampaignFolder(folder)
    shutil.copyfile(made.spec, kept.spec)
    kept.ledger.unlink(missing_ok=True)
    with closing(sqlite3.connect(made.ledger)) as ledger:
        ledger.execute("VACUUM INTO ?", (str(kept.ledger),))


def differences(kept: CampaignView, again: CampaignView) -> list[str]:
    """What came out otherwise, in words; empty where both agree."""
    faults = []
    if again.status != kept.status:
        faults.append(f"status: {again.status}, kept is {kept.status}")
    if CampaignConfig.model_validate(dict(kept.spec)) != CampaignConfig.load(SPEC):
        faults.append(f"specification: {KEPT} was made from another; make it again")
    old, new = (view.verdicts.set_index("candidate_id") for view in (kept, again))
    hits = list(kept.shortlist["candidate_id"])
    met = [name for name in hits if name in new.index]
    if len(met) < SHARED * len(hits):
        faults.append(f"shortlist: {len(met)} of {len(hits)} hits were met again")
    for name in met:
        for column, tolerance in TOLERANCES.items():
            before, now = float(old.loc[name, column]), float(new.loc[name, column])
            if not abs(now - before) <= tolerance:
                formula = old.loc[name, "formula"]
                faults.append(f"{formula} {column}: {now:.4f}, kept is {before:.4f}")
    return faults


if __name__ == "__main__":
    sys.exit(main())

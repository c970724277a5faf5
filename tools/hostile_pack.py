"""The hostile pack: ``python tools/hostile_pack.py FOLDER`` makes it and opens it item by item.

Archives that lead out, bombs, pickles under other names, scripts in titles, links, pipes,
specifications that start programs. Every item is opened with the ``galena`` command that people
would open it with. Ends with 1 if any got through.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console
from rich.table import Table

from tools.hostile import ITEMS
from tools.hostile.item import Place
from tools.hostile.run import Result, in_process_of_its_own, prepare, try_item


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder")
    parser.add_argument("--only", default="", help="items with this in their name")
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    if folder.exists():
        parser.error(f"{folder} is there already: give a new folder")
    prepare()
    results = []
    for number, item in enumerate(ITEMS, start=1):
        if options.only in item.name:
            place = Place(folder / f"{number:02d}", folder / "outside")
            result = try_item(item, place, in_process_of_its_own)
            results.append(result)
            faults = "; ".join(result.faults)
            sys.stderr.write(f"{result.outcome:12} {item.name} {faults}\n")
    Console(width=200, markup=False, emoji=False).print(table(results))
    through = [each for each in results if each.faults]
    for each in through:
        print(f"\n{each.item.name}: {'; '.join(each.faults)}\n{each.ended.text[-2000:]!a}")
    print(f"{len(results)} items, {len(through)} got through")
    return bool(through)


def table(results: list[Result]) -> Table:
    grid = Table(box=None, pad_edge=False)
    for title in ("item", "command", "outcome", "s", "CPU s", "MiB", "what was said"):
        right = title in {"s", "CPU s", "MiB"}
        grid.add_column(title, justify="right" if right else "left", no_wrap=True)
    for each in results:
        grid.add_row(
            each.item.name,
            each.command,
            each.outcome,
            f"{each.ended.seconds:.1f}",
            f"{each.ended.busy:.1f}",
            f"{each.ended.mebibytes:.0f}",
            each.said[:110],
        )
    return grid


if __name__ == "__main__":
    sys.exit(main())

"""Write notebook 01 in the other languages, from the English one and the catalogues.

Usage: python tools/translate_notebook.py           # write and execute all of them
       python tools/translate_notebook.py --check   # say which is not current, and exit with 1

A paragraph, a heading or an item of a list is one message, and so is the text for those who
cannot see a picture. Code stays as it is but for ``lang=``, which makes its output speak too.
What has no translation yet stays English.
"""

from __future__ import annotations

import argparse
import sys
from copy import deepcopy
from pathlib import Path

from nbformat import NotebookNode

from campaigns.words import LANGUAGES, Words, words

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that tools find each other when run as scripts

from tools.notebook_text import TRANSLATED, blocks  # noqa: E402
from tools.notebooks import keep, read, write  # noqa: E402

SOURCE = ROOT / TRANSLATED
LOAD = 'Campaign.load("campaign")'


def main() -> int:
    """Write the notebooks, or compare their sources with what would be written."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and change nothing")
    check = parser.parse_args().check
    stale = [path for path in places().values() if check and not is_current(path)]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: run python tools/translate_notebook.py")
    if check:
        return 1 if stale else 0
    for language, path in places().items():
        write(translated(read(SOURCE), words(language)), path)
    return keep(list(places().values()))


def places() -> dict[str, Path]:
    """Where each language's notebook is."""
    others = [code for code in LANGUAGES if code != "en"]
    return {code: SOURCE.with_suffix(f".{code}.ipynb") for code in others}


def is_current(path: Path) -> bool:
    """Whether a notebook says what it would if it were written now; outputs aside."""
    if not path.exists():
        return False
    language = path.suffixes[-2].removeprefix(".")
    wanted, there = translated(read(SOURCE), words(language)), read(path)
    return [c.source for c in wanted.cells] == [c.source for c in there.cells]


def translated(notebook: NotebookNode, say: Words) -> NotebookNode:
    """The same notebook in another language, without outputs."""
    new = deepcopy(notebook)
    new.metadata["lang"] = say.language
    for cell in new.cells:
        if cell.cell_type == "markdown":
            cell.source = "".join(
                text if mark is None else mark + said(text, say)
                for mark, text in blocks(cell.source)
            )
            continue
        cell.source = cell.source.replace(LOAD, f'{LOAD[:-1]}, lang="{say.language}")')
        cell.outputs, cell.execution_count = [], None
        if "alt" in cell.metadata:
            cell.metadata.alt = said(cell.metadata.alt, say)
    return new


def said(message: str, say: Words) -> str:
    """A message in another language; what is in braces is text here, no placeholder."""
    return say.catalogue.gettext(message)


if __name__ == "__main__":
    sys.exit(main())

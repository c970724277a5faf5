"""Known vulnerabilities of the pinned dependencies, as PyPI tells of them: ``make audit``.

Ends with 1 if there is any. Says how many packages were not looked up, and where that is all
of them, that nothing is known; it ends with 0 then, so that a machine without a network can
check the rest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_COMMAND = ("-m", "pip_audit", "--vulnerability-service", "pypi", "--format", "json")
OUT_OF_REACH = (
    "pip-audit: PyPI's advisories were out of reach and not one package was looked up: "
    "nothing is known of their vulnerabilities"
)
_AS_PINNED = ("--no-deps", "--disable-pip", "--progress-spinner", "off")


def main() -> int:
    pins = Path(__file__).parents[1] / "constraints.txt"
    done = subprocess.run(
        [sys.executable, *_COMMAND, *_AS_PINNED, "--requirement", str(pins)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"{OUT_OF_REACH} ({' '.join(done.stderr.split())[-300:]})")
        return 0
    print("\n".join(summary(found)))
    return int(any(package.get("vulns") for package in found))


def summary(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each vulnerability, and what was and was not looked up."""
    lines = []
    for package in found:
        for each in package.get("vulns") or ():
            fixed = ", ".join(each["fix_versions"]) or "no version yet"
            lines.append(
                f"{package['name']} {package['version']}: {each['id']}, fixed: {fixed}"
            )
    skipped = sum("skip_reason" in package for package in found)
    if skipped == len(found):
        return [OUT_OF_REACH]
    lines.append(f"pip-audit: {len(found) - skipped} of {len(found)} packages looked up")
    if skipped:
        lines.append(
            f"{skipped} not: PyPI's advisories do not know them, or were out of reach"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())

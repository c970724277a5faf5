"""Write build/sbom.cdx.json: what Galena is made of, in CycloneDX 1.6.

    .venv/bin/python tools/sbom.py [OUTPUT]

cyclonedx-py lists the environment that this runs in. Added are: the licence of each library
as on docs/licences.md, its lock with the lock's own hash, whether Galena needs it to run, and
the weights and data that ship, each with hash and licence. The result is validated against
the schema. Nothing in it depends on the hour or the machine's folders.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import licence_terms as terms
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from licences import OURS, Row, rows
from lock import LOCKS, ROOT

PACKAGES = ("materials", "models", "campaigns")
DATA = {".csv", ".gz", ".json", ".jsonl", ".safetensors", ".xz"}
SCOPES = {
    "runtime": "required",
    "sdists": "required",
    "torch": "required",
    "cuda": "required",
}
"""Lock -> scope; those of other locks build, test or extend Galena: optional."""

Bom = dict[str, Any]


def environment() -> Bom:
    """What cyclonedx-py finds; validated afterwards, with what is added."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--no-validate"]
    command += ["--pyproject", "pyproject.toml", "--output-reproducible", "--of", "JSON"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"cyclonedx-py found no bill of materials:\n{done.stderr}")
    bom: Bom = json.loads(done.stdout)
    return bom


def shipped() -> Iterator[Path]:
    """Data and weights in the packages, in order, relative to the root."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in DATA:
                yield path.relative_to(ROOT)


def terms_of(path: Path) -> str:
    """Licence of a file that ships: that of the first pattern that fits."""
    for pattern, licence in terms.SHIPPED.items():
        if fnmatch(path.as_posix(), pattern):
            return licence
    sys.exit(f"{path}: whose is it? Add it to SHIPPED in tools/licence_terms.py")


def sha256(path: Path) -> str:
    """Hash of a file under the root."""
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()


def component(path: Path) -> Bom:
    """A file of weights or data."""
    weights = path.suffix == ".safetensors" or "weights" in path.parts
    return {
        "type": "machine-learning-model" if weights else "data",
        "bom-ref": path.as_posix(),
        "name": path.as_posix(),
        "hashes": [{"alg": "SHA-256", "content": sha256(path)}],
        "licenses": [{"expression": terms_of(path)}],
        "scope": "required",
    }


def complete(bom: Bom) -> Bom:
    """Add licences, locks, scopes and what ships; in place and returned."""
    known = {row.name: row for row in rows()}
    libraries = [_library(each, known) for each in bom["components"] if _key(each) != OURS]
    files = [
        component(path) for path in shipped() if terms_of(path) not in terms.NOT_DISTRIBUTED
    ]
    bom["components"] = libraries + files
    refs = {each["bom-ref"] for each in bom["components"]} | {"root-component"}
    bom["dependencies"] = [
        {**each, "dependsOn": [ref for ref in each.get("dependsOn", []) if ref in refs]}
        for each in bom["dependencies"]
        if each["ref"] in refs
    ]
    (root,) = (each for each in bom["dependencies"] if each["ref"] == "root-component")
    root["dependsOn"] += [each["bom-ref"] for each in files]
    bom["metadata"]["properties"] = [
        *bom["metadata"].get("properties", []),
        *(
            {"name": f"galena:sha256:tools/locks/{path.name}", "value": sha256(path)}
            for path in sorted(LOCKS.glob("*.txt"))
        ),
    ]
    return bom


def _key(found: Bom) -> str:
    return re.sub(r"[-_.]+", "-", found["name"]).lower()


def _library(found: Bom, known: dict[str, Row]) -> Bom:
    # the purl leads to a library's pages; checking each of their addresses takes half a minute
    found = {key: value for key, value in found.items() if key != "externalReferences"}
    row = known.get(_key(found))
    if row is None:
        return {**found, "scope": "excluded"}
    return {
        **found,
        "licenses": [{"expression": row.licence}],
        "scope": SCOPES.get(row.lock, "optional"),
        "properties": [{"name": "galena:lock", "value": f"tools/locks/{row.lock}.txt"}],
    }


def validated(text: str) -> object:
    """What in a bill does not fit the schema of CycloneDX 1.6; None if all does."""
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "output", nargs="?", type=Path, default=ROOT / "build/sbom.cdx.json"
    )
    output = parser.parse_args().output
    bom = complete(environment())
    text = json.dumps(bom, indent=2, ensure_ascii=False) + "\n"
    if error := validated(text):
        sys.exit(f"the bill of materials does not fit its schema: {error}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    count = [each["type"] for each in bom["components"]]
    print(
        f"{output}: {count.count('library')} libraries, "
        f"{count.count('machine-learning-model')} files of weights, "
        f"{count.count('data')} of data; valid CycloneDX {bom['specVersion']}"
    )


if __name__ == "__main__":
    main()

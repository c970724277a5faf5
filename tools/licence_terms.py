"""Which licences go with Apache-2.0, and what was read where metadata does not say one.

Read by tools/licences.py. A licence that is in none of the tables stops ``.ci/run``: somebody
looks, then adds a line here with the reason.
"""

from __future__ import annotations

PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-3-Clause-LBNL",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "NIST-PD-fallback",
    "OLDAP-2.8",
    "PSF-2.0",
    "Unlicense",
    "ZPL-2.1",
    "Zlib",
}
"""Use, change and redistribution with the notice; nothing is asked of Galena's own code."""

WEAK = {
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "MPL-2.0",
}
"""Copyleft for the library itself. Galena imports it unchanged from where pip puts it and
ships no copy: who has Galena can replace it, and Galena's own code keeps its licence."""

CONFINED = {
    "GPL-3.0-or-later": {"gpaw"},
    "LicenseRef-NVIDIA-Proprietary": {"cuda"},
}
"""Licence -> the locks that alone may hold it. Neither is installed by default on its own
account: GPAW is compiled by whoever asks for the ``dft`` oracle and runs as a program of its
own; CUDA comes from NVIDIA with the registry's torch, under terms between NVIDIA and the
user. Galena ships neither."""

SPELT = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "revised bsd license": "BSD-3-Clause",
    "expat license": "MIT",
    "gplv3+": "GPL-3.0-or-later",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "lgplv3 or bsd": "LGPL-3.0-only OR BSD-3-Clause",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
"""How metadata spells it, in lower case -> SPDX."""

READ = {
    # in the file of the licence, as metadata says nothing or not enough
    "alignn": "NIST-PD-fallback",
    "atheris": "Apache-2.0",
    "axe-playwright-python": "MIT AND MPL-2.0",  # carries axe-core
    "chgnet": "BSD-3-Clause-LBNL",
    "huey": "MIT",
    "matminer": "BSD-3-Clause-LBNL",
    "matscipy": "LGPL-2.1-or-later",
    "nvidia-ml-py3": "BSD-3-Clause",  # no file; metadata: BSD
    "palettable": "MIT AND Apache-2.0",  # ColorBrewer's schemes
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "skops": "MIT",
    "uvloop": "MIT OR Apache-2.0",
    # in the metadata of the registry: not installed on Linux without CUDA
    "appnope": "BSD-2-Clause",
    "colorama": "BSD-3-Clause",
    "cuda-bindings": "Apache-2.0",
    "cuda-pathfinder": "Apache-2.0",
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",  # metadata says none; names the others
    "httpx2-jsfetch": "BSD-3-Clause",
    "nvidia-cublas": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cuda-cupti": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cuda-nvrtc": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cuda-runtime": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cudnn-cu13": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cufft": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cufile": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-curand": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cusolver": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cusparse": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-cusparselt-cu13": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-nccl-cu13": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-nvjitlink": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-nvshmem-cu13": "LicenseRef-NVIDIA-Proprietary",
    "nvidia-nvtx": "Apache-2.0",
    "pywin32": "PSF-2.0",
    "pywinpty": "MIT",
    "triton": "MIT",
    "uv": "MIT OR Apache-2.0",
    "waitress": "ZPL-2.1",
    # compiled on demand, so absent where that was not done
    "gpaw": "GPL-3.0-or-later",
    "gpaw-data": "GPL-3.0-or-later",
    # builds Galena, may be taken away afterwards
    "editables": "MIT",
    "pybind11": "BSD-3-Clause",
    "setuptools": "MIT",
}
"""Distribution -> SPDX expression, as somebody read it."""

SHIPPED = {
    "campaigns/data/*": "Apache-2.0",  # relaxed by us with CHGNet
    "campaigns/*": "Apache-2.0",  # examples, pages, catalogues: ours
    "materials/data/SOURCES.md": "Apache-2.0",
    "materials/data/encyclopedia.json.xz": "BSD-3-Clause",
    "materials/data/known_formulas.txt.xz": "CC-BY-4.0",
    "materials/data/prototypes.json": "MIT",
    "materials/data/volume.json": "CC-BY-4.0",
    "materials/sustainability/data/companion_fractions.csv": "CC-BY-NC-4.0",
    "materials/sustainability/data/element_facts.csv": "CC-BY-4.0 AND MIT",
    "materials/sustainability/data/prices_wikipedia.csv": "CC-BY-SA-4.0",
    "materials/sustainability/data/recycling_unep.csv": "LicenseRef-UNEP-non-profit",
    "materials/sustainability/data/*": "Apache-2.0",
    # derive from crystals and labels of the Materials Project
    "models/measured/weights/*": "CC-BY-4.0",
    "models/weights/*": "CC-BY-4.0",
}
"""Files that come with Galena -> licence, the first pattern that fits; sources and citations
stand beside the files, in SOURCES.md and MODEL_CARD.md."""

NOT_DISTRIBUTED = {"CC-BY-NC-4.0", "LicenseRef-UNEP-non-profit"}
"""Licences of files that the repository has, and wheels and sdists leave out: they forbid what
Apache-2.0 allows. Their columns are then unknown, and the command says so."""

from __future__ import annotations

import json
import subprocess
import sys

ORDER = {  # from light to heavy, in one process; what must still be absent after each
    "models": ["torch", "numpy"],
    "models.graphs": ["torch", "numpy"],
    "models.graphs.neighbours": ["torch", "pymatgen"],
    "models.evaluation.accuracy": ["torch", "sklearn", "matminer"],
    "models.training.data": ["torch_geometric", "pymatgen", "safetensors", "mlflow"],
    "models.inference": ["torch_geometric", "pymatgen", "mlflow", "sklearn"],
    "models.training.fit": ["pymatgen", "mlflow"],
}
CODE = """
import importlib, json, sys
found = {}
for module, absent in json.loads(sys.argv[1]).items():
    importlib.import_module(module)
    found[module] = [name for name in absent if name in sys.modules]
print(json.dumps(found))
"""


def test_importing_loads_no_more_than_needed():
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(ORDER)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {module: [] for module in ORDER}

"""Send one crystal to a Slurm queue and print what came back, for the ``command`` oracle.

    oracle:
      kind: command
      argv: [python3, /home/me/submit_to_slurm.py, "{structure}", /home/me/job.sh]
      time_limit: 86400
      retries: 2

``job.sh`` is a batch script of your own. It finds the crystal in ``$STRUCTURE`` and writes its
answer, one JSON object, to ``$ANSWER``; both are in the call's folder, which must be on a disk
that the nodes share: give the oracle a ``keep`` folder there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TRY_AGAIN = 75  # EX_TEMPFAIL: the queue is to blame and not the crystal


def main() -> int:
    """Submit, wait for the job's end, print its answer."""
    structure, script = Path(sys.argv[1]), Path(sys.argv[2])
    answer = structure.with_name("answer.json")
    command = [
        "sbatch",
        "--wait",
        f"--job-name=galena-{structure.parent.name}",
        f"--output={structure.with_name('slurm.txt')}",
        f"--export=ALL,STRUCTURE={structure},ANSWER={answer}",
        str(script),
    ]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if answer.is_file():
        sys.stdout.write(answer.read_text())
        return 0
    sys.stderr.write(f"sbatch ended with code {done.returncode} and left no answer\n")
    return TRY_AGAIN


if __name__ == "__main__":
    sys.exit(main())

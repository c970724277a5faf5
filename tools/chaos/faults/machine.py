"""Too little memory, too few open files, no place for temporary files, a clock that jumps."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from functools import partial

from tools.chaos.faults.answered import answers_compared, named, nearly_the_same
from tools.chaos.faults.bench import Bench, Compare, Fault
from tools.chaos.faults.what import SUBJECTS
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.record import Subject as Name
from tools.chaos.shim import Aim, no_compiler

_KINDS: dict[str, tuple[str, Sequence[int]]] = {
    "out of memory": ("little_memory", (64, 16, 3, 1, 0)),
    "out of GPU memory": ("little_gpu_memory", (64, 16, 3, 1, 0)),
    "clock jumping": ("jumping_clock", (1, 2, 3, 4)),
    "too few open files": ("few_files", (64, 40, 28, 20)),
    "too little address space": ("little_address_space", (256, 64, 16, 4)),
}
"""The setup, and its number in each case."""
_ROUNDED: dict[Name, Compare] = {
    "campaign": answers_compared,
    "screening": nearly_the_same,
}
"""What smaller batches leave as it was: they add numbers in another order."""


def _met(place: Place, name: str, subject: Name) -> Outcome:
    setup, numbers = _KINDS[name]
    chosen = (numbers[1], numbers[-1]) if place.scale is Scale.QUICK else numbers
    bench = Bench.of(place, subject)
    for number in chosen:
        environment = {"CHAOS_NUMBER": str(number)}
        told = f"{setup} {number}"
        aim = Aim(folder=place.folder, do="watch") if setup == "few_files" else None
        fault = Fault(
            what=told,
            environment=environment,
            setup=setup,
            aim=aim,
            proof=True,
            codes=(1, *_ABORTED) if setup == "little_address_space" else (1,),
        )
        bench.meet(fault, compare=_compare(name, subject, number))
    return bench.outcome(name, _NOTES.get(setup, ""))


_ABORTED = (-signal.SIGABRT, -signal.SIGSEGV)
"""How programs in C and C++ may end that get no memory."""
_NOTES = {
    "little_memory": "injected where crystals are predicted; 0: not even one at a time",
    "little_gpu_memory": "injected on the CPU, as a GPU says it",
    "little_address_space": "a limit of the process, so many MiB above what it has",
}


def _compare(name: str, subject: Name, number: int) -> Compare | None:
    if subject == "screening" and number == 0:
        return named
    return _ROUNDED.get(subject) if "memory" in name or "space" in name else None


for _name in _KINDS:
    for _subject in SUBJECTS:
        if _subject == "training" and "memory" in _name:
            continue  # it has a trial of its own
        # The shim notes that there was no descriptor left.
        missing = no_compiler if "files" in _name else str
        trial(_name, _subject, missing=missing)(partial(_met, name=_name, subject=_subject))


def _places(place: Place, subject: Name) -> Outcome:
    """No temporary folder, no home, no caches."""
    nowhere = "/proc/nowhere"
    homes = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR")
    cases = {
        "no_temporary_folder": ("TMPDIR", "TEMP", "TMP"),
        "no_home": homes,
    }
    bench, asked = Bench.of(place, subject), 0
    for setup, names in cases.items():
        environment = dict.fromkeys(names, nowhere)
        bench.meet(Fault(what=setup, environment=environment, setup=setup))
        asked += (place.folder / f"case-{bench.tried}.fired").exists()
    return bench.outcome("no home, no temporary folder", f"{asked} asked for one")


for _subject in SUBJECTS:
    trial("no home, no temporary folder", _subject)(partial(_places, subject=_subject))


@trial("out of GPU memory", "training")
def training_out_of_memory(place: Place) -> Outcome:
    """At some step; with memory, the same command goes on to the same weights."""
    steps = (3,) if place.scale is Scale.QUICK else (1, 3, 10, 20)
    bench = Bench.of(place, "training")
    for step in steps:
        environment = {"CHAOS_NUMBER": str(step)}
        fault = Fault(
            what=f"at step {step}",
            environment=environment,
            setup="training_out_of_memory",
            must_stop=True,
            proof=True,
        )
        bench.meet(fault)
    return bench.outcome("out of GPU memory", "injected at a step of training")

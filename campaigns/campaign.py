"""A campaign in a notebook: load, propose, tell, run, look.

What happens is what the command line does, by the same functions, in the same folder: a
campaign may be begun here, go on there, and come back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pandas as pd

from campaigns.asking import check_count, hand_out
from campaigns.config import CampaignConfig
from campaigns.consent import allow, programs_of
from campaigns.folder import CampaignFolder
from campaigns.handing import handed_table
from campaigns.holding import Held
from campaigns.keeping import pool_of, write_pool
from campaigns.loading import RUNS, Source, content_of, folder_named, with_changes
from campaigns.loop import conclude, run_campaign
from campaigns.machinery import Machinery, Where
from campaigns.oracles.build import Equipment
from campaigns.oracles.function import Function, StructureOracle
from campaigns.progress import Watcher
from campaigns.publishing import Publish, publisher
from campaigns.questions import open_questions
from campaigns.session import at_work
from campaigns.shown import Told
from campaigns.telling import tell
from campaigns.told_rows import frame_of
from campaigns.tracking.store import model_store
from campaigns.watching import Bars, write
from campaigns.words import words

NO_MLFLOW = "off"
"""A ``tracking_uri`` for campaigns that are not to be seen in MLflow."""


class Campaign(Held):
    """One campaign, in one folder. Make it with :meth:`load` or :meth:`resume`.

    Nothing is held between calls but the model: the folder's ledger is the memory, so that a
    kernel that dies loses nothing, and two objects of one campaign do not contradict each
    other.
    """

    def __init__(
        self,
        config: CampaignConfig,
        folder: Path,
        *,
        tracking_uri: str | None = None,
        lang: str | None = None,
        functions: Mapping[str, Function] | None = None,
        pool: Any = None,
        machinery: Machinery | None = None,
    ) -> None:
        """``machinery`` takes the place of what the specification names, for tests."""
        super().__init__(config, folder, words(lang))
        self._tracking = tracking_uri
        self._functions = dict(functions or {})
        self._pool = pool
        self._machinery = machinery
        self._equipment: Equipment | None = None

    @classmethod
    def load(
        cls,
        source: Source,
        *,
        folder: str | Path | None = None,
        model: str | None = None,
        tracking_uri: str | None = None,
        lang: str | None = None,
        oracle: StructureOracle | None = None,
        pool: Any = None,
    ) -> Self:
        """A campaign from its YAML file, a mapping, a ``CampaignConfig`` or its folder.

        Changes nothing on disk. The campaign lives in ``folder``, ``runs/<its name>`` if not
        given; one that has begun there goes on.

        ``model`` takes the place of the specification's: a folder, a name or an MLflow URI.
        ``tracking_uri`` is the MLflow store, ``mlflow.db`` beside the folder if not given,
        ``"off"`` for none. ``lang`` is the language of messages and reports.

        ``oracle`` is a function of a pymatgen ``Structure`` that returns
        ``{"energy_above_hull": eV/atom, "band_gap": eV}`` or a ``Verdict``; it takes the place
        of the specification's oracle. ``pool`` is what to choose from: whatever
        :func:`materials.intake.crystals_of` takes.

        Raises:
            InputError: the specification cannot be used; names file and field.
        """
        content, name, own = content_of(source)
        function = None if oracle is None else Function.of(oracle)
        place = Path(folder) if folder is not None else own
        if place is None:
            place = RUNS / str(content.get("name", ""))
        table, crystals = pool_of(pool, CampaignFolder(place))
        config = with_changes(
            content, name=name, model=model, function=function, pool=table
        )
        return cls(
            config,
            place,
            tracking_uri=tracking_uri,
            lang=lang,
            functions={} if function is None else {function.name: function},
            pool=crystals,
        )

    @classmethod
    def resume(
        cls,
        name: str | Path,
        *,
        runs: str | Path = RUNS,
        model: str | None = None,
        tracking_uri: str | None = None,
        lang: str | None = None,
        oracle: StructureOracle | None = None,
    ) -> Self:
        """A campaign that has begun, by its name under ``runs``, or by its folder.

        Raises:
            InputError: there is none; says which there are.
        """
        return cls.load(
            folder_named(name, Path(runs)),
            model=model,
            tracking_uri=tracking_uri,
            lang=lang,
            oracle=oracle,
        )

    # --- what it does

    def allow_commands(self) -> Self:
        """Let the oracles of this specification start the programs it names, from now on.

        Whoever wrote the specification chose them: look before you allow. Consent is for
        exactly these programs, files and settings, and is kept for this user.

        Raises:
            InputError: it cannot be kept; says where.
        """
        allow(programs_of(self.config))
        return self

    def run(
        self,
        rounds: int | None = None,
        *,
        watcher: Watcher | None = None,
        where: Where | None = None,
    ) -> Self:
        """Bring ``rounds`` rounds to their end, one that is open counted; None for all.

        The report and MLflow are brought up to date after every round, or as often as
        :mod:`campaigns.pace` allows. Interrupted, it says
        so and goes on with the next call.

        Raises:
            InputError: as :func:`campaigns.loop.run_campaign`.
            BusyError: another process is at work in the folder.
        """
        bars = Bars(self.say)
        try:
            run_campaign(
                self.config,
                self.folder,
                rounds=rounds,
                publish=self._publish(),
                where=where,
                say=self.say,
                **self._at_work(watcher or bars),
            )
        except KeyboardInterrupt:
            bars.close()
            write(self.say("Stopped. Nothing is lost: run() goes on from here."))
        finally:
            bars.close()
        standing = self._standing()
        write("\n".join(filter(None, (standing.line(), standing.failures()))))
        return self

    def propose(self, n: int | None = None) -> pd.DataFrame:
        """The next ``n`` candidates to try, best first; the specification's batch if not given.

        They are a round's batch and on record before they are seen: until they are told or
        judged, another call gives the same ones. Columns: ``candidate_id``, ``formula``,
        ``prototype``, ``round``, ``known``, ``predicted_band_gap`` (eV) and
        ``predicted_energy_above_hull`` (eV/atom) with ``_std``, ``acquisition`` and ``why``;
        :meth:`structure` and :meth:`structures` give the crystals.

        Raises:
            InputError: ``n`` is below 1.
            BusyError: another process is at work in the folder.
        """
        check_count("n", n, "1 candidate or more")
        bars = Bars(self.say)
        try:
            with at_work(self.config, self.folder, **self._at_work(bars)) as session:
                handed = hand_out(session, n)
                if handed.over and conclude(session, over=True, say=self.say):
                    for evaluator in session.machinery.evaluators:
                        evaluator.finish()
                table = handed_table(
                    handed.questions, session.ledger, self.config, self.say
                )
        finally:
            bars.close()
        if not handed.fresh and len(table):
            write(
                self.say.several(
                    "{n} candidate of round {round} waits for an answer: tell() takes it, "
                    "run() asks the oracle.",
                    "{n} candidates of round {round} wait for answers: tell() takes them, "
                    "run() asks the oracle.",
                    len(table),
                    round=handed.questions[-1].round,
                )
            )
        elif not len(table):
            write(
                self.say(
                    "Nothing is left to propose: the campaign has used up its rounds, its "
                    "budget or its candidates."
                )
            )
        return table

    def tell(
        self,
        results: Any,
        *,
        oracle: str | None = None,
        origin: str | None = None,
        replace: bool = False,
    ) -> Told:
        """Take results: a DataFrame, or dicts, with a row for each candidate.

        ``candidate_id`` says which, or ``formula`` where one candidate alone has it.
        ``energy_above_hull`` (eV/atom) and ``band_gap`` (eV) are what is sought; any other
        number is kept as a property, ``structure`` as the relaxed crystal, ``error`` as the
        reason why there are none. ``origin``, as a column or for all rows, says by what method;
        energies of different origin are not mixed. Rows that cannot be taken come back with
        the reason, the others count.

        ``oracle`` says whose results these are where several wait; with ``replace`` they take
        the place of earlier ones that they contradict.

        Raises:
            InputError: these are no results, or the campaign has not begun.
            BusyError: another process is at work in the folder.
        """
        self.place.check_begun()
        frame = frame_of(results)
        with self.place.hold():
            ledger = self.place.open_existing()
            try:
                taken = tell(
                    self.config,
                    ledger,
                    frame,
                    oracle=oracle,
                    origin=origin,
                    overwrite=replace,
                )
                ledger.put("waiting", len(open_questions(self.config, ledger)))
            finally:
                ledger.close()
        return Told(taken, list(frame.index), self.say)

    # --- on the way

    def _at_work(self, watcher: Watcher) -> dict[str, Any]:
        """What it takes to go on, the same for every step."""
        return {
            "machinery": self._machinery,
            "watcher": watcher,
            "tracking_uri": None if self._tracking == NO_MLFLOW else self._tracking,
            "equip": self._equip,
        }

    def _equip(self, config: CampaignConfig, store: str) -> Equipment:
        """Keep the pool, then load the model, once for all calls of this kernel."""
        if self._pool is not None:
            write_pool(self._pool, self.place)
        if self._equipment is None:
            loaded = Equipment.load(config, store)
            self._equipment = dataclasses.replace(loaded, functions=self._functions)
        return self._equipment

    def _publish(self) -> Publish:
        store = model_store(self._tracking, beside=self.folder)

        def problem(message: str) -> None:
            write(self.say("Warning: {message}", message=self.say.recorded(message)))

        shown = None if store == NO_MLFLOW else store
        return publisher(self.place, shown, problem, say=self.say)

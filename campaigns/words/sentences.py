"""The sentences that filters, oracles and traces put on record, in English, as they are there.

A ledger keeps what was said when it was said, so a sentence that is not written any more stays
here: it is in ledgers. ``{placeholders}`` say by their names what may stand there, see
:mod:`campaigns.words.recorded`.
"""

from __future__ import annotations

from campaigns.words.say import noted

FATES = (
    noted("turned down in round {n}: {name}"),
    noted("a repetition in round {n}: {why}"),
    noted("left in round {n}: {why}"),
    noted("chosen in round {n}, waits for the oracle"),
    noted("valid, never chosen: others promised more"),
    noted("failed at the oracle in round {n}: {why}"),
    noted("a hit in round {n}, turned down by a further oracle"),
    noted("judged in round {n}, not a hit"),
    noted("a hit: {n} of {total} on the shortlist"),
    noted("a hit: {n} of {total} on the shortlist, confirmed by a further oracle"),
    noted("could not be predicted: {why}"),
    noted("written"),
    noted("among the best {n} by {name}"),
)
"""Where a candidate stands."""

FILTERS = (
    noted("each once"),
    noted("any element"),
    noted("any element without {symbols}"),
    noted("of {symbols}"),
    noted("of {symbols} without {others}"),
    noted("over {x} Å"),
    noted("at least {x} Å"),
    noted("total charge {n}"),
    noted("metals only"),
    noted("at least one non-metal"),
    noted("{symbol} has no oxidation states"),
    noted("nearest total charge {n} per formula unit"),
    noted("an element"),
    noted("an alloy"),
    noted("every cation less electronegative than every anion"),
    noted("no neutral choice follows {order}"),
    noted("better than {material} on {names}"),
    noted("{name} unknown (data for {percent} of the mass)"),
    noted("{name} {value} against {other} {unit} (better)"),
    noted("{name} {value} against {other} {unit} (not better)"),
    noted("{x} ({percent} of the mass)"),
    noted("{formula} is open"),
    noted("no verdict that settles the formula"),
    noted("verdicts on {formula} suffice"),
    noted("{identifier} at another volume"),
    noted("equals none of {n}"),
    noted("not proposed before"),
    noted("a crystal the network takes"),
)
"""What was found, and what was wanted."""

UNITS = (
    noted("burden 0–1"),
    noted("share"),
    noted("mass share"),
)
"""Units that are words."""

STEPS = (
    noted("{name}: {settings}"),
    noted("{name} {x} ± {std} {symbol}"),
    noted("{x} of 1, the best"),
    noted("{formula} is known"),
    noted("{formula} is not among the known"),
    noted("rank {n}"),
    noted("rank {n} of {total}"),
    noted("not among the first"),
    noted("not among the first of {total}"),
    noted("{identifier} of the same formula went first"),
    noted("at least {x}"),
    noted("answered"),
    noted("force below {x} eV/Å"),
    noted("{n} steps"),
    noted("converged"),
    noted("not converged"),
    noted("{x} eV/atom above {phases}"),
    noted("{x} eV/atom above the hull"),
    noted("at most {x} eV/atom"),
    noted("at most {x} eV/atom above the hull"),
    noted("{low} to {high} eV"),
    noted("gap {low} to {high} eV"),
    noted("gap {x} eV"),
    noted("relaxed"),
    noted("nothing"),
    noted("corrected by {n} verdicts"),
    noted("as installed now"),
    noted("element facts as installed now"),
    noted("among the {n} {name}"),
)
"""What the campaign itself found: proposal, prediction, choice, verdict."""

FAILURES = (
    noted("no convergence in {n} steps: {x} eV/Å left"),
    noted("stopped at the time limit of {x} s"),
    noted("positions or cell are no longer numbers"),
    noted("volume is {x} times what it was, allowed is {low} to {high} times"),
    noted("volume changed {x}-fold, allowed is {limit}-fold"),
    noted("two atoms are {x} Å apart, allowed is {limit} Å"),
    noted("two atoms are {x} Å apart, expected at least {limit}"),
    noted("energy is {x} eV/atom"),
    noted("largest force is {x} eV/Å"),
    noted("contains {symbols}, never seen in training: it cannot be predicted"),
    noted("the relaxation returned no structure"),
    noted("the answer holds no number"),
    noted("{name} is {x}, expected {low} to {high}"),
    noted(
        "{name} is {x}, expected {low} to {high}; so far below, competing phases are missing "
        "or of another method"
    ),
    noted("the crystal that came back is {formula}, asked was {other}"),
    noted("the table has no row of {formula} or '{identifier}'"),
    noted("the table has {n} rows of {formula}, none with this crystal"),
    noted("{command}: no end after {x} s, killed"),
    noted("the reply is empty, expected one JSON object"),
    noted("the oracle's process has ended"),
    noted("the worker process ended with status {n}"),
    noted("lost its worker {n} times, most lately: {why}"),
    noted(
        "its energy above hull is of {text}, those of this campaign are of {origin}; they "
        "are not compared"
    ),
)
"""Why an oracle has no answer; programs of one's own say what they like."""

ERRORS = (
    noted("{file}: cannot be read: {reason}"),
    noted("{file}: cannot be used:{lines}"),
    noted("{file}: not valid YAML: {reason}"),
    noted("{file}: expected a mapping with keys such as {text}, got {type}"),
    noted("{key}: unknown key.{near} Known here: {text}"),
    noted("{key}: required, but not given"),
    noted("{key}: {why} (got {text})"),
    noted("{key}: {why}"),
    noted("{key}: begun with {text}, now {now}"),
    noted("at least {n} needed, given are {total}"),
    noted("at least {n} characters needed"),
    noted("at most {n} characters allowed"),
    noted("not of the form {text}"),
    noted("one of {text} is expected"),
    noted("a mapping of keys and values is expected"),
    noted("'{text}' is no kind of oracle; there are {list}.{near}"),
    noted(
        "oracle '{text}' does not answer {field}, which is a target: let it answer, set "
        "targets.{key}.weight to 0, or make it one of tiers"
    ),
    noted("two oracles are called '{text}'; give one of them another name"),
    noted(
        "batch_size {n} exceeds the {total} proposals of a round (search.asks, "
        "search.per_generator, pool.per_round); a batch is chosen among them"
    ),
    noted("'{text}' is asked for twice"),
    noted("'{text}' is a column of every worksheet already"),
    noted("recipe {text} needs its settings: give the key {key}"),
    noted("there is no such file or folder"),
    noted("it may not be read"),
    noted("it is a folder"),
    noted("it is no text in UTF-8"),
    noted("Input should be a valid number"),
    noted("Input should be a valid integer"),
    noted("Input should be a valid string"),
    noted("Input should be a valid boolean"),
    noted("Input should be a valid list"),
    noted("Input should be a valid tuple"),
    noted("Input should be a valid dictionary"),
    noted("Input should be greater than {x}"),
    noted("Input should be greater than or equal to {x}"),
    noted("Input should be less than {x}"),
    noted("Input should be less than or equal to {x}"),
    noted("'{text}' is not an element symbol.{near}"),
    noted("{symbols} both allowed and forbidden; remove one"),
    noted("{symbols} listed more than once in allowed"),
    noted("contradictory: min {low} eV is not below max {high} eV"),
    noted(
        "contradictory: band_gap and energy_above_hull both weigh 0, so nothing is sought; "
        "give one a weight above 0"
    ),
    noted(
        "search.n_species asks for {n} elements per candidate but only {total} are allowed"
    ),
    noted(
        "{folder}: no campaign here (ledger.sqlite is missing); start one with: {command}"
    ),
    noted(
        "{folder} holds a campaign with another specification:{lines}\nrun with the original "
        "file to go on, or give a new --folder"
    ),
    noted(
        "{folder}: not a campaign folder: it has no ledger.sqlite but holds {text}; give an "
        "empty or a new folder"
    ),
    noted("{folder}: this campaign is being run by {text}; wait for it or stop it"),
    noted(
        "{folder}: the campaign folder cannot be written: {reason}; choose another with "
        "--folder"
    ),
    noted(
        "{folder}: begun with {name} {text}, now {now}; their numbers must not be mixed. Go "
        "on with the former, or start in a new folder"
    ),
    noted(
        "{folder}: begun with {name} {text}, now {now}; their numbers must not be mixed. Go "
        "on with the former (--model {model}; {found} is what was found), or start in a new "
        "folder"
    ),
    noted(
        "round {n}: no verdict on {text}; run the same command again, it goes on with these"
    ),
    noted(
        "{folder}: no candidate or formula '{text}' was proposed.{near} Identifiers are in "
        "the report and in {command}"
    ),
    noted("{file}: holds no specification; the campaign never began"),
    noted("{file}: name a row of this screening, or a formula"),
    noted("campaign {text} asks nobody: none of its oracles is an inbox"),
    noted("say whose answers these are: --oracle {text}"),
    noted(
        "grid '{text}': neither the code of a country that is known here nor grams of CO₂ per "
        "kWh from {low} to {high}; give a code such as ES or FR, a number, or 'world'.{near}"
    ),
    noted("'{text}' is asked nothing; there are {list}.{near}"),
    noted("{text} is not installed; it comes with: {command}"),
    noted("{why}\nThe campaign goes on; it is brought up to date later."),
)
"""What goes wrong most often, as far as a specification, a folder and a resumed run go."""

ANSWERS = (
    noted("it is empty, so nobody knows what was measured"),
    noted("nobody asked about it.{near}"),
    noted("there are values too; keep one or the other"),
    noted("expected a number"),
    noted("expected a number in {unit}"),
    noted("expected {low} to {high}"),
    noted("expected {low} to {high} {symbol}"),
    noted("its points and commas make no number"),
    noted(
        "the comma may be a decimal sign or stand between thousands; write a point, or no "
        "comma"
    ),
    noted("the unit '{text}' was found, expected {unit}"),
    noted("no unit"),
    noted("in its heading {why}"),
    noted(
        "{n} cells where there are {total} headings; put texts and numbers that hold the "
        "separator in quotes"
    ),
    noted("there is no column '{text}'.{near}"),
    noted("not read for want of a column"),
    noted("the file is empty, expected headings and rows"),
    noted("is needed too, since it is a target; the question stays open"),
    noted("other rows have values"),
    noted("row {n} says that it failed; neither is taken until one is gone"),
    noted("row {n} says '{text}'; neither is taken until one is gone"),
    noted("earlier it was {x}; give --replace to take the new one"),
    noted("earlier it had values; give --replace to take the new one"),
    noted("earlier it had 'failed: {text}'; give --replace to take the new one"),
    noted("row {label} says that it failed; neither is taken until one is gone"),
    noted("row {label} says '{text}'; neither is taken until one is gone"),
    noted("earlier it was {text}; give replace=True to take the new one"),
    noted("earlier it was another; give replace=True to take the new one"),
    noted("earlier it had values; give replace=True to take the new one"),
    noted("earlier it had 'failed: {text}'; give replace=True to take the new one"),
    noted("oracle '{text}' has judged it, and that stays"),
    noted("it may be {text}; say which under candidate_id"),
    noted("{identifier} is {formula}; say which of the two it is"),
    noted("it is a text, expected a Structure"),
    noted("it is no crystal, expected a Structure"),
    noted("would be a property of its own.{near}"),
    noted("{why}. If it is of the same method, say so: {command}"),
    noted(
        "{why}. If those are of it too, tell them again with origin='{text}' and replace=True"
    ),
    noted("expected an object"),
)
"""Why a row of a worksheet was not taken."""

NOTHING_NEW = noted(
    "nothing new was found to propose: the campaign is over after round {n} of {total}; "
    "more asks, elements or sites, or a larger pool, would go further"
)

SENTENCES = (NOTHING_NEW, *FATES, *FILTERS, *UNITS, *STEPS, *FAILURES, *ANSWERS, *ERRORS)

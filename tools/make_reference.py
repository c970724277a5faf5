"""Write the reference of specifications and commands from the code itself.

Run ``python tools/make_reference.py`` after changing a specification or a command; a test
compares what is committed with what this would write.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference"

UNITS = ("eV/atom", "eV/Å", "Å⁻¹", "eV", "Å", "s", "h", "GPa")
"""What a field's docstring may begin with to say its unit."""

_LONGEST = 80
"""Letters of a default that a table has room for."""

Places = dict[type[BaseModel], str]
"""Where the page explains each mapping: the first key that has it."""


def main() -> None:
    """Write every page."""
    sys.path.insert(0, str(ROOT))
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The generated pages by file name."""
    from campaigns.backtests.spec import BacktestSpec
    from campaigns.config import CampaignConfig
    from campaigns.generators import GenerateSpec
    from campaigns.screening.spec import ScreenSpec

    return {
        "campaign-file.md": spec_page(
            "The campaign file, key by key",
            "`galena campaign run FILE` reads it; [The campaign file](../campaign-spec.md) "
            "explains it, and `galena campaign new` writes a start.",
            CampaignConfig,
        ),
        "screening-file.md": spec_page(
            "The screening file, key by key",
            "`galena screen FILE` reads it; most keys are options of the command as well. "
            "[Screening](../screening.md) explains it.",
            ScreenSpec,
        ),
        "backtest-file.md": spec_page(
            "The back-test file, key by key",
            "`galena backtest FILE` reads it; [Back-tests](../backtests.md) explains it.",
            BacktestSpec,
        ),
        "generation-file.md": spec_page(
            "The generation file, key by key",
            "`galena generate FILE` reads it; [Generators](../generators.md) explains it.",
            GenerateSpec,
        ),
        "command-line.md": command_page(),
    }


# -- specifications --------------------------------------------------------------------------


def spec_page(title: str, opening: str, model: type[BaseModel]) -> str:
    """A page with one table per mapping, from the schema that reads the file."""
    places = _places(model)
    lines = [
        f"# {title}",
        "",
        "<!-- Made by tools/make_reference.py from the schema. -->",
        "",
        opening
        + " Unknown keys are refused, with the nearest known one named; a key given "
        "twice is refused too. Paths are relative to the working folder unless said otherwise.",
        "",
        *_table(model, places),
    ]
    for path in dict.fromkeys(places.values()):
        of_path = [kind for kind, place in places.items() if place == path and path]
        if of_path:
            lines += ["", f"## {path}", "", *_section(of_path, path, places)]
    return "\n".join(lines) + "\n"


def _places(root: type[BaseModel]) -> Places:
    """Every mapping of a file, in the order of reading, where it is met first."""
    places: Places = {root: ""}

    def below(model: type[BaseModel]) -> None:
        for name, field in model.model_fields.items():
            key = f"{places[model]}.{name}".lstrip(".")
            fresh = [kind for kind in _models(field.annotation) if kind not in places]
            places.update(dict.fromkeys(fresh, key))
            for kind in fresh:
                below(kind)

    below(root)
    return places


def _section(models: list[type[BaseModel]], key: str, places: Places) -> list[str]:
    if len(models) == 1:
        return [_prose(models[0].__doc__), "", *_table(models[0], places)]
    lines = [f"`kind` says which of {len(models)} it is."]
    for model in models:
        kind = get_args(model.model_fields["kind"].annotation)[0]
        lines += ["", f"### {key}, kind {kind}", "", _prose(model.__doc__), ""]
        lines += _table(model, places)
    return lines


def _table(model: type[BaseModel], places: Places) -> list[str]:
    rows = ["| key | type | default | unit | meaning |", "|---|---|---|---|---|"]
    for name, field in model.model_fields.items():
        unit, meaning = _unit_of(field)
        cells = [
            f"`{name}`",
            _type_of(field),
            _default_of(field),
            unit,
            _linked(meaning, field, places),
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows


def _unit_of(field: FieldInfo) -> tuple[str, str]:
    """Unit and meaning: a docstring begins with the unit where there is one."""
    text = _prose(field.description)
    if not text and len(get_args(field.annotation)) == 1:
        text = "Which of the kinds it is."
    for unit in UNITS:
        if text == unit:
            return unit, ""
        if text.startswith(unit + ", "):
            rest = text[len(unit) + 2 :]
            return unit, rest[0].upper() + rest[1:]
    return "", text


def _linked(meaning: str, field: FieldInfo, places: Places) -> str:
    """The meaning, and what the mapping is, with the way to its own table."""
    models = _models(field.annotation)
    if not models:
        return meaning
    if not meaning:
        meaning = _prose(models[0].__doc__) if len(models) == 1 else "One of several kinds."
    place = places[models[0]]
    return f"{meaning} → [{place}](#{_slug(place)})"


def _slug(heading: str) -> str:
    """As mkdocs and code hosts make anchors."""
    return re.sub(r"[^\w\s-]", "", heading.lower()).replace(" ", "-")


def _type_of(field: FieldInfo) -> str:
    return _named(field.annotation, _bounds(field.metadata))


def _named(annotation: Any, bounds: str = "") -> str:
    """A type in words."""
    if word := _checked(annotation):
        return word
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *metadata = arguments
        return _named(inner, _bounds(metadata) or bounds)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        models = _models(annotation)
        if len(models) > 1:
            return "mapping with `kind`"
        return _named(next(a for a in arguments if a is not type(None)), bounds)
    if origin is tuple and len(arguments) == 2 and arguments[1] is not Ellipsis:
        return f"two of: {_named(arguments[0])}"
    if origin in (tuple, list):
        return f"list of: {_named(arguments[0])}" + (f"; {bounds}" if bounds else "")
    if origin is dict:
        return f"mapping, {_named(arguments[0])} → {_named(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    word = words.get(annotation, "path" if annotation is Path else "anything")
    return f"{word}, {bounds}" if bounds else word


def _checked(annotation: Any) -> str:
    """What texts may be that a function checks; empty for all others."""
    from campaigns.backtests.spec import STRATEGIES, StrategyName
    from campaigns.config import Axis, Comparable
    from campaigns.elements import Element
    from materials.sustainability.columns import AXES
    from materials.sustainability.comparison import COMPARABLE

    known = {Axis: AXES, Comparable: COMPARABLE, StrategyName: STRATEGIES}
    if annotation == Element:
        return "element symbol"
    names = next((names for kind, names in known.items() if kind == annotation), ())
    return ", ".join(f"`{name}`" for name in names)


def _bounds(metadata: list[Any]) -> str:
    """Limits in words."""
    signs = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
    said = []
    for limit in metadata:
        for name, words in signs.items():
            if (value := getattr(limit, name, None)) is not None:
                said.append(words.format(f"{value:,.0f}" if value >= 1e4 else f"{value:g}"))
        if least := getattr(limit, "min_length", None):
            said.append("not empty" if least == 1 else f"at least {least}")
        if pattern := getattr(limit, "pattern", None):
            said.append(f"as `{pattern}`")
    return ", ".join(said)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The mappings that an annotation may be, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return list(dict.fromkeys(m for a in get_args(annotation) for m in _models(a)))


def _default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json")
        if "kind" in given:
            return f"kind `{given['kind']}`"
        return "see its keys"
    if value is None or value == () or value == {} or value == "":
        return "none"
    if isinstance(value, Enum):
        value = value.value
    shown = _yaml(value)
    return f"`{shown}`" if len(shown) <= _LONGEST else "see text"


def _yaml(value: Any) -> str:
    """As one would write it in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, BaseModel):
        return _yaml(value.model_dump(exclude_defaults=True))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _prose(text: str | None) -> str:
    """One line; code in single backticks, as Markdown has it."""
    return re.sub(r"``(.+?)``", r"`\1`", " ".join((text or "").split()))


# -- commands --------------------------------------------------------------------------------


def command_page() -> str:
    """Every command, its arguments and options, from the application itself."""
    from typer.main import get_command

    from campaigns.cli.app import app
    from campaigns.cli.show import ExitCode

    codes = ", ".join(f"{code.value} {code.name.lower()}" for code in ExitCode)
    lines = [
        "# Every command and option",
        "",
        "<!-- Made by tools/make_reference.py from the commands themselves. -->",
        "",
        "As `galena COMMAND --help` has it; [Commands at a glance](../cli.md) is shorter. "
        f"Exit codes: {codes}, and 2 for a command line that cannot be understood "
        "([more](../cli.md#exit-codes)).",
    ]
    for path, command in _commands(get_command(app), "galena"):
        lines += ["", f"## {path}", "", _help(command.help), "", *_parameters(command)]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Commands, those of groups after the group's name."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from _commands(inner, f"{path} {name}")


def _help(text: str | None) -> str:
    """A command's own words, without what only a terminal needs."""
    return (text or "").replace("\f", "").strip()


def _parameters(command: Any) -> list[str]:
    hints = get_type_hints(command.callback)
    rows = []
    for parameter in command.params:
        if parameter.name not in hints or getattr(parameter, "hidden", False):
            continue
        names = [*parameter.opts, *parameter.secondary_opts]
        if parameter.param_type_name == "argument":
            names = [str(parameter.name).upper()]
        cells = [
            ", ".join(f"`{name}`" for name in names),
            _taken(hints[parameter.name], parameter),
            _shown_default(parameter),
            " ".join((parameter.help or "").split()),
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if not rows:
        return []
    return ["| | takes | default | meaning |", "|---|---|---|---|", *rows]


def _taken(hint: Any, parameter: Any) -> str:
    """What follows an option, in words."""
    if getattr(parameter, "is_flag", False):
        return "nothing"
    plain = [a for a in get_args(hint) if a is not type(None)] or [hint]
    if get_origin(hint) in (list, tuple):
        plain = [get_args(hint)[0]]
    limits = [("at least", "min"), ("at most", "max")]
    said = [
        f"{words} {value:g}"
        for words, name in limits
        if (value := getattr(parameter, name, None)) is not None
    ]
    word = _named(get_args(plain[0])[0] if get_origin(plain[0]) is list else plain[0])
    several = ["several"] if parameter.multiple or parameter.nargs == -1 else []
    return ", ".join([word, *said, *several])


def _shown_default(parameter: Any) -> str:
    if parameter.required:
        return "**required**"
    if getattr(parameter, "is_flag", False):
        return "off"
    value = parameter.default
    if value is None or value in ((), [], ""):
        return "none"
    return f"`{value.value if isinstance(value, Enum) else value}`"


if __name__ == "__main__":
    main()

"""Specifications in YAML: read strictly, explained where they are wrong, written whole."""

from __future__ import annotations

import codecs
import errno
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from campaigns.yaml_text import load_yaml
from materials.errors import InputError, did_you_mean
from materials.opening import small_file

_REASONS = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "it may not be read",
    errno.EISDIR: "it is a folder",
}
"""Why a file cannot be read, for people."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what Windows calls Unicode
_POWER = re.compile(r"[+-]?\d{1,9}(\.\d{0,9})?[eE]\+?\d{1,2}", re.ASCII)
_MOST_LINES = 20  # of what is wrong with one specification
_LONGEST_VALUE = 60  # characters of a value in a message
_LONGEST_LINE = 600

MOST = 1_000_000
"""Of what is counted and held in memory: a slip of the keyboard is refused at once."""

MOST_STREAMED = 1_000_000_000
"""Of what is made or read one after the other."""

LARGEST_SEED = 2**32 - 1
"""All generators of random numbers take that."""

LONGEST_WAIT = 2_000_000.0
"""s; operating systems wait no longer in one go, which is 23 days."""

M = TypeVar("M", bound=BaseModel)


class Frozen(BaseModel):
    """Values that do not change and keys that are known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, content: Any) -> Any:
        """A key with nothing behind it is not given; ``1e3`` is a count, too."""
        if not isinstance(content, dict):
            return content
        found = {}
        for key, value in content.items():
            field = cls.model_fields.get(key) if isinstance(key, str) else None
            kinds = [] if field is None else _options(field.annotation)
            if value is None and field is not None and not {None, NoneType, Any} & {*kinds}:
                continue
            whole = int in kinds and not {str, float} & {*kinds}
            found[key] = _whole(value) if whole and isinstance(value, str) else value
        return found


def _whole(text: str) -> int | str:
    """``1e3``, which YAML takes for a text, as the whole number that it is."""
    if not _POWER.fullmatch(text):
        return text
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else text


def read_text(path: Path) -> str:
    """A file's text; raises :class:`InputError` for one that cannot be read."""
    try:
        content = small_file(path)
        encoding = "utf-16" if content.startswith(_UTF16) else "utf-8"
        return content.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read: it is no text in UTF-8") from error
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, str(error))
        raise InputError(f"{path}: cannot be read: {reason}") from error


def parse_spec(kind: type[M], text: str, *, name: str, keys: str) -> M:
    """Read YAML text; ``name`` stands for the file in messages, ``keys`` for what it holds.

    Raises:
        InputError: it is not YAML, or says something the schema does not know or allow; the
            message names file and field.
    """
    return validated(kind, parse_mapping(text, name=name, keys=keys), name=name)


def parse_mapping(text: str, *, name: str, keys: str) -> dict[str, Any]:
    """Read YAML text that is a mapping, as strictly, and no further.

    Raises:
        InputError: it is not YAML, or no mapping.
    """
    content = load_yaml(text, name)
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise InputError(
            f"{name}: expected a mapping with keys such as {keys}, got {found}"
        )
    return content


def validated(kind: type[M], content: dict[str, Any], *, name: str) -> M:
    """The specification that a mapping stands for; raises :class:`InputError`."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        causes = _causes(error.errors(include_url=False))
        lines = [_explain(kind, problem) for problem in causes[:_MOST_LINES]]
        if len(causes) > _MOST_LINES:
            lines.append(f"and {len(causes) - _MOST_LINES} more")
        raise InputError(f"{name}: " + "\n  ".join(["cannot be used:", *lines])) from error


def dump_spec(spec: BaseModel) -> str:
    """The specification as YAML, every default written out."""
    text: str = yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False)
    return text


def differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    """Fields that differ between two specifications, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            path = f"{where}.{key}" if where else str(key)
            yield from differences(old.get(key), new.get(key), path)
    elif old != new:
        yield f"{where}: begun with {old!r}, now {new!r}"


def _causes(problems: Sequence[Any]) -> list[Any]:
    """Without those that others bring about: a list is too short for its bad entries."""
    return [
        each
        for each in problems
        if each["type"] != "too_short"
        or not any(
            len(other["loc"]) > len(each["loc"])
            and other["loc"][: len(each["loc"])] == each["loc"]
            for other in problems
        )
    ]


def _explain(kind: type[BaseModel], problem: Any) -> str:
    """One line for one pydantic problem: where, what, and the near name if a key is unknown."""
    path, parent = _place(kind, problem["loc"])
    where = _cut(".".join(path)) or "specification"
    if problem["type"] == "extra_forbidden":
        known = list(parent.model_fields) if parent else []
        return (
            f"{where}: unknown key.{did_you_mean(path[-1], known)} "
            f"Known here: {', '.join(known)}"
        )
    if problem["type"] == "missing":
        return f"{where}: required, but not given"
    message = _message(problem)
    got = problem.get("input")
    shown = f" (got {_brief(got)})" if isinstance(got, str | int | float) else ""
    return f"{where}: {_cut(message)}{shown}"


def _brief(value: str | float) -> str:
    """A value as it was written, or as much of it as helps."""
    if isinstance(value, int) and value.bit_length() > 4 * _LONGEST_VALUE:
        return f"a whole number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} …"


def _cut(text: str) -> str:
    """As much of a text as a person reads in a line."""
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]} …"


def _message(problem: Any) -> str:
    """What is wrong, in our words where pydantic speaks of its own types."""
    given = problem.get("ctx", {})
    match problem["type"]:
        case "too_short":
            least, found = given["min_length"], given["actual_length"]
            return f"at least {least} needed, given are {found}"
        case "string_too_short":
            return f"at least {given['min_length']} characters needed"
        case "string_too_long":
            return f"at most {given['max_length']} characters allowed"
        case "string_pattern_mismatch":
            return f"not of the form {given['pattern']}"
        case "literal_error":
            return f"one of {given['expected']} is expected"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "a mapping of keys and values is expected"
    return str(problem["msg"]).removeprefix("Value error, ")


def _place(kind: type[BaseModel], loc: Any) -> tuple[list[str], type[BaseModel] | None]:
    """Where in the file a problem is, and the mapping that its last part stands in.

    Among mappings told apart by ``kind`` pydantic puts the kind into the path; the file has
    no such level.
    """
    path: list[str] = []
    parent: type[BaseModel] | None = None
    here: Any = kind
    for part in loc:
        options = _options(here)
        models = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        of_kind = [m for m in models if part in _kinds(m)]
        if of_kind and len(models) > 1:
            here = of_kind[0]
            continue
        path.append(str(part))
        parent = models[0] if models else None
        if parent is not None and part in parent.model_fields:
            here = parent.model_fields[part].annotation
        elif isinstance(part, int):
            here = next((get_args(o)[0] for o in options if get_args(o)), None)
        else:
            here = None
    return path, parent


def _options(annotation: Any) -> list[Any]:
    """What an annotation may be, without unions and metadata around it."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [inner for o in get_args(annotation) for inner in _options(o)]
    return [annotation]


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field else ()


class SpecFile(Frozen):
    """A specification that is a YAML file of its own."""

    required_keys: ClassVar[str]
    """What no file may lack, in words."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a YAML file.

        Raises:
            InputError: the file cannot be read, is not YAML, or says something the schema
                does not know or allow; the message names file and field.
        """
        return cls.parse(read_text(path), name=str(path))

    @classmethod
    def parse(cls, text: str, *, name: str) -> Self:
        """Read YAML text; ``name`` stands for the file in messages."""
        return parse_spec(cls, text, name=name, keys=cls.required_keys)

    def dump(self) -> str:
        """The specification as YAML, every default written out."""
        return dump_spec(self)

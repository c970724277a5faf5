"""Specifications in YAML: read strictly, explained where they are wrong, written whole."""

from __future__ import annotations

import errno
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from materials.errors import InputError, did_you_mean
from materials.opening import small_file

_REASONS = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "it may not be read",
    errno.EISDIR: "it is a folder",
}
"""Why a file cannot be read, for people."""

_BOOL = "tag:yaml.org,2002:bool"

M = TypeVar("M", bound=BaseModel)


class Frozen(BaseModel):
    """Values that do not change and keys that are known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


class _Loader(yaml.SafeLoader):
    """Safe YAML in which ``on``, ``no`` and ``No``, nobelium, are words; no key comes twice.

    YAML 1.1 took them for truths; 1.2 has but true and false.
    """

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping; raises :class:`yaml.YAMLError` for a key given twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, n in Counter(keys).items():
            if n > 1 and key != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key}' is given twice", node.start_mark
                )
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != _BOOL]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_text(path: Path) -> str:
    """A file's text; raises :class:`InputError` for one that cannot be read."""
    try:
        return small_file(path).decode("utf-8").replace("\r\n", "\n")
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
    try:
        content = yaml.load(text, _Loader)  # noqa: S506 - a safe loader, made stricter
    except yaml.YAMLError as error:
        raise InputError(f"{name}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{name}: expected a mapping with keys such as {keys}, "
            f"got {type(content).__name__}"
        )
    return content


def validated(kind: type[M], content: dict[str, Any], *, name: str) -> M:
    """The specification that a mapping stands for; raises :class:`InputError`."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = [_explain(kind, problem) for problem in _causes(error.errors())]
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
    where = ".".join(path) or "specification"
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
    shown = f" (got {got!r})" if isinstance(got, str | int | float) else ""
    return f"{where}: {message}{shown}"


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

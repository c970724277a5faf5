"""YAML as specifications are written in it: safe, strict, and no larger than people write.

Words and numbers are read as in YAML 1.2 where 1.1, which PyYAML speaks, has surprises: ``No``
is nobelium, ``1:30`` is no number of minutes, ``010`` is ten and a date is a text.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import yaml

from materials.errors import InputError

LONGEST = 262_144
"""Characters of a specification; the longest of our own has 2,000."""

_MOST_NODES = 100_000  # after every alias is put in its place
_DEEPEST = 60  # levels
_ALIASES = "an alias stands for something that it is part of"
_TAG = "tag:yaml.org,2002:"
_WORDS = {
    "bool": (re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    "int": (re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), "-+0123456789"),
    "float": (
        re.compile(
            r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+0123456789.",
    ),
}
"""What is taken for something other than text, and how it begins. Nothing that PyYAML writes
without quotes as a text may be among it."""


_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C, where PyYAML has it, is ten times as fast."""


class _Loader(_Safe):  # type: ignore[misc]
    """Safe YAML in which words are words; no key comes twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping; raises :class:`yaml.YAMLError` for a key given twice, or no text."""
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a list or mapping stands for a name", key.start_mark
                )
        keys = [key.value for key, _ in node.value]
        for key, n in Counter(keys).items():
            if n > 1 and key != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key:.60}' is given twice", node.start_mark
                )
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


_Loader.yaml_implicit_resolvers = {
    first: [
        entry
        for entry in entries
        if entry[0].removeprefix(_TAG) not in (*_WORDS, "timestamp")
    ]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, (_pattern, _first) in _WORDS.items():
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, list(_first))


def load_yaml(text: str, name: str) -> Any:
    """What a text stands for; ``name`` is the file in messages.

    Raises :class:`InputError` for what is no YAML, says a key twice, or is larger than
    anybody writes: longer than :data:`LONGEST`, deeper than sixty levels, or blown up by
    aliases.
    """
    if len(text) > LONGEST:
        raise InputError(
            f"{name}: {len(text):,} characters, and a specification has at most {LONGEST:,}; "
            "give the file that you meant"
        )
    try:
        content = _content(text)
    except yaml.YAMLError as error:
        raise InputError(f"{name}: not valid YAML: {_shortened(str(error))}") from error
    except RecursionError as error:
        raise InputError(f"{name}: not valid YAML: nested too deeply") from error
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        reason = _shortened(str(error)) if isinstance(error, ValueError) else ""
        raise InputError(
            f"{name}: not valid YAML: a value is not of the tag it has, such as !!int or "
            f"!!timestamp; leave tags out{': ' * bool(reason)}{reason}"
        ) from error
    return content


def _content(text: str) -> Any:
    """Nodes first, so that their number is known before anything is made of them."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node)
        content = loader.construct_document(node)
    finally:
        loader.dispose()
    _check_texts(content)
    return content


def _check_size(root: yaml.Node) -> None:
    """Raise :class:`InputError` for cycles, depth, and aliases that multiply."""
    sizes: dict[int, int] = {}
    pending: list[tuple[yaml.Node, int, bool]] = [(root, 0, False)]
    inside: set[int] = set()
    while pending:
        node, depth, is_done = pending.pop()
        children = _children(node)
        if is_done:
            inside.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
            if sizes[id(node)] > _MOST_NODES:
                raise InputError(
                    f"more than {_MOST_NODES:,} values once its aliases are put in their "
                    "places; write out what you need"
                )
            continue
        if id(node) in sizes:
            continue
        if id(node) in inside:
            raise InputError(f"{_ALIASES} (line {node.start_mark.line + 1}); write it out")
        if depth > _DEEPEST:
            raise InputError(f"nested more than {_DEEPEST} levels deep")
        inside.add(id(node))
        pending.append((node, depth, True))
        pending += [(child, depth + 1, False) for child in children]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_texts(content: Any) -> None:
    """Raise :class:`InputError` for texts that no file and no path can hold."""
    pending = [content]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += [*value, *value.values()]
        elif isinstance(value, list | tuple | set):
            pending += value
        elif isinstance(value, str):
            odd = next((c for c in value if c == "\0" or "\ud800" <= c <= "\udfff"), None)
            if odd is not None:
                raise InputError(
                    f"a text holds the character U+{ord(odd):04X}, which no file can hold: "
                    f"{value[:60]!a}"
                )


def _shortened(text: str) -> str:
    return text if len(text) <= 600 else f"{text[:600]} …"

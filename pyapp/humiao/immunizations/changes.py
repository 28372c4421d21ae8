"""What is different between two texts of the programme, place by place, for the person who reviews it. Pure.

Compared are the values and not the lines: a comment or a line break changes nothing. An item of a list is known by what
the programme calls it (code, id, number), so that one more vaccine is one change and not a change of all behind it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NAMES = ("code", "id", "number")  # what items of a list are known by
VALUE_MAX = 400  # characters of a value that are shown


@dataclass(frozen=True, slots=True)
class Change:
    """A place that differs, such as `series[MCV].versions[MCV-2020].doses[2].min_age`.

    `before` None: it was not there; `after` None: it is gone. `line` is counted from 1 in the new text, or in the old
    one of what is gone.
    """

    path: str
    before: str | None
    after: str | None
    line: int


def changes_between(before: str, after: str) -> list[Change]:
    """Return every place that differs, in the order of the new text. Both texts must be YAML; raises yaml.YAMLError."""
    old, new = yaml.compose(before, Loader=_LOADER), yaml.compose(after, Loader=_LOADER)
    return list(_compare("", old, new))


def _compare(path: str, old: yaml.Node | None, new: yaml.Node | None) -> Iterator[Change]:
    was, now = _parts(old), _parts(new)
    if was is None or now is None or type(old) is not type(new):
        before, after = _shown(old), _shown(new)
        if before != after:
            at = new if new is not None else old
            assert at is not None
            yield Change(path, before, after, at.start_mark.line + 1)
        return
    for name in [*now, *(name for name in was if name not in now)]:
        yield from _compare(_joined(path, name), was.get(name), now.get(name))


def _parts(node: yaml.Node | None) -> Mapping[str, yaml.Node] | None:
    """What a node is made of, by name; None where it is compared as a whole."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): value for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        for known_by in NAMES:
            names = [_called(item, known_by) for item in node.value]
            if names and None not in names and len(set(names)) == len(names):
                return {f"[{name}]": item for name, item in zip(names, node.value, strict=True)}
    return None


def _called(item: yaml.Node, known_by: str) -> str | None:
    if isinstance(item, yaml.MappingNode):
        for key, value in item.value:
            if key.value == known_by and isinstance(value, yaml.ScalarNode):
                return str(value.value)
    return None


def _joined(path: str, name: str) -> str:
    return f"{path}{name}" if name.startswith("[") or not path else f"{path}.{name}"


def _shown(node: yaml.Node | None) -> str | None:
    if node is None:
        return None
    text = yaml.serialize(_flow(node), Dumper=yaml.SafeDumper, allow_unicode=True, width=10**6)
    text = text.removesuffix("\n").removesuffix("\n...").strip()
    return text if len(text) <= VALUE_MAX else f"{text[:VALUE_MAX]}…"


def _flow(node: yaml.Node) -> yaml.Node:
    """The same value, written on one line whatever its style was."""
    if isinstance(node, yaml.MappingNode):
        pairs = [(_flow(key), _flow(value)) for key, value in node.value]
        return yaml.MappingNode(node.tag, pairs, flow_style=True)
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(node.tag, [_flow(item) for item in node.value], flow_style=True)
    return yaml.ScalarNode(node.tag, node.value)

"""A mapping file while it is read: its tree, and where in it everything stands, so that each problem has its place."""

from __future__ import annotations

from dataclasses import dataclass

from engine.ruleset.documents import Mapping, Node, Scalar, Sequence, describe
from engine.ruleset.issues import Issues
from engine.ruleset.reading import key_span, point
from engine.ruleset.source import Span

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The tree of a mapping file and the problems found in it."""

    root: Node
    issues: Issues

    def node(self, *path: str | int) -> Node | None:
        """Return what stands at a path, or None."""
        node: Node | None = self.root
        for part in path:
            if isinstance(node, Mapping) and isinstance(part, str):
                node = node.get(part)
            elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            else:
                return None
        return node

    def text(self, *path: str | int) -> Scalar | None:
        """Return the text at a path; None where there is nothing, and with an issue where there is no text."""
        node = self.node(*path)
        if node is None or isinstance(node, Scalar):
            return node
        self.error("wrong-type", path, f'"{path[-1]}": found {describe(node)}; expected a text')
        return None

    def error(self, code: str, path: Path, message: str, hint: str = "") -> None:
        """Report a problem with the value at a path."""
        self.issues.error(code, point(self.root, path), message, hint)

    def key_error(self, code: str, path: Path, message: str, hint: str = "") -> None:
        """Report a problem with the name at the end of a path."""
        self.issues.error(code, self.key(path), message, hint)

    def key(self, path: Path) -> Span:
        """Return the place of the name at the end of a path."""
        holder = self.node(*path[:-1])
        found = key_span(holder, path[-1]) if holder is not None else None
        return found or point(self.root, path)

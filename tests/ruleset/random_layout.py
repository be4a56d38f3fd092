"""Rule files written in any layout that YAML allows: each indentation, brackets or none, comments and blank lines."""

from __future__ import annotations

from random import Random
from typing import Any

from engine.ruleset.flow_text import flow_text
from tests.ruleset.strategies import Writer

WORDS = (
    "push",
    "sms",
    "a: b",
    "true",
    "7",
    "05",
    "",
    "on # it",
    "näher",
    "两个 字",
    "it's",
    'a "quoted" one',
    " blank ",
)


class Scribbler:
    """Writes plain data as YAML, each value in a way of its own; `comments` are those written, in their order."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.comments: list[str] = []

    def rules(self) -> dict[str, Any]:
        """Return the content of a rule file."""
        rules = [self._rule(number) for number in range(self.random.randint(1, 4))]
        define = {f"name_{number}": self._value(2) for number in range(self.random.randint(0, 3))}
        return {"family": "routing", **({"define": define} if define else {}), "rules": rules}

    def _rule(self, number: int) -> dict[str, Any]:
        fields = {
            "then": self._value(3),
            "when": Condition(Writer(self.random).condition(self.random.randint(0, 3))),
            "id": f"rule-{number}",
            "doc": " ".join(self.random.choice(WORDS).strip() or "x" for _ in range(self.random.randint(1, 30))),
        }
        names = self.random.sample(list(fields), self.random.randint(1, len(fields)))
        return {name: fields[name] for name in names}

    def _value(self, depth: int) -> Any:
        roll = self.random.random()
        if depth and roll < 0.3:
            return {self.random.choice("abcdefgh") * size: self._value(depth - 1) for size in range(1, self._few())}
        if depth and roll < 0.55:
            return [self._value(depth - 1) for _ in range(self._few())]
        return self.random.choice((*WORDS, 3, 0.5, True, None, "a\nb\n", "word " * self.random.randint(1, 40)))

    def _few(self) -> int:
        return self.random.choice((0, 1, 2, 3, 3, 5))

    # ---- writing ----

    def file(self, value: Any) -> str:
        """Write a whole file."""
        head = "".join(f"{line}\n" for line in self._quiet_lines(0))
        return head + "\n".join(self._block(value, 0)) + self.random.choice(("", "\n", "\n\n\n"))

    def _comment(self) -> str:
        text = f"# {len(self.comments)} {self.random.choice(('why', '# twice', 'a: b', '- x', 'it is {so}'))}"
        self.comments.append(text)
        return text

    def _quiet_lines(self, indent: int) -> list[str]:
        """Write comments and blank lines, or mostly none."""
        lines = []
        while self.random.random() < 0.2:
            lines.append(" " * indent + self._comment() if self.random.random() < 0.6 else "")
        return lines

    def _beside(self) -> str:
        return " " * self.random.randint(1, 4) + self._comment() if self.random.random() < 0.12 else ""

    def _block(self, value: Any, indent: int) -> list[str]:
        entries = list(value.items()) if isinstance(value, dict) else [(None, one) for one in value]
        lines: list[str] = []
        for at, (key, one) in enumerate(entries):
            # Before the first one a comment would have to be where the line of its owner may not have ended yet.
            lines += self._quiet_lines(indent) if at else []
            lines += self._entry(key, one, indent)
        return lines

    def _entry(self, key: str | None, value: Any, indent: int) -> list[str]:
        head = " " * indent + ("-" if key is None else f"{key}:")
        blanks = " " * self.random.randint(1, 3)
        if isinstance(value, dict | list) and value and self.random.random() < 0.6:
            deeper = indent + self.random.randint(1, 4)
            if key is None and self.random.random() < 0.7:
                below = self._block(value, indent + 1 + len(blanks))
                return [f"{head}{blanks}{below[0].lstrip()}", *below[1:]]
            if key is not None and isinstance(value, list) and self.random.random() < 0.3:
                deeper = indent  # a list need not be indented below its field
            return [head + self._beside(), *self._block(value, deeper)]
        if isinstance(value, dict | list):
            return [head + blanks + self._flow(value, indent + 1) + self._beside()]
        if value is None:
            return [head + self._beside()]
        return self._word(value, head + blanks, indent)

    def _word(self, value: Any, head: str, indent: int) -> list[str]:
        text = self._loose(value) if isinstance(value, Condition) else value
        style = self.random.random()
        if isinstance(text, str) and "\n" not in text and text.strip() == text != "" and style < 0.4:
            sign, deeper = self.random.choice((">-", "|-")), " " * (indent + self.random.randint(1, 5))
            lines = text.split("  ")[:1] if sign == "|-" else self._broken(text)
            if "  ".join(lines) == text or sign == ">-":
                return [head + sign + self._beside(), *(deeper + line for line in lines)]
        if isinstance(text, str) and style < 0.7:
            return [head + "'" + text.replace("\n", "\n\n").replace("'", "''") + "'" + self._beside()]
        return [head + flow_text(text) + self._beside()]

    def _broken(self, text: str) -> list[str]:
        """Break a text at some of its single blanks."""
        lines, words = [""], text.split(" ")
        for at, word in enumerate(words):
            if at > 0 and word and words[at - 1] and self.random.random() < 0.2:
                lines.append(word)
            else:
                lines[-1] += (" " if at else "") + word
        return lines

    def _flow(self, value: Any, indent: int) -> str:
        if isinstance(value, dict):
            parts = [f"{key}: {self._flow(one, indent)}" for key, one in value.items()]
        elif isinstance(value, list):
            parts = [self._flow(one, indent) for one in value]
        else:
            return flow_text(self._loose(value) if isinstance(value, Condition) else value)
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        made = opening
        for at, part in enumerate(parts):
            made += ("," if at else "") + self._between(indent) + part
        return made + self._between(indent) + closing

    def _between(self, indent: int) -> str:
        """Write what may stand between the words in brackets."""
        roll = self.random.random()
        if roll < 0.06:
            return f" {self._comment()}\n" + " " * indent
        if roll < 0.1:
            return "\n" + " " * indent + self._comment() + "\n" + " " * indent
        return " " * self.random.randint(1, 3) if roll < 0.9 else "\n" + " " * indent

    def _loose(self, condition: str) -> str:
        """Write a condition with other blanks around its signs."""
        for sign in ("&&", "||", "==", ">=", ", "):
            if self.random.random() < 0.4 and '"' not in condition:
                condition = condition.replace(f" {sign} ", sign + " " * self.random.randint(0, 2))
        return condition


class Condition(str):
    """A condition, whose blanks do not matter."""

    __slots__ = ()

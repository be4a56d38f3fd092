"""Every code of a problem with what it says in one sentence. docs/codes/ has a page for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.ruleset.issues import Severity, did_you_mean


@dataclass(frozen=True, slots=True)
class Code:
    """What a code says, in a sentence, and how grave it usually is."""

    title: str
    severity: Severity = Severity.ERROR


CODES: Final[Mapping[str, Code]] = {
    # The folder and its files
    "missing-folder": Code("The folder of the version does not exist."),
    "not-a-folder": Code("What should be a folder is a file."),
    "not-a-file": Code("What should be a file is a folder, a pipe or a device."),
    "missing-file": Code("A file that has to be there is missing."),
    "unknown-file": Code(
        "A file in the folder is not read, since no file of a version is called so.", Severity.WARNING
    ),
    "unreadable": Code("The file or folder is there and may not be read."),
    "broken-link": Code("The file is a link to a file that does not exist."),
    "link-leaves-folder": Code("The file is a link to a place outside of the version's folder."),
    "too-many-files": Code("The folder holds more than 200 files."),
    "too-large": Code("A file, a list, a condition or the whole version is larger than allowed."),
    "changed-while-reading": Code("The folder was being changed each time it was read."),
    "not-utf8": Code("The file is not UTF-8 text."),
    "binary-file": Code("The file is not text at all: it holds a zero byte."),
    "bad-version": Code("The name of a version has a form that it may not have."),
    "too-many": Code("There are more problems than are listed."),
    # YAML
    "empty-file": Code("The file holds nothing."),
    "yaml-syntax": Code("The file is not YAML."),
    "yaml-tab": Code("A line is indented with a tab."),
    "yaml-indentation": Code("A line is not indented as the lines that it belongs to."),
    "yaml-field": Code("A line is no field: it has no colon with a space after it."),
    "yaml-value": Code("A value holds a sign that YAML takes for its own."),
    "yaml-quote": Code("A quote is opened and never closed."),
    "yaml-bracket": Code("A bracket is not closed, or closed by another one."),
    "yaml-truncated": Code("The file ends in the middle of something."),
    "yaml-escape": Code("A backslash in double quotes begins an escape that does not exist."),
    "yaml-anchor": Code("The file has an anchor, `&name`."),
    "yaml-alias": Code("The file has an alias, `*name`."),
    "yaml-tag": Code("YAML takes a word after `!` for a tag."),
    "yaml-documents": Code("The file holds several documents, divided by `---`."),
    "yaml-key": Code("The name of a field is a list or a group instead of a word."),
    "duplicate-key": Code("A field is written twice in one group."),
    "control-character": Code("The file holds a character that shows nothing and may not stand there."),
    "too-deep": Code("Something nests deeper than 32 levels."),
    # Fields and values
    "unknown-field": Code("A field stands where no field of that name is known."),
    "missing-field": Code("A field that has to be there is missing."),
    "wrong-type": Code("A value is of another kind than what belongs there: a text for a number, a word for a list."),
    "wrong-value": Code("A value is of the right kind and not one of those allowed."),
    "empty-value": Code("A text is empty."),
    "too-long": Code("A text or a word is longer than allowed."),
    "bad-name": Code("A name has a form that it may not have."),
    "bad-duration": Code("A duration is not written as one, or is out of bounds."),
    "bad-time": Code("A time of day is not written as one."),
    "bad-amount": Code("An amount is not written as one, or is out of bounds."),
    "bad-unit": Code("The unit of a charge is no currency and not COUNT."),
    "bad-reason": Code("A reason is none of those that an interception rule may give."),
    "wrong-effect": Code("The effect belongs to another family."),
    "unknown-effect": Code("There is no effect of that name."),
    "two-effects": Code("A rule has two effects."),
    "no-effect": Code("A rule, or a part of it, does nothing."),
    "wrong-family": Code("The file says that it holds the rules of another family."),
    "empty-routing": Code("routing.yaml has no rule."),
    "too-many-rules": Code("A file has more than 2,000 rules."),
    "duplicate-id": Code("Two rules have one id."),
    "duplicate-channel": Code("A channel stands twice in one list."),
    "duplicate-provider": Code("A provider stands twice in one list."),
    "missing-wait": Code("A step of a supplement does not say how long it waits."),
    "missing-user": Code("A limit does not count by user."),
    "unknown-placeholder": Code("The name of an account holds a placeholder that is not known, or has no value here."),
    "unknown-channel": Code("facts.yaml declares no channel of that name."),
    # Definitions
    "duplicate-name": Code("A name is defined a second time."),
    "define-expression": Code("A constant looks like an expression."),
    "unused-define": Code("No condition uses this name.", Severity.WARNING),
    "define-cycle": Code("A named condition is defined by itself, directly or by others."),
    "name-taken": Code("The name for the items of a list is taken already."),
    # Decision tables
    "ragged-row": Code("A row of a table has more or fewer cells than there are columns."),
    "empty-table": Code("A table has no columns, or no rows."),
    "bad-cell": Code("A cell of a table cannot be read as what its column compares with."),
    "ambiguous-cell": Code("A comma in a cell may part two numbers or belong to one."),
    "empty-range": Code("No value lies in a range."),
    "full-width-cell": Code(
        "Full-width signs in a cell are letters of a text, not signs of the language.", Severity.WARNING
    ),
    "unknown-column": Code("A heading is no column that can be."),
    "duplicate-column": Code("Two columns of a table have one heading."),
    "csv-separator": Code("The line of headings has several separators, so it is not clear which parts the columns."),
    "csv-quote": Code("A quote in a CSV file is not closed, or does not close a cell."),
    "unused-table": Code("No table of a rule file names a file of `tables/`.", Severity.WARNING),
    # Overrides of a line or a tenant
    "unknown-rule": Code("There is no common rule of the name that is to be replaced or removed."),
    "override-conflict": Code("Two overrides take the same messages from one common rule."),
    "duplicate-value": Code("A line or a tenant stands twice in one `for:`."),
    "no-rules": Code("An override has no rules."),
    # Word lists and files of values
    "bad-list-name": Code("The name of a word list cannot stand in a condition."),
    "empty-list": Code("A word list holds no word.", Severity.WARNING),
    "empty-word": Code("A line of a word list has a severity and no word."),
    "bad-severity": Code("What stands behind the tab is no severity."),
    "list-no-tab": Code("Something else than a tab stands between a word and its severity.", Severity.WARNING),
    "duplicate-word": Code("A word stands in a list twice.", Severity.WARNING),
    "conflicting-duplicate": Code("A word stands in a list twice, with two severities."),
    "too-many-words": Code("A word list has more than 200,000 words."),
    "unused-list": Code("No condition reads a word list.", Severity.WARNING),
    "empty-values": Code("A file of values holds none."),
    "unused-values": Code("No definition reads a file of `values/`.", Severity.WARNING),
    # Conditions
    "cel-syntax": Code("A condition cannot be read as an expression."),
    "cel-unsupported": Code("A condition uses something of CEL that is not part of this language."),
    "cel-literal": Code("A number or a text in a condition is not written correctly."),
    "condition-not-plain": Code("YAML takes the beginning or a part of a condition for its own."),
    "empty-condition": Code("A rule has a `when:` with nothing behind it."),
    "unknown-fact": Code("A condition names a fact that does not exist."),
    "unknown-function": Code("A condition calls a function that does not exist."),
    "wrong-arguments": Code("A function is called with too many or too few arguments."),
    "bad-pattern": Code("The pattern of `matches()` is no regular expression."),
    "impossible-value": Code("A fact is compared with a value that it never has."),
    "constant-error": Code("A calculation with constants only fails."),
    "too-complex": Code("A condition has too many cases to tell whether it always has a value."),
    "may-err": Code("A condition could have no value, and then the rule would not apply."),
    "breaker-subject": Code("A breaker rule does not say what it judges, or names two subjects."),
    # What the rules mean
    "never-true": Code("A condition, or a part of one, never holds, whatever the facts are."),
    "always-true": Code("A condition, or a part of one, always holds, whatever the facts are."),
    "unreachable": Code("A routing rule is never reached, since rules before it take every message that it would."),
    "redundant": Code(
        "A rule changes nothing: other rules ask for the same, or for what wins, wherever it matches.", Severity.WARNING
    ),
    "overlap": Code(
        "Two rules match the same message or window and ask for different things, and the order of the file decides.",
        Severity.WARNING,
    ),
    "table-gap": Code("A decision table has no row for some messages, of which one is shown.", Severity.WARNING),
    "table-overlap": Code(
        "Two rows of a decision table match the same message and ask for different things.", Severity.WARNING
    ),
    "no-default-route": Code("Some messages match no routing rule, and are dropped (NO_ROUTE).", Severity.WARNING),
    "dead-limit": Code("A limit, or a part of it, can never refuse anything.", Severity.WARNING),
    "undecided": Code("The analysis could not tell within its bounds whether something is so.", Severity.NOTE),
    "limits-disagree": Code("Two limits share a name and do not count the same."),
    "units-disagree": Code("Two charges, or a charge and a budget, keep one account in two units."),
    "drop-with-channel": Code("A drop ends the whole message, but its condition is asked of each channel."),
    "exclude-without-channel": Code("An exclude does not say which channel it takes away."),
    "no-receipts": Code("A step of a supplement waits for a receipt of a channel that reports none.", Severity.WARNING),
    # Names that nobody uses, or nobody serves
    "unused-fact": Code("facts.yaml declares a fact that no condition reads.", Severity.WARNING),
    "unused-channel": Code("facts.yaml declares a channel that no routing rule uses.", Severity.WARNING),
    "unused-budget": Code("facts.yaml declares a budget whose rest no condition reads.", Severity.WARNING),
    "unserved-channel": Code(
        "A route uses a channel that no provider of the server's settings serves.", Severity.WARNING
    ),
    "unknown-provider": Code(
        "A route names a provider that the server's settings do not have for its channel.", Severity.WARNING
    ),
    # Rule tests
    "no-rule-tests": Code("A version has no rule test.", Severity.WARNING),
    "rule-test-failed": Code("A rule test expects something else than the rules decide."),
    "unknown-limit": Code("A rule test names a limit that no fatigue rule has."),
    "wrong-steps": Code("A rule test with steps has something that steps exclude."),
    "wrong-table": Code("The table of a rule test is no table."),
    "unknown-parameter": Code("A rule test names a parameter that its table has no column for."),
    "unused-column": Code("A column of a rule test's table is used nowhere in the case."),
    # Taking a version into service
    "served-folder-edited": Code("The folder of a version that serves, or ever served, was edited."),
    "not-taken": Code("A version was loaded and could not be put in force."),
    "not-kept": Code("A version serves and could not be kept for the next start.", Severity.WARNING),
    "no-room": Code("The files of a version cannot be copied into the data directory."),
    "load-failed": Code("Loading a version ended in an error of the program."),
    "load-out-of-memory": Code("Loading a version took too much memory."),
    "load-timeout": Code("Loading a version, with its rule tests, took too long."),
    "load-crashed": Code("The process that loaded a version crashed."),
    "load-too-large": Code("The compiled version is too large to be handed to the server."),
    "load-given-up": Code("A load was given up, since a newer one took its place."),
    "rules-process-away": Code("The process that loads versions is away."),
    # Maps of tables to messages
    "unknown-name": Code("A map names a column, a table or a spread that does not exist."),
    "bad-template": Code("A text of a map holds a single bracket."),
}
"""In the order of docs/codes/README.md."""


def nearest(code: str) -> str:
    """Return `did you mean "x"?` for a code that is none, or an empty text."""
    return did_you_mean(code, CODES)

"""A map's conditions as Python functions hold exactly when the interpreter says that they are true."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.mapping.conditions import compile_condition
from engine.ruleset.expressions import Names, parse_condition
from engine.ruleset.facts_schema import FactsSchema, FactType, Scope
from engine.ruleset.interpreter import holds
from engine.ruleset.issues import Issues
from engine.ruleset.source import Source
from engine.ruleset.syntax import Type

SCHEMA = FactsSchema(
    (),
    (),
    {},
    (
        FactType("row.word", Type.STRING, True, slot=0),
        FactType("row.amount", Type.DOUBLE, True, slot=1),
        FactType("row.count", Type.INT, True, slot=2),
        FactType("row.other", Type.STRING, True, slot=3),
    ),
)
LEAVES = st.sampled_from(
    [
        'row.word == "a"', 'row.word != "a"', 'row.word < "b"', 'row.word in ["a", "b"]', "row.amount >= 1.5",
        "row.amount < 1", "row.count == 2", "row.count >= 1.5", "row.count + 1 > 2", "row.word == row.other",
        "row.word <= row.other", "has(row.word)", "has(row.amount)", 'row.word.startsWith("a")', "10 / row.count > 4",
        '"a" == row.word', "true", "1.5 <= row.amount",
    ]
)  # fmt: skip
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=6,
)
VALUES = st.tuples(
    st.sampled_from([None, "a", "b", "c"]),
    st.sampled_from([None, 0.0, 1.0, 1.5, 2.0]),
    st.sampled_from([None, 0, 1, 2]),
    st.sampled_from([None, "a", "b"]),
)


@given(CONDITIONS, st.lists(VALUES, min_size=1, max_size=20))
def test_compiled_and_interpreted_conditions_agree(text: str, rows: list[tuple[object, ...]]) -> None:
    """Absent values, errors and negations included."""
    issues, source = Issues(), Source("map", text)
    expr = parse_condition(text, source.span, Names(SCHEMA, "map", {}), issues)
    assert expr is not None, issues.sorted()
    compiled, interpreted = compile_condition(expr, SCHEMA), holds(expr, SCHEMA, Scope.MESSAGE)

    for values in rows:
        assert compiled(values) is (interpreted(values, ()) is True), values

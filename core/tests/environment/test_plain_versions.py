from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from wxml.environment.plain_versions import meets, read_plain

numbers = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
suffix = st.sampled_from(["", ".post0", ".post3", "+cpu", ".post1+cu124", "rc1", ".dev3", "a0"])
operators = st.sampled_from(["~=", ">=", "<=", "==", "!=", "<", ">"])
ranges = st.lists(st.tuples(operators, numbers), max_size=3)
markers = st.sampled_from(["", "; extra == 'fast'", '; python_version < "3.9"', "; python_version>='3.11'"])


@given(ranges, numbers, suffix)
@example([(">", "1.0")], "1", ".post0")
@example([("<=", "2.6")], "2.6.0", "+cpu")
@example([("~=", "1.2.0")], "1.2", "")
def test_the_answer_is_that_of_packaging_or_none(limits, release, ending) -> None:
    text = ",".join(operator + limit for operator, limit in limits)
    plain = read_plain(f"it{text}")
    if plain is None:
        assert any(operator == "~=" and "." not in limit for operator, limit in limits)
        return
    answer = meets(release + ending, plain.clauses)
    if ending in ("rc1", ".dev3", "a0"):
        assert answer is None
    else:
        assert answer is SpecifierSet(text).contains(release + ending, prereleases=True)


@given(st.sampled_from(["a", "Acme_wxml", "x.y-z2"]), st.sampled_from(["", "[torch]", "[a, b-c]"]), ranges, markers)
def test_what_is_read_is_what_packaging_reads(name, extras, limits, marker) -> None:
    if any(operator == "~=" and "." not in limit for operator, limit in limits):
        return
    text = f"{name}{extras} {','.join(operator + limit for operator, limit in limits)} {marker}"
    plain, known = read_plain(text), Requirement(text)
    assert plain is not None
    assert (plain.name, set(plain.extras)) == (known.name, known.extras)
    assert {operator + limit for operator, limit in plain.clauses} == {str(clause) for clause in known.specifier}
    for extra in ("", "fast"):
        wanted = known.marker is None or known.marker.evaluate({"extra": extra})
        assert (plain.holds and plain.extra in ("", extra)) is wanted


def test_what_is_not_plain_is_left_to_packaging() -> None:
    texts = (
        "a @ https://example.org/a.whl",
        "a==1.*",
        "a>=1rc1",
        "a===1",
        "a (>=1)",
        "a; sys_platform == 'linux'",
        "a; extra == 'x' and python_version < '4'",
        "a >>> 3",
        "",
    )
    assert [read_plain(text) for text in texts] == [None] * len(texts)

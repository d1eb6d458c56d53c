import pytest
from wxml.environment.names import canonical_name, kind_name
from wxml.plugins.policy import Policy


@pytest.mark.parametrize(
    ("text", "permitted", "refused"),
    [
        ("", {"a", "b", "wxml-core"}, set()),
        (" , ", {"a", "b"}, set()),
        ("none", {"wxml-core"}, {"a", "b"}),
        ("a", {"a", "wxml-core"}, {"b"}),
        ("A , b", {"a", "b"}, {"c"}),
        ("-a", {"b", "wxml-core"}, {"a"}),
        ("a,b,-b", {"a"}, {"b", "c"}),
        ("none,a", {"a"}, {"b"}),
        ("-wxml-core", {"wxml-core", "a"}, set()),
        ("my_Own.plugin", {"my-own-plugin", "My.Own.Plugin"}, {"my-own"}),
    ],
)
def test_the_list_says_who_may(text, permitted, refused) -> None:
    policy = Policy.from_text(text)
    assert {name for name in permitted if not policy.permits(name)} == set()
    assert {name for name in refused if policy.permits(name)} == set()


def test_a_refusal_says_which_list_it_is() -> None:
    assert Policy.from_text("-a").refusal("a").startswith("denied by")
    assert Policy.from_text("b").refusal("a").startswith("not in the allow-list of")
    assert Policy.from_text("b").refusal("b") == ""


@pytest.mark.parametrize("name", ["Friendly-Bard", "FRIENDLY.BARD", "friendly_bard", "FrIeNdLy-._.-bArD"])
def test_names_fold_as_in_pep_503(name) -> None:
    assert canonical_name(name) == "friendly-bard"


@pytest.mark.parametrize(
    ("plural", "singular"), [("losses", "loss"), ("metrics", "metric"), ("data_sources", "data-source")]
)
def test_kinds_are_singular_and_stay_so(plural, singular) -> None:
    assert kind_name(plural) == kind_name(singular) == singular

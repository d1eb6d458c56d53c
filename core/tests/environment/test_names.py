import pytest
from wxml.environment.names import canonical_name, kind_name, same_plugin


@pytest.mark.parametrize("name", ["Friendly-Bard", "FRIENDLY.BARD", "friendly_bard", "FrIeNdLy-._.-bArD"])
def test_names_fold_as_in_pep_503(name) -> None:
    assert canonical_name(name) == "friendly-bard"


@pytest.mark.parametrize(
    ("plural", "singular"), [("losses", "loss"), ("metrics", "metric"), ("data_sources", "data-source")]
)
def test_kinds_are_singular_and_stay_so(plural, singular) -> None:
    assert kind_name(plural) == kind_name(singular) == singular


@pytest.mark.parametrize(
    ("lower", "upper", "kept"),
    [
        ("gnn", "GNN", "GNN"),
        ("gnn", "acme:gnn", "acme:gnn"),
        ("Acme:gnn", "gnn", "Acme:gnn"),
        ("acme:gnn", "ACME:Gnn", "ACME:Gnn"),
        ("acme:gnn", "other:gnn", ""),
        ("gnn", "icon", ""),
        ("acme:gnn", "icon", ""),
        ("no_op", "No-Op", "No-Op"),
    ],
)
def test_a_bare_and_a_full_name_are_the_same_plugin_and_the_full_one_is_kept(lower, upper, kept) -> None:
    assert same_plugin(lower, upper) == kept
    assert bool(same_plugin(upper, lower)) == bool(kept)

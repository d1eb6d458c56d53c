import pytest
from wxml.errors import AmbiguousPluginError, BrokenPluginError, UnknownPluginError
from wxml.plugins.catalog import Catalog, PluginRecord, installed, scan
from wxml.plugins.known import known_names
from wxml.plugins.resolve import resolve

FIRST_PARTY = {
    "wxml-dataset-sources",
    "wxml-forecast-writers",
    "wxml-graph-builders",
    "wxml-processor-gnn",
    "wxml-processor-transformer",
    "wxml-trainer-lightning",
    "wxml-verification",
}

GNN = PluginRecord("processor", "gnn", "wxml-processor-gnn", "0.1.0", "a:B")
GRAPH = PluginRecord("processor", "graph-transformer", "wxml-processor-transformer", "0.1.0", "a:B")
ICON = PluginRecord("processor", "icon", "acme-wxml", "0.3.1", "a:B", "conflict")
OTHER = PluginRecord("processor", "icon", "other-wxml", "2.0.0", "a:B", "conflict")


def catalog(*records: PluginRecord) -> Catalog:
    return Catalog(records, installed().kinds)


@pytest.mark.parametrize(
    "name", ["graph-transformer", "Graph_Transformer", "wxml_processor.transformer:GRAPH_transformer"]
)
def test_a_name_is_folded_and_may_carry_its_distribution(name) -> None:
    assert resolve("processor", name, catalog(GNN, GRAPH)) is GRAPH


def test_a_misspelt_name_is_answered_with_the_nearest_and_the_place() -> None:
    where = "experiment.yaml:14, model.processor.plugin"
    with pytest.raises(UnknownPluginError) as caught:
        resolve("processors", "graphtransfomer", catalog(GNN, GRAPH), where=where)
    assert str(caught.value) == (
        "unknown processor 'graphtransfomer' (experiment.yaml:14, model.processor.plugin)\n"
        "  did you mean 'graph-transformer'?   installed: gnn, graph-transformer"
    )


def test_a_misspelt_name_of_a_package_that_could_be_installed() -> None:
    with pytest.raises(UnknownPluginError, match="not installed:  python -m pip install 'wxml-processor-transformer"):
        resolve("processor", "transfomer", catalog(GNN))


@pytest.mark.parametrize("name", ["transformer", "Transformer", "wxml-processor-transformer:transformer"])
def test_a_first_party_name_comes_with_the_command_that_installs_it(name) -> None:
    with pytest.raises(UnknownPluginError) as caught:
        resolve("processor", name, catalog(GNN))
    assert str(caught.value) == (
        "processor 'transformer' is not installed\n  it is provided by wxml-processor-transformer:  "
        "python -m pip install 'wxml-processor-transformer>=0.1,<0.2'"
    )


def test_a_name_of_somebody_else_is_not_taken_for_a_first_party_one() -> None:
    with pytest.raises(UnknownPluginError, match="unknown processor 'acme:transformer'"):
        resolve("processor", "acme:transformer", catalog(GNN))


def test_two_providers_are_an_error_that_says_what_to_write() -> None:
    with pytest.raises(AmbiguousPluginError) as caught:
        resolve("processor", "icon", catalog(ICON, OTHER))
    assert str(caught.value) == (
        "processor 'icon' is provided by two packages: acme-wxml 0.3.1, other-wxml 2.0.0\n"
        "  write `plugin: acme-wxml:icon` or `plugin: other-wxml:icon`"
    )
    assert resolve("processor", "other-wxml:icon", catalog(ICON, OTHER)) is OTHER


def test_an_unknown_kind_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        UnknownPluginError, match=r"unknown kind of plugin 'procesor' \(here\)\n  did you mean 'processor'"
    ):
        resolve("procesor", "gnn", where="here")


def test_an_import_path_is_only_an_unknown_name() -> None:
    with pytest.raises(UnknownPluginError, match=r"unknown processor 'os\.path:join'"):
        resolve("processor", "os.path:join")


def test_a_disabled_plugin_says_who_disabled_it(site, monkeypatch) -> None:
    site.trainer("acme", "acme_x")
    monkeypatch.setenv("WXML_PLUGINS", "-acme")
    with pytest.raises(UnknownPluginError) as caught:
        resolve("trainer", "it", scan())
    assert "trainer 'it' of acme 1.0 is disabled: denied by the environment variable WXML_PLUGINS" in str(caught.value)
    assert "take `-acme` out of WXML_PLUGINS" in caught.value.fix


def test_an_incompatible_plugin_says_both_ways_out(site) -> None:
    site.trainer("acme", "acme_x", metadata="Requires-Dist: wxml-core>=99\n")
    with pytest.raises(BrokenPluginError) as caught:
        resolve("trainer", "it", scan(), where="training.plugin")
    assert caught.value.message == (
        "trainer 'it' of acme 1.0 is incompatible: needs wxml-core>=99 (0.1.0 is installed) (training.plugin)"
    )
    assert "--upgrade 'acme' 'wxml-core==0.1.0'" in caught.value.fix
    assert "--upgrade wxml-core 'acme==1.0'" in caught.value.fix


def test_a_missing_dependency_is_installed_without_touching_core(site) -> None:
    site.trainer("acme", "acme_x", metadata="Requires-Dist: nowhere>2\n")
    with pytest.raises(BrokenPluginError, match="needs nowhere>2") as caught:
        resolve("trainer", "it", scan())
    assert caught.value.fix == "python -m pip install 'acme==1.0' 'wxml-core==0.1.0'"


def test_what_first_party_packages_provide_is_known_where_they_are_not_installed() -> None:
    ours = [record for record in installed().records if record.kind in installed().kinds]
    provided = {(r.kind, r.name): r.distribution for r in ours if r.distribution in FIRST_PARTY}
    assert provided
    assert {key: known_names(key[0]).get(key[1]) for key in provided} == provided

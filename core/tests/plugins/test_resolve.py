import os
import subprocess
import sys

import pytest
from wxml.environment.installer import install_command, uninstall_command
from wxml.environment.release_index import released_names
from wxml.errors import AmbiguousPluginError, BrokenPluginError, UnknownPluginError
from wxml.plugins.catalog import Catalog, PluginRecord, installed, scan
from wxml.plugins.resolve import resolve, spelled_out

FIRST_PARTY = {
    "wxml-dataset-sources",
    "wxml-forecast-writers",
    "wxml-graph-builders",
    "wxml-processor-gnn",
    "wxml-trainer-lightning",
    "wxml-verification",
}

BUILDERS = "wxml-graph-builders>=0.2,<0.3"
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


@pytest.mark.carries_out("install the package that provides it: there is no {} here")
def test_a_name_of_a_kind_of_which_nothing_is_installed() -> None:
    with pytest.raises(UnknownPluginError) as caught:
        resolve("extension", "acme", catalog(GNN), where="experiment.yaml:2, extensions.acme.plugin")
    assert str(caught.value) == (
        "unknown extension 'acme' (experiment.yaml:2, extensions.acme.plugin)\n"
        "  install the package that provides it: there is no extension here"
    )
    acme = PluginRecord("extension", "acme", "acme-wxml", "1.0", "a:B")
    assert resolve("extension", "acme", catalog(GNN, acme)) is acme


def test_a_misspelt_name_of_a_package_that_could_be_installed() -> None:
    with pytest.raises(UnknownPluginError) as caught:
        resolve("graph-builder", "icosahedrl", catalog())
    assert f"did you mean 'icosahedral'? (not installed:  {install_command(BUILDERS)})" in caught.value.fix


@pytest.mark.parametrize("name", ["icosahedral", "Icosahedral", "wxml_graph-builders:icosahedral"])
def test_a_first_party_name_comes_with_the_command_that_installs_it(name) -> None:
    with pytest.raises(UnknownPluginError) as caught:
        resolve("graph-builder", name, catalog())
    assert str(caught.value) == (
        "graph-builder 'icosahedral' is not installed\n"
        f"  it is provided by wxml-graph-builders:  {install_command(BUILDERS)}"
    )


def test_what_is_planned_and_not_released_is_not_offered() -> None:
    with pytest.raises(UnknownPluginError) as caught:
        resolve("processor", "spectral", catalog(GNN))
    assert "install " not in str(caught.value)


def test_a_name_of_somebody_else_is_not_taken_for_a_first_party_one() -> None:
    with pytest.raises(UnknownPluginError, match="unknown processor 'acme:gnn'"):
        resolve("processor", "acme:gnn", catalog())


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
        "trainer 'it' of acme 1.0 is incompatible: needs wxml-core>=99 (0.2.0 is installed) (training.plugin)"
    )
    assert "--upgrade 'acme' 'wxml-core==0.2.0'" in caught.value.fix
    assert "--upgrade 'wxml-core' 'acme==1.0'" in caught.value.fix


def test_a_missing_dependency_is_installed_without_touching_core(site) -> None:
    site.trainer("acme", "acme_x", metadata="Requires-Dist: nowhere>2\n")
    with pytest.raises(BrokenPluginError, match="needs nowhere>2") as caught:
        resolve("trainer", "it", scan())
    assert caught.value.fix == install_command("acme==1.0", "wxml-core==0.2.0")


def test_an_extra_that_a_plugin_needs_is_in_the_command(site) -> None:
    site.add("acme", "[wxml.trainers]\nit = acme:It [fast]\n", metadata="Requires-Dist: nowhere>2; extra == 'fast'\n")
    with pytest.raises(BrokenPluginError, match=r"^trainer 'it' of acme 1.0 needs nowhere>2 \(not") as caught:
        resolve("trainer", "it", scan())
    assert caught.value.fix == install_command("acme[fast]==1.0", "wxml-core==0.2.0")


def test_what_first_party_packages_provide_is_known_where_they_are_not_installed() -> None:
    ours = [record for record in installed().records if record.kind in installed().kinds]
    provided = {(r.kind, r.name): r.distribution for r in ours if r.distribution in FIRST_PARTY}
    assert provided
    assert {key: released_names(key[0]).get(key[1]) for key in provided} == provided


def test_a_broken_plugin_names_the_command_that_removes_it(site) -> None:
    site.add("acme", "[wxml.trainers]\nit = not a value\n")
    with pytest.raises(BrokenPluginError, match="is broken: its entry point must be") as caught:
        resolve("trainer", "it", scan())
    assert caught.value.fix.splitlines() == [
        f"tell the authors of acme, or remove it:  {uninstall_command('acme')}",
        "if that fails because of its metadata, delete its `.dist-info` folder",
    ]


def test_a_broken_plugin_does_not_stand_in_the_way_of_one_in_order(site) -> None:
    site.add("aaa", "[wxml.trainers]\nit = not a value\n")
    site.trainer("acme", "acme_x")
    assert resolve("trainer", "it", scan()).full_name == "acme:it"


ASK = """
from wxml.errors import WxmlError
from wxml.plugins.resolve import resolve
for name in ("it", "itt", "acme:it", "other:it", "third:it"):
    try:
        print(resolve("trainer", name))
    except WxmlError as error:
        print(error)
"""


def test_neither_hash_seeds_nor_the_order_of_installation_change_an_answer(site, tmp_path) -> None:
    """Twenty seeds and both orders, in twenty processes."""
    second = type(site)(tmp_path / "second")
    site.trainer("acme", "acme_x")
    second.trainer("other", "other_x")
    site.trainer("third", "third_x", metadata="Requires-Dist: wxml-core>9\n")
    folders = [str(site.folder), str(second.folder)]
    answers = set()
    for seed in range(20):
        path = os.pathsep.join(folders if seed % 2 else reversed(folders))
        environment = {**os.environ, "PYTHONHASHSEED": str(seed // 2 * 7919), "PYTHONPATH": path}
        command = [sys.executable, "-c", ASK]
        answers.add(subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout)
    (answer,) = answers
    assert "trainer 'it' is provided by three packages: acme 1.0, other 1.0, third 1.0" in answer


def test_all_names_of_one_plugin_have_one_full_name(site, tmp_path, monkeypatch) -> None:
    site.trainer("Acme_WxML", "acme_x")
    (tmp_path / "plugins.yaml").write_text("aliases: {trainer: {our-best: acme-wxml:it}}\n")
    monkeypatch.setenv("WXML_SITE_CONFIG", str(tmp_path))
    names = ("it", "It", "acme_wxml:IT", "acme-wxml:it", "Our_Best")
    assert {resolve("trainer", name).full_name for name in names} == {"acme-wxml:it"}
    assert [spelled_out("trainer", name) for name in ("It", "Our_Best")] == ["It", "acme-wxml:it"]

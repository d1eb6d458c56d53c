import json

import pytest
from wxml.config.load import read_config
from wxml.errors import AmbiguousPluginError, UnknownPluginError
from wxml.plugins.catalog import installed, scan
from wxml.plugins.load import load
from wxml.plugins.policy import Policy, SiteRules, site_rules
from wxml.plugins.resolve import aliases, resolve


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


# The file of the institution


@pytest.fixture
def rules(tmp_path, monkeypatch):
    """Write the site's `plugins.yaml`."""
    folder = tmp_path / "institution"
    folder.mkdir()
    monkeypatch.setenv("WXML_SITE_CONFIG", str(folder))
    monkeypatch.delenv("WXML_PLUGINS", raising=False)

    def write(text: str) -> str:
        (folder / "plugins.yaml").write_text(text)
        return str(folder / "plugins.yaml")

    return write


def statuses(*names: str) -> dict[str, str]:
    return {record.distribution: record.status for record in scan().records if record.distribution in names}


def test_a_site_without_the_file_says_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WXML_SITE_CONFIG", str(tmp_path))
    assert site_rules() == SiteRules()


def test_names_of_the_lists_are_folded(rules) -> None:
    path = rules("allow: [Acme_WxML, dwd.wxml]\ndeny: [Other.Wx]\n")
    expected = SiteRules(path, frozenset({"acme-wxml", "dwd-wxml"}), frozenset({"other-wx"}))
    assert site_rules() == expected


def test_the_file_lies_beside_a_config_that_is_one_file(rules, tmp_path, monkeypatch) -> None:
    rules("deny: [acme]\n")
    (tmp_path / "institution" / "mine.yaml").write_text("")
    monkeypatch.setenv("WXML_SITE_CONFIG", str(tmp_path / "institution" / "mine.yaml"))
    assert site_rules().denied == {"acme"}


@pytest.mark.parametrize(
    ("text", "site", "expected"),
    [
        ("", "deny: [acme]", {"acme": False, "other": True}),
        ("", "allow: [acme]", {"acme": True, "other": False, "wxml-core": True}),
        ("", "allow: []", {"acme": False, "wxml-core": True}),
        ("", "allow: [acme, other]\ndeny: [other]", {"acme": True, "other": False}),
        ("-other", "deny: [acme]", {"acme": False, "other": False, "third": True}),
        ("acme", "deny: [acme]", {"acme": True, "other": False}),
        ("none", "allow: [acme]", {"acme": False}),
        ("-acme", "allow: [acme]", {"acme": False}),
    ],
)
def test_the_variable_goes_before_the_site(rules, text, site, expected) -> None:
    rules(site)
    policy = Policy.from_text(text, site_rules())
    assert {name: policy.permits(name) for name in expected} == expected


def test_a_plugin_that_the_site_denies_is_never_imported_and_says_who_denied_it(site, rules, tmp_path) -> None:
    sentinel = tmp_path / "imported"
    site.trainer("DWD_WxML", "dwd_x", f"from pathlib import Path\nPath({str(sentinel)!r}).touch()\n")
    path = rules("deny: [dwd.wxml]\n")
    with pytest.raises(UnknownPluginError) as caught:
        load(resolve("trainer", "it"))
    assert f"trainer 'it' of dwd-wxml 1.0 is disabled: denied by {path}" in caught.value.message
    assert caught.value.fix.startswith(f"to allow it, take it out of `deny` in {path}, or list it in WXML_PLUGINS")
    site.run("list-plugins", "--probe", "--kind", "trainer", WXML_PLUGINS="-wxml-trainer-lightning")
    assert not sentinel.exists()


def test_an_allow_list_says_what_to_add(site, rules) -> None:
    site.trainer("acme", "acme_x")
    path = rules("allow: [other]\n")
    with pytest.raises(UnknownPluginError, match="not in the allow-list of") as caught:
        resolve("trainer", "it", scan())
    assert f"add it to `allow` in {path}" in caught.value.fix


FAULTS = {
    "allow: acme\n": "`allow` must be a list of names of distributions, got 'acme'",
    "deny: [3]\n": "`deny` must be a list of names of distributions, got [3]",
    "alow: [acme]\n": "unknown key 'alow': did you mean 'allow'? known: aliases, allow, deny, profile",
    "- acme\n": "it must be a mapping of allow, deny, aliases, profile, got ['acme']",
    "allow: [acme]\nallow: [other]\n": "`allow` is written twice, in lines 1 and 2",
    "allow: [acme\n": "not valid YAML at",
    "aliases: {processor: icon}\n": "`aliases.processor` must be a mapping of names, got 'icon'",
    "aliases: {processor: {best: [a]}}\n": "`aliases.processor.best` must be a bare name for a plugin, got ['a']",
    "aliases: {processor: {a_b: x, a-b: y}}\n": "`aliases.processor` has 'a-b' twice",
    "profile: operation\n": "`profile` must be `operations`, got 'operation'",
    "profile: [x]\n": "`profile` must be `operations`, got ['x']",
    "allow: [!!python/object/apply:os.getcwd []]\n": "the tag '!!python/object/apply:os.getcwd' is refused",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_faulty_file_is_an_error_on_use_while_everything_is_listed(site, rules, text) -> None:
    site.trainer("acme", "acme_x", "raise RuntimeError('imported')")
    path = rules(text)
    assert FAULTS[text] in site_rules().fault
    assert statuses("acme", "wxml-core") == {"acme": "disabled", "wxml-core": "ok"}
    with pytest.raises(UnknownPluginError) as caught:
        resolve("trainer", "it", scan())
    assert f"{path} cannot be used: " in caught.value.message
    assert caught.value.fix.startswith(f"correct {path}")


def test_a_faulty_file_is_a_problem_of_the_list(site, rules) -> None:
    path = rules("alow: []\n")
    done = site.run("list-plugins", "--json", "--strict")
    found = json.loads(done.stdout)
    assert (done.returncode, found["problems"]) == (1, 1)
    assert found["site_problem"].startswith(f"{path} cannot be used: unknown key 'alow': did you mean 'allow'?")
    assert found["site_problem"] in site.run("list-plugins", "--problems").stdout


def test_an_alias_stands_for_a_plugin(site, rules) -> None:
    site.trainer("acme", "acme_x")
    site.trainer("other", "other_x")
    path = rules("aliases: {trainers: {Our_Best: acme:it}}\n")
    assert resolve("trainer", "our.best", scan()).full_name == "acme:it"
    with pytest.raises(UnknownPluginError, match="did you mean 'our-best'"):
        resolve("trainer", "our-bst", scan())
    assert [(alias.name, alias.target, alias.problem) for alias in aliases(scan())] == [("our-best", "acme:it", "")]
    assert path == installed().site.path


def test_an_alias_settles_a_conflict_of_bare_names(site, rules) -> None:
    site.trainer("acme", "acme_x")
    site.trainer("other", "other_x")
    with pytest.raises(AmbiguousPluginError):
        resolve("trainer", "it", scan())
    rules("aliases: {trainer: {it: other:it}}\n")
    assert resolve("trainer", "it", scan()).full_name == "other:it"
    assert resolve("trainer", "acme:it", scan()).full_name == "acme:it"


def test_an_alias_of_nothing_is_a_problem_that_names_the_file(site, rules) -> None:
    path = rules("aliases: {trainer: {best: acme:it}, trainr: {a: b}}\n")
    with pytest.raises(UnknownPluginError) as caught:
        resolve("trainer", "best", scan(), where="training.plugin")
    assert caught.value.message == f"unknown trainer 'acme:it' (training.plugin, 'best' in {path})"
    problems = {alias.name: alias.problem for alias in aliases(scan())}
    assert problems == {"a": "unknown kind of plugin 'trainr'", "best": "unknown trainer 'acme:it'"}


def test_an_alias_of_an_alias_is_none(rules) -> None:
    rules("aliases: {transform: {a: normalise, b: a}}\n")
    assert [bool(alias.problem) for alias in aliases(scan())] == [False, True]


def test_a_config_holds_what_an_alias_stands_for_and_not_the_alias(site, rules) -> None:
    """A checkpoint keeps its config, and is read where the alias is unknown or stands for something else."""
    site.trainer("acme", "acme_x")
    rules("aliases: {trainer: {our-best: acme:it}}\n")
    installed.cache_clear()
    assert read_config(None, ["training.plugin=our-best"]).config.training.plugin == "acme:it"
    assert read_config(None, ["training.plugin=lightning"]).config.training.plugin == "lightning"

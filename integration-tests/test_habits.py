"""The files that people and machines work by: workflows, owners, hooks, changelogs, citation say what is there."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
MANIFEST = tomllib.loads((ROOT / "release-manifest.toml").read_text())


def script(name: str) -> ModuleType:
    """A script of `.ci`."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def jobs(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())["jobs"]


@pytest.fixture(scope="module")
def sessions() -> set[str]:
    """What `nox --list` names."""
    command = [sys.executable, "-m", "nox", "--noxfile", ROOT / "noxfile.py", "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"^[*-] (\S+)", listed, re.MULTILINE))
    return names | {re.sub(r"-3\.\d+$|\(.*\)$", "", name) for name in names}


def called(path: Path) -> set[str]:
    """The sessions that a workflow calls; those of a matrix one by one."""
    found = set()
    for job in jobs(path).values():
        values = job.get("strategy", {}).get("matrix", {})
        for step in job["steps"]:
            for name in re.findall(r"bootstrap\.py -s (\"[^\"]*\"|\S+)", step.get("run", "")):
                match re.fullmatch(r"\"?(.*?)\$\{\{ matrix\.(\w+) \}\}(.*?)\"?", name):
                    case None:
                        found.add(name.strip('"'))
                    case split if isinstance(values[split[2]], list):
                        found |= {f"{split[1]}{value}{split[3]}" for value in values[split[2]]}
                    case split:  # worked out when it runs, by `.ci/changed.py`
                        found |= {f"{split[1]}{value}{split[3]}" for value in script("changed").packages()}
    return found


def test_workflows_call_sessions_that_exist(sessions: set[str]) -> None:
    assert len(WORKFLOWS) >= 4
    names = {name for path in WORKFLOWS for name in called(path)}
    assert names - sessions == set()
    assert names >= {"lint", "types", "integration", "docs", "check", "wheels", "tests(core)", "tests(plugins/losses)"}


BY_HAND = {
    *("bench", "graphs"),  # write pages
    *("globe", "report_page", "catalogue", "changelog", "checkpoints", "constraints"),  # write what is checked in
    *("release-plan", "api-diff", "sbom", "wheelhouse"),  # steps of a release
    "fine-tuning",  # reads data that are in no clone
}
"""The sessions that no workflow calls."""


def test_every_other_session_is_called_by_a_workflow(sessions: set[str]) -> None:
    names = {re.sub(r"-3\.\d+$|\(.*\)$", "", name) for name in sessions}
    there = {re.sub(r"\(.*\)$", "", name) for path in WORKFLOWS for name in called(path)}
    assert names - there == BY_HAND


def test_pages_name_sessions_that_exist(sessions: set[str]) -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/*.md")]
    text = "\n".join(page.read_text() for page in pages)
    names = set(re.findall(r"(?:bootstrap\.py|nox) -s \"?([\w-]+(?:\([\w/-]+\))?)", text))
    assert len(names) > 8
    assert names - sessions == set()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_no_more_than_it_must(path: Path) -> None:
    whole = yaml.safe_load(path.read_text())
    assert whole["permissions"] == {"contents": "read"}
    writing = {name for name, job in jobs(path).items() if "write" in str(job.get("permissions"))}
    assert writing == {"docs": {"publish"}, "release": set(jobs(path)) - {"build"}}.get(path.stem, set())
    assert "secrets." not in path.read_text()


def test_packages_are_published_after_those_that_they_need() -> None:
    published: dict[str, set[str]] = {}
    stages = jobs(ROOT / ".github" / "workflows" / "release.yml")
    folders = {name: folder for folder, name in script("changed").packages().items()} | {"wxml": "meta"}
    for name, job in stages.items():
        if name == "build":
            continue
        before = published.get(job["needs"], set())
        for package in job["strategy"]["matrix"]["package"]:
            assert script("changed").needed(folders[package], with_extras=False) <= before | {package}
        published[name] = before | set(job["strategy"]["matrix"]["package"])
        (step,) = (step for step in job["steps"] if "pypi-publish" in step.get("uses", ""))
        assert step["with"] == {"attestations": True, "skip-existing": True}
    assert published[name] == set(MANIFEST["packages"])


def test_each_package_and_each_path_has_owners() -> None:
    rows = [line.split() for line in (ROOT / ".github" / "CODEOWNERS").read_text().splitlines() if line[:1] in "*/"]
    rows = [row for row in rows if row]
    for path, *owners in rows:
        assert path == "*" or (ROOT / path[1:]).exists(), f"there is no {path}"
        assert owners
        assert all(re.fullmatch(r"@[\w-]+/[\w-]+", owner) for owner in owners)
    owned = {path.strip("/") for path, *_ in rows}
    assert {*script("changed").packages(), "meta"} <= owned
    science = {path for path, *owners in rows if any("science" in owner for owner in owners)}
    assert {"/plugins/losses/", "/plugins/verification/", "/plugins/processor-gnn/"} <= science


def test_hooks_are_the_checks_of_lint_by_the_same_versions() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    nox = (ROOT / "noxfile.py").read_text()
    pinned = re.search(r'^RUFF = "(.*)"$', (ROOT / "sessions" / "environment.py").read_text(), re.MULTILINE)[1]
    assert {tuple(hook["additional_dependencies"]) for hook in hooks} == {(pinned,)}
    lint = re.search(r"def lint\(.*?(?=\n@nox)", nox, re.DOTALL)[0]
    ran = [" ".join(re.findall(r'"([^"]*)"', line)) for line in re.findall(r'session\.run\("ruff".*\)', lint)]
    assert [line.removesuffix(" --check") for line in ran] == [hook["entry"].removesuffix(" --fix") for hook in hooks]


def test_sessions_that_share_an_environment_make_none_of_their_own() -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    tasks = {
        one.name: (ast.unparse(one.decorator_list[0]), ast.unparse(one))
        for one in tree.body
        if isinstance(one, ast.FunctionDef) and one.decorator_list
    }
    sharing = {name for name, (_, code) in tasks.items() if "shared(session)" in code}
    assert {"tests", "integration", "types", "long"} <= sharing
    assert sharing == {name for name, (mark, _) in tasks.items() if "venv_backend='none'" in mark} - {"globe"}
    assert not any("install" in tasks[name][1] for name in sharing)


def test_files_that_are_mutated_are_there() -> None:
    nox = (ROOT / "noxfile.py").read_text()
    pairs = re.findall(
        r'^    "(.*\.py)": "(.*)",$', re.search(r"^MUTATED = .*?^}", nox, re.DOTALL | re.MULTILINE)[0], re.MULTILINE
    )
    assert len(pairs) > 5
    for module, tests in pairs:
        package = module.partition("/src/")[0]
        assert (ROOT / module).is_file(), module
        assert (ROOT / package / tests).exists(), tests


def test_the_citation_is_of_this_release() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == MANIFEST["release"]["version"]
    assert citation["license"] == "Apache-2.0"
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_forms_ask_for_something() -> None:
    for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"):
        form = yaml.safe_load(path.read_text())
        assert path.stem == "config" or {"name", "description", "body"} <= set(form)
        ids = [part["id"] for part in form.get("body", [])]
        assert len(ids) == len(set(ids))


# Which packages a branch may have changed


@pytest.mark.parametrize(
    ("files", "packages"),
    [
        (["plugins/graph-viewer/src/a.py"], ["plugins/graph-viewer"]),
        (["plugins/losses/tests/a.py"], ["plugins/losses", "plugins/trainer-lightning"]),
        (["docs/a.md", "integration-tests/test_a.py"], []),
    ],
)
def test_what_needs_a_changed_package_is_tested_too(files: list[str], packages: list[str]) -> None:
    assert script("changed").to_be_tested(files) == packages


def test_a_change_of_the_core_or_of_the_tools_tests_all_that_need_it() -> None:
    changed = script("changed")
    assert set(changed.to_be_tested(["core/src/wxml/errors.py"])) == set(changed.packages()) - {"kernels"}
    assert changed.to_be_tested(["noxfile.py"]) == list(changed.packages())


def test_a_silent_change_is_seen() -> None:
    silent = script("changed").without_a_line
    source = ["plugins/losses/src/a.py", "core/tests/test_a.py"]
    assert silent(source) == ["plugins/losses"]
    assert silent([*source, "plugins/losses/changes/a.new.md"]) == []
    assert silent([*source, "plugins/losses/CHANGELOG.md"]) == []


# Fragments


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A package at 0.3.0 whose changelog ends with 0.2.0."""
    (tmp_path / "core" / "changes").mkdir(parents=True)
    (tmp_path / "core" / "pyproject.toml").write_text('[project]\nversion = "0.3.0"\n')
    (tmp_path / "core" / "CHANGELOG.md").write_text("# Changes\n\n## 0.2.0\n\n- Old.\n")
    return tmp_path


def test_fragments_are_gathered_under_the_version(repository: Path) -> None:
    changes = repository / "core" / "changes"
    for name, text in {"b.mended": "C is right.", "a.new": "B\nis new.", "z.breaking": "- A is gone.\n"}.items():
        (changes / f"{name}.md").write_text(text)
    assert script("changelog").main([], repository) == 0
    changelog = repository / "core" / "CHANGELOG.md"
    first = "# Changes\n\n## 0.3.0\n\n- A is gone.\n- B\n  is new.\n- C is right.\n\n## 0.2.0\n\n- Old.\n"
    assert (changelog.read_text(), list(changes.iterdir())) == (first, [])
    (changes / "d.new.md").write_text("D.")
    script("changelog").main([], repository)
    assert changelog.read_text() == first.replace("0.3.0\n\n", "0.3.0\n\n- D.\n")


@pytest.mark.parametrize(
    ("name", "text"), [("a.md", "A"), ("a.feature.md", "A"), ("a.new.rst", "A"), ("a.new.md", " ")]
)
def test_a_fragment_that_would_be_lost_is_refused(name: str, text: str, repository: Path, capsys) -> None:
    (repository / "core" / "changes" / name).write_text(text)
    before = (repository / "core" / "CHANGELOG.md").read_text()
    assert script("changelog").main([], repository) == 1
    assert name in capsys.readouterr().err
    assert (repository / "core" / "CHANGELOG.md").read_text() == before


def test_the_fragments_of_this_repository_have_good_names() -> None:
    assert script("changelog").main(["--check"]) == 0

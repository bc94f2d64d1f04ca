"""The documentation as a site: it builds without a warning, has every page and every public name, and needs no other site."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the extra docs is not installed: pip install -e '.[docs]'")

from mkdocs.config import load_config

from scripts.site_files import pages_of
from scripts.site_reference import public_names
from tests.browser import PATIENCE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LOADED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=\"?((?:https?:)?//[^\s\">]+)")
"""What a browser fetches from elsewhere when it opens a page."""


def _built(configuration, site):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", configuration, "--site-dir", site]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = _built(ROOT / "mkdocs.yml", folder)
    assert built.returncode == 0, built.stderr
    return folder


def test_links_to_files_outside_docs_lead_to_files_of_the_site(site):
    page = (site / "clusters.html").read_text(encoding="utf-8")
    links = re.findall(r'href="(repository/[^"#]+)"', page)
    assert "repository/workflow/profiles/slurm/config.yaml.txt" in links
    assert all((site / link).is_file() for link in links)
    assert 'href="runs.html' in (site / "index.html").read_text(encoding="utf-8")


def test_a_notebook_is_a_page_with_its_figures(site):
    page = (site / "notebooks/library.html").read_text(encoding="utf-8")
    figures = re.findall(r'src="(library_[^"]+\.png)"', page)
    assert figures
    assert all((site / "notebooks" / figure).is_file() for figure in figures)
    assert 'href="notebooks/library.html"' in (site / "library.html").read_text(encoding="utf-8")


def test_pages_fetch_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert pages
    fetched = {page.name: LOADED.findall(page.read_text(encoding="utf-8")) for page in pages}
    assert not {page: found for page, found in fetched.items() if found}


def test_the_search_works_in_a_page_that_is_opened_as_a_file(site, browser):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((site / "runs.html").as_uri())
    page.get_by_placeholder("Search").focus()
    page.get_by_text("Type to start searching").wait_for()
    page.get_by_placeholder("Search").press_sequentially("minibatch_cka")  # the page listens to keys
    page.wait_for_selector(".md-search-result__link[href*='similarity.html']:visible")
    page.close()
    assert not complaints
    assert {url.partition(":")[0] for url in requests} <= {"file", "data", "blob"}


def test_every_documented_name_has_an_anchor(site):
    for source in (DOCS / "reference").glob("*.md"):
        page = (site / "reference" / f"{source.stem}.html").read_text(encoding="utf-8")
        for name in public_names(source.read_text(encoding="utf-8")):
            assert f'id="{name}"' in page, name


def test_names_in_code_are_links_to_the_reference(site):
    for page, link in {
        "library.html": "reference/stir.html#stir.invert",
        "reference/inversion.html": "stir.html#stir.invert",
    }.items():
        assert f'<a href="{link}"><code>stir.invert</code></a>' in (site / page).read_text(encoding="utf-8")
    page = (site / "reference/similarity.html").read_text(encoding="utf-8")
    assert '<a href="errors.html#stir.errors.InvalidInputError"><code>InvalidInputError</code></a>' in page
    assert "<a href" not in "".join(re.findall(r"<pre>.*?</pre>", page, re.DOTALL))


def test_the_navigation_has_every_page_and_no_other():
    named = [page for page in pages_of(load_config(str(ROOT / "mkdocs.yml")).nav) if not page.startswith("../")]
    assert len(named) == len(set(named))
    pages = [page for pattern in ("*.md", "*.ipynb") for page in DOCS.rglob(pattern)]
    assert set(named) == {page.relative_to(DOCS).as_posix() for page in pages}


@pytest.fixture
def small_site(tmp_path):
    """Return a function that builds a site of one page, beside a folder of the repository."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/slurm.yaml").write_text("jobs: 1\n", encoding="utf-8")
    (tmp_path / "profiles/.hidden").write_text("", encoding="utf-8")
    (tmp_path / "profiles/outside.yaml").symlink_to(__file__)
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    validation = re.search(r"^validation:\n(?: .*\n)+", settings, re.MULTILINE)[0]
    configuration = tmp_path / "mkdocs.yml"
    hook = ROOT / "scripts/site_files.py"
    configuration.write_text(f"site_name: small\nuse_directory_urls: false\nhooks: ['{hook}']\n{validation}", encoding="utf-8")

    def build(page):
        (tmp_path / "docs/index.md").write_text(f"# Page\n\n{page}\n", encoding="utf-8")
        return _built(configuration, tmp_path / "site")

    return build


def test_a_folder_is_a_list_of_its_files(small_site, tmp_path):
    built = small_site("[profiles](../profiles) and [one of them](../profiles/slurm.yaml)")
    assert built.returncode == 0, built.stderr
    listed = (tmp_path / "site/repository/profiles.html").read_text(encoding="utf-8")
    assert 'href="profiles/slurm.yaml.txt"' in listed
    assert (tmp_path / "site/repository/profiles/slurm.yaml.txt").read_text(encoding="utf-8") == "jobs: 1\n"
    assert not (tmp_path / "site/repository/profiles/.hidden.txt").exists()


@pytest.mark.parametrize(
    "link",
    [
        "../profiles/missing.yaml",
        "missing.md",
        "#missing",
        "../../outside.yaml",
        "../profiles/.hidden",
        "../profiles/outside.yaml",
    ],
)
def test_a_link_that_leads_nowhere_fails(small_site, link):
    built = small_site(f"[link]({link})")
    assert built.returncode != 0
    assert link in built.stderr

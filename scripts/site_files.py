"""Show in the site what GitHub shows: notebooks as pages, and files outside docs/, where pages link to them.

MkDocs knows the files of docs/ alone. Pages link to other files of the repository as GitHub shows them, such as
``../workflow/experiments/quickstart.yaml``. Here these files, and folders, join the site: Markdown as pages, folders as lists
of their files, everything else as text. MkDocs then resolves such links, and warns of those that lead nowhere.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

LINK = re.compile(r"\]\(([^)#\s]+)")
"""The path of a Markdown link or image, without its anchor."""

SHOWN_IN_BROWSERS = {".png", ".jpg", ".svg", ".html", ".pdf"}
"""Files that a browser shows by themselves; others get the ending .txt, since browsers would save them."""

HOME = "README.md"


class RepositoryFiles(Files):
    """Files of the site, also found by paths that lead out of docs/ and back."""

    def get_file_from_path(self, path: str) -> File | None:
        """Return the file, where ``../docs/runs.md`` is ``runs.md``."""
        return super().get_file_from_path(source_of(posixpath.normpath(posixpath.join("docs", path))))


class RepositoryFile(File):
    """A file or folder of the repository that MkDocs takes for no page of docs/."""

    def is_documentation_page(self) -> bool:
        """Return whether it becomes a page: Markdown, notebooks and folders do."""
        return self.dest_uri.endswith(".html") and not self.src_uri.endswith(".html")

    @property
    def name(self) -> str:
        """Return the name of the page; README.md is the first page of the site, and of no section."""
        return Path(self.dest_uri).stem


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Make pages of notebooks; add what pages link to, and what those files link to, until nothing is new."""
    root = Path(config.docs_dir).parent.resolve()
    shown = RepositoryFiles(files)
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        shown.remove(file)
        for part in parts_of_notebook(file, config):
            shown.append(part)
    waiting = [path for file in files.documentation_pages() for path in linked(root, f"docs/{file.src_uri}")]
    waiting += [posixpath.normpath(f"docs/{page}") for page in pages_of(config.nav) if page.startswith("../")]
    while waiting:
        path = waiting.pop()
        if shown.get_file_from_path(source_of(path)) is None:
            shown.append(added(root, path, config))
            waiting += linked(root, path)
    return shown


def linked(root: Path, page: str) -> Iterator[str]:
    """Yield the files and folders of the repository that a page of Markdown, or a list of a folder's files, links to."""
    if (root / page).is_dir():
        yield from contents(root, page)
    elif page.endswith(".md"):
        for link in LINK.findall((root / page).read_text(encoding="utf-8")):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(link)))
            if "://" not in link and is_shown(root, path):
                yield path


def is_shown(root: Path, path: str) -> bool:
    """Return whether a path leads to a file of the repository that is not hidden."""
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.split("/"))
    return not hidden and (root / path).exists() and (root / path).resolve().is_relative_to(root)


def contents(root: Path, folder: str) -> list[str]:
    """Return the files and folders of a folder."""
    paths = (path.relative_to(root).as_posix() for path in sorted((root / folder).iterdir()))
    return [path for path in paths if is_shown(root, path)]


def added(root: Path, path: str, config: MkDocsConfig) -> File:
    """Return a file or folder of the repository as a file of the site."""
    source = root / path
    in_nav = source_of(path) in set(pages_of(config.nav))
    file = RepositoryFile(
        source_of(path),
        src_dir=None,
        dest_dir=config.site_dir,
        use_directory_urls=False,
        dest_uri=destination(source, path),
        inclusion=InclusionLevel.INCLUDED if in_nav else InclusionLevel.NOT_IN_NAV,
    )
    if source.is_dir():
        lines = [
            f"- [{each.removeprefix(path + '/')}]({posixpath.relpath(each, posixpath.dirname(path) or '.')})"
            for each in contents(root, path)
        ]
        file.content_string = "\n".join([f"# {path}", "", *lines, ""])
    else:
        file.abs_src_path = str(source)
    return file


def parts_of_notebook(notebook: File, config: MkDocsConfig) -> Iterator[File]:
    """Yield the page of an executed notebook, and its figures."""
    from nbconvert.exporters import MarkdownExporter

    stem = posixpath.splitext(notebook.src_uri)[0]
    named = {"unique_key": posixpath.basename(stem)}  # so that figures of two notebooks have different names
    text, resources = MarkdownExporter().from_filename(notebook.abs_src_path, resources=named)
    shown = RepositoryFile(
        notebook.src_uri,
        src_dir=None,
        dest_dir=config.site_dir,
        use_directory_urls=False,
        dest_uri=f"{stem}.html",
        inclusion=notebook.inclusion,
    )
    shown.content_string = text
    yield shown
    for name, content in resources["outputs"].items():
        yield File.generated(config, posixpath.join(posixpath.dirname(notebook.src_uri), name), content=content)


def source_of(path: str) -> str:
    """Return where a path of the repository lies as seen from docs/."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"


def destination(source: Path, path: str) -> str:
    """Return where the site has a file or folder of the repository."""
    if path == HOME:
        return "index.html"
    if source.is_dir() or source.suffix == ".md":
        return f"repository/{path.removesuffix('.md')}.html"
    return f"repository/{path}" if source.suffix in SHOWN_IN_BROWSERS else f"repository/{path}.txt"


def pages_of(nav: object) -> Iterator[str]:
    """Yield the pages that the navigation names."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        yield from pages_of(list(nav.values()))
    elif isinstance(nav, Iterable):
        for each in nav:
            yield from pages_of(each)

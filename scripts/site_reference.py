"""The reference of Python names: headings with public paths, and links to them from all pages.

``::: stir.similarity.linear_cka`` means the function. Read as a path of files, it is the module that defines the function, so
the page asks mkdocstrings for ``stir.similarity.linear_cka.linear_cka`` and keeps the public path as heading and anchor.
Where a page says `stir.invert` in code, or a page of the reference says `InversionSettings`, that becomes a link.
"""

import posixpath
import re
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)
LINK_OR_CODE = re.compile(r"<(a|pre|h\d)\b.*?</\1>|<code>([A-Za-z][\w.]*)(\([^<]*\))?</code>", re.DOTALL)
"""Links, blocks of code and headings, which stay as they are, or else a name in code, with arguments or without."""
FOLDER = "reference/"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the place of definition into each directive of a page."""
    return DIRECTIVE.sub(lambda found: directive(found[1]), markdown)


def on_page_content(html: str, page: "Page", files: "Files", **_: Any) -> str:
    """Link names in code to the reference."""
    pages = documented(files)
    if page.file.src_uri.startswith(FOLDER):
        pages |= {name.rpartition(".")[2]: place for name, place in pages.items() if name.rpartition(".")[2][0].isupper()}
    return LINK_OR_CODE.sub(partial(linked, pages=pages, url=page.url), html)


def documented(files: "Files") -> dict[str, str]:
    """Return each name of the reference with the page and anchor of its explanation."""
    pages = [file for file in files.documentation_pages() if file.src_uri.startswith(FOLDER)]
    return {name: f"{file.url}#{name}" for file in pages for name in public_names(file.content_string)}


def linked(found: re.Match[str], *, pages: dict[str, str], url: str) -> str:
    """Return a name in code as a link, if the reference has it; anything else as it is."""
    place = pages.get(found[2] or "")
    return found[0] if place is None else f'<a href="{posixpath.relpath(place, posixpath.dirname(url) or ".")}">{found[0]}</a>'


def directive(public: str) -> str:
    """Return the directive of a public name."""
    defined = place_of_definition(public)
    anchor = "" if defined == public else f'<a id="{public}"></a>\n\n'
    name = public.rpartition(".")[2]
    return f'{anchor}::: {defined}\n    options:\n      heading: {public}\n      toc_label: "{name}"'


def place_of_definition(public: str) -> str:
    """Return the path of a function or class from the module that defines it; constants have only their public path."""
    package, _, name = public.rpartition(".")
    value = getattr(import_module(package), name)
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return f"{value.__module__}.{value.__qualname__}"
    return public


def public_names(markdown: str) -> list[str]:
    """Return the names that a page documents."""
    return DIRECTIVE.findall(markdown)

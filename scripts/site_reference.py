"""Name functions and classes of the reference by their public paths.

``::: stir.similarity.linear_cka`` means the function. Read as a path of files, it is the module that defines the function, so
the page asks mkdocstrings for ``stir.similarity.linear_cka.linear_cka`` and keeps the public path as heading and anchor.
"""

import re
from importlib import import_module
from typing import Any

DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the place of definition into each directive of a page."""
    return DIRECTIVE.sub(lambda found: directive(found[1]), markdown)


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

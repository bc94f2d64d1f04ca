"""What an experiment's tables and figures are called, and its scales. Pure."""

from collections.abc import Mapping

from stir.errors import InvalidInputError
from stir.names import NAME_GRAMMAR, NAME_LENGTH, TABLE_ENDINGS, check_name, is_name, shortened

SENSITIVITY = "-sensitivity"
"""Ending of the name of an experiment's sensitivity study, and so of its table and figure."""


def published_name(stem: str, scale: str | None = None) -> str:
    """Return what begins the names of an experiment's tables and figures.

    Parameters
    ----------
    stem : str
        The name of the experiment's file without its suffix; blanks become underscores.
    scale : str, optional
        The scale, where that is not the default one.

    Raises
    ------
    InvalidInputError
        If it is no name by the grammar, or one that tables of another experiment could have.
    """
    name = without_blanks(stem)
    if not is_name(name):
        raise InvalidInputError(
            f"expected the file's name, without its suffix and with blanks as '_', as {NAME_GRAMMAR}; "
            f"got {shortened(stem)}; rename the file"
        )
    name = name if scale is None else f"{name}-{scale}"
    endings = (*TABLE_ENDINGS, SENSITIVITY)
    if len(name) > NAME_LENGTH or name.endswith(endings):
        raise InvalidInputError(
            f"expected a name for its tables of at most {NAME_LENGTH} characters that does not end in "
            f"{' or '.join(endings)}, as tables of another experiment do; got {name!r}; rename the file or the scale"
        )
    return name


def without_blanks(stem: str) -> str:
    """Return a file's name as its tables carry it."""
    return stem.replace(" ", "_")


def check_scale_names(content: Mapping[str, object]) -> None:
    """Refuse scales that an experiment file names in a way that no file name could carry.

    Raises
    ------
    InvalidInputError
        Saying what names consist of.
    """
    scales = content.get("scales")
    for scale in [*(scales if isinstance(scales, Mapping) else ()), *([content["scale"]] if "scale" in content else ())]:
        check_name("scale", scale)

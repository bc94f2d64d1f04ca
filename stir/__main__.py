"""``python -m stir``."""

from stir.cli import main

main()

"""``python -m stir``."""

from stir_workflow.cli import main

main()

"""Property-based tests of untrusted input: the number of inputs, and a table of outcomes.

``STIR_FUZZ_EXAMPLES=5000`` tries that many inputs per test, drawn at random instead of always the same ones.
"""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

N_EXAMPLES = int(os.environ.get("STIR_FUZZ_EXAMPLES", "100"))
COUNTS: Counter[tuple[str, str]] = Counter()

settings.register_profile(
    "fuzzing",
    max_examples=N_EXAMPLES,
    derandomize="STIR_FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("fuzzing")


@pytest.fixture(scope="session")
def counts() -> Counter[tuple[str, str]]:
    """(surface, outcome) -> number of inputs; tests add to it: ``counts["experiment files", "refused"] += 1``."""
    return COUNTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table that docs/security.md contains."""
    if COUNTS:
        terminalreporter.section("fuzzed inputs")
        terminalreporter.write_line("| surface | outcome | inputs |\n|---|---|---|")
        for (surface, outcome), number in sorted(COUNTS.items()):
            terminalreporter.write_line(f"| {surface} | {outcome} | {number} |")

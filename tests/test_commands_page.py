"""docs/commands.md has the help of every command as it is, and one output of each."""

from scripts.commands import EXAMPLES, PAGE, commands, help_of, kept_outputs

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_help_of_every_command_is_on_the_page():
    for command in [(), *commands()]:
        assert f"```\n{help_of(*command)}\n```" in TEXT, f"{command}: run python -m scripts.commands help"


def test_every_command_has_an_output_of_a_real_call():
    assert kept_outputs().keys() == EXAMPLES.keys()
    assert {name for name, *further in commands() if not further} == EXAMPLES.keys()


def test_no_path_of_a_machine_is_on_the_page():
    assert "/tmp" not in TEXT
    assert "/home" not in TEXT

"""The README's commands are the ones that CI runs, to the letter."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dbtcollate_tui.cli import dbtcollate

ROOT = Path(__file__).parent.parent
TOPICS = ROOT / "dbtcollate_tui" / "help"


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Try it", 1)[1].split("\n## ", 1)[0]
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)]


def test_both_readme_commands_are_run_by_ci() -> None:
    commands = readme_commands()
    assert len(commands) == 2
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [command for command in commands if command not in lines] == []


def test_every_picture_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert pictures
    assert [name for name in pictures if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    "page", ["README.md", ".github/CONTRIBUTING.md", "dbtcollate_tui/README.md", "tests/README.md"]
)
def test_every_link_of_a_page_leads_to_a_file(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_example_of_keys_toml_is_accepted(tmp_path: Path) -> None:
    """In a process of its own: keys are remapped for as long as it runs."""
    text = (TOPICS / "keys.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    path = tmp_path / "keys.toml"
    path.write_text(example, encoding="utf-8")
    script = (
        "import sys; from pathlib import Path; from dbtcollate_tui.tui.keys import remap_keys; "
        "remap_keys(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def command_lines() -> list[str]:
    """Every command of the program that the examples in the README and the help topics run."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted(TOPICS.glob("*.md")))]
    blocks = [block for text in texts for block in re.findall(r"```(?:sh|yaml)\n(.*?)```", text, re.DOTALL)]
    lines = [line.strip().removeprefix("- run: ") for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("dbtcollate ")]


@pytest.mark.parametrize("line", command_lines())
def test_every_documented_command_is_accepted(line: str) -> None:
    """Parse it as the program does: a command, option or value that does not exist is refused."""
    arguments = shlex.split(line, comments=True)[1:]
    command: click.Command = dbtcollate
    context = click.Context(dbtcollate, info_name="dbtcollate")
    while isinstance(command, click.Group):
        parsed = command.make_context(command.name, list(arguments), parent=context)
        rest = [*parsed.protected_args, *parsed.args] if hasattr(parsed, "protected_args") else parsed.args
        if not rest:
            return
        _, found, arguments = command.resolve_command(parsed, rest)
        assert found is not None
        command, context = found, parsed
    command.make_context(command.name, arguments, parent=context)


def test_the_documentation_has_command_examples() -> None:
    assert len(command_lines()) > 12

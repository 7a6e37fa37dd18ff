"""Options drawn again in place."""

from collections.abc import Iterable

from rich.text import Text
from textual.widgets import OptionList


def put_prompts(listing: OptionList, prompts: Iterable[Text]) -> None:
    """Replace the options' prompts, from the first on; the cursor and the options' ids stay."""
    for at, prompt in enumerate(prompts):
        listing.replace_option_prompt_at_index(at, prompt)

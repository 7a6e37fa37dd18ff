"""The help topic lists the differences that the contract with the reference allows, in the same words."""

import re
from pathlib import Path

from tests.contract.reference import compare
from tests.contract.reference.compare import DIFFERENCES, Reason

TOPIC = Path(__file__).parents[2] / "dbtcollate_tui" / "help" / "differences.md"
TITLE = "## The list"


def test_differences_topic_lists_what_the_contract_allows() -> None:
    section = TOPIC.read_text(encoding="utf-8").split(f"{TITLE}\n", 1)[1].split("\n## ", 1)[0]
    listed = [" ".join(item.split()) for item in re.findall(r"^- (.*(?:\n  .*)*)", section, re.MULTILINE)]
    assert listed == [difference.text for difference in DIFFERENCES]


def test_every_reason_of_the_contract_is_listed() -> None:
    reasons = {value for value in vars(compare).values() if isinstance(value, Reason)}
    assert reasons == set(DIFFERENCES)
    assert len(DIFFERENCES) == len(reasons)

"""Every check knows whom to ask, and its symptom exists."""

from dbtcollate_tui.check_ids import CheckId, SymptomId
from dbtcollate_tui.checks.registry import ALL_CHECKS, dependents_of
from dbtcollate_tui.troubleshooting.report import WHO
from dbtcollate_tui.troubleshooting.symptoms import SYMPTOMS, symptom_of


def test_every_check_id_is_a_check_and_names_who_can_fix_it() -> None:
    assert [check.id for check in ALL_CHECKS if check.id in set(CheckId)] == [
        check.id for check in ALL_CHECKS
    ]
    assert set(CheckId) == {check.id for check in ALL_CHECKS} == set(WHO)


def test_every_symptom_of_a_check_is_offered() -> None:
    offered = {symptom.id for symptom in SYMPTOMS}
    assert offered == set(SymptomId)
    for check in ALL_CHECKS:
        assert symptom_of(check.id).id == (check.symptom or SymptomId.NOT_SURE)


def test_every_required_check_comes_before() -> None:
    seen: set[str] = set()
    for check in ALL_CHECKS:
        assert set(check.requires) <= seen
        seen.add(check.id)
        assert check.id in dependents_of(check.id)

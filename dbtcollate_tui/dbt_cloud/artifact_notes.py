"""What a run's artifacts lack, and what of it Collate's own workers would not see."""

from collections.abc import Sequence

from dbtcollate_tui.dbt_cloud.artifact_files import ArtifactFile
from dbtcollate_tui.dbt_cloud.commands import MAKES_RESULTS, RUNS_TESTS
from dbtcollate_tui.dbt_cloud.run_choice import RunChoice
from dbtcollate_tui.dbt_cloud.run_notes import Note, NoteKind


def judge_results(
    choice: RunChoice, results: Sequence[ArtifactFile]
) -> tuple[list[ArtifactFile], list[Note]]:
    """Results without those that a step did not write itself, and a note where ``step`` was ignored."""
    verbs = {step.index: step.dbt.verb for step in choice.steps}
    by_id: dict[str, list[ArtifactFile]] = {}
    for file in results:
        by_id.setdefault(file.invocation_id or str(file.path), []).append(file)
    kept = [same[-1] if len(by_id) == 1 else same[0] for same in by_id.values()]
    writing = [file for file in results if file.step is not None and verbs.get(file.step) in MAKES_RESULTS]
    if len(writing) < 2 or len(by_id) > 1:
        return kept, []
    lost = [f"step {file.step}" for file in writing if verbs.get(file.step or 0) in RUNS_TESTS]
    means = f" The test results of {', '.join(lost)} may be lost." if lost else ""
    return kept, [
        Note(
            NoteKind.STEP_IGNORED,
            "warn",
            f"This dbt Cloud ignores which step is asked for: {len(writing)} steps gave the same "
            f"run_results.json, that of the last one.{means} A job that runs its tests last keeps them.",
        )
    ]


def notes_of_missing(
    choice: RunChoice,
    catalog: ArtifactFile | None,
    sources: ArtifactFile | None,
    results: Sequence[ArtifactFile],
) -> list[Note]:
    """What the run does not have and what that means, and what Collate's own workers lose with it."""
    notes: list[Note] = []
    if catalog is None:
        notes.append(
            Note(
                NoteKind.NO_CATALOG,
                "warn",
                "This run has no catalog.json. Column types, their order and warehouse comments remain "
                "unchanged in Collate; descriptions come from the manifest."
                + ("" if choice.run.is_fusion else " Add dbt docs generate to the job."),
            )
        )
    if not results:
        notes.append(
            Note(
                NoteKind.NO_RESULTS,
                "warn",
                "This run has no run_results.json: no test result is sent. Add dbt test or dbt build.",
            )
        )
    if sources is None and any(step.dbt.verb == "source freshness" for step in choice.steps):
        notes.append(
            Note(NoteKind.NO_SOURCES, "info", "This run has no sources.json: no source freshness is sent.")
        )
    ran = [step for step in choice.steps if step.has_run and step.dbt.verb in MAKES_RESULTS]
    tested = [step for step in ran if step.dbt.verb in RUNS_TESTS]
    if tested and ran[-1] not in tested and any(file.step == tested[-1].index for file in results):
        notes.append(
            Note(
                NoteKind.RESULTS_OF_COLLATE,
                "info",
                f"Test results come from step {tested[-1].index} ({tested[-1].command}). Collate's own "
                f"ingestion before 2.0.7 reads the last step only ({ran[-1].command}) and loses them.",
            )
        )
    last = next((step for step in reversed(choice.steps) if step.has_run and step.dbt.verb), None)
    if last is not None and last.dbt.verb in ("test", "seed", "source freshness"):
        notes.append(
            Note(
                NoteKind.MANIFEST_OF_COLLATE,
                "info",
                f"Collate's own workers take the last step's manifest ({last.command}), which has no "
                "compiled code: SQL and column lineage do not arrive that way.",
            )
        )
    return notes

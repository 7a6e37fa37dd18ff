"""What is read of a project to explain one table is what reading all of it gives."""

import json
from collections.abc import Collection
from dataclasses import dataclass

import pytest

from dbtcollate_tui.artifacts.load import StepResults, load_part, load_project
from dbtcollate_tui.artifacts.project import Node, Project
from dbtcollate_tui.plan.explanation.lookup import find_nodes
from dbtcollate_tui.sync.explain import needed
from tests.artifacts.releases import RELEASES, sample
from tests.cases.runner import DATA, load_case

MOST_ASKED = 6
"""Nodes of one project that are asked for, spread over it."""


@dataclass(frozen=True)
class Files:
    """The arguments of both readers."""

    manifest: bytes
    catalog: bytes | None
    results: list[StepResults]
    sources: bytes | None = None

    def whole(self) -> Project:
        return load_project(self.manifest, self.catalog, self.results, self.sources)

    def part(self, wanted: str, chosen: set[str]) -> Project:
        """The part for one node, up to two levels of lineage; ``chosen`` gets what was read in full."""

        def choose(known: Project) -> Collection[str]:
            found = needed(known, find_nodes(known, wanted).unique_ids, 2)
            chosen.update(found)
            return found

        return load_part(self.manifest, self.catalog, self.results, self.sources, (), choose)


def files_of_case(name: str) -> Files:
    case = load_case(name)
    steps = list(enumerate(case["steps"], start=4))

    def last(kind: str) -> bytes | None:
        held = [case["contents"][step["files"][kind]] for _, step in steps if kind in step["files"]]
        return json.dumps(held[-1]).encode() if held else None

    results = [
        StepResults(index, json.dumps(case["contents"][step["files"]["run_results.json"]]).encode())
        for index, step in steps
        if "run_results.json" in step["files"]
    ]
    return Files(last("manifest.json") or b"", last("catalog.json"), results, last("sources.json"))


def names_of(node: Node) -> tuple[object, ...]:
    return (
        *(node.unique_id, node.resource_type, node.name, node.identifier, node.database, node.schema),
        *(node.source_name, node.relation_name, node.enabled, node.materialized, node.depends_on),
        *(node.package_name, node.version, node.is_latest, node.is_pointer),
    )


def check(files: Files) -> int:
    """Compare the parts for some nodes with the whole; how many nodes there are."""
    whole = files.whole()
    everything = {**whole.nodes, **whole.ephemeral, **whole.disabled}
    for one in list(everything)[:: max(1, len(everything) // MOST_ASKED)]:
        chosen: set[str] = set()
        part = files.part(one, chosen)
        assert one in chosen
        for held, found in (
            (whole.nodes, part.nodes),
            (whole.ephemeral, part.ephemeral),
            (whole.disabled, part.disabled),
        ):
            assert [names_of(node) for node in held.values()] == [names_of(node) for node in found.values()]
            assert {key: node for key, node in held.items() if key in chosen} == {
                key: node for key, node in found.items() if key in chosen
            }
        assert part.tests == {key: test for key, test in whole.tests.items() if key in chosen}
        assert part.results == {key: value for key, value in whole.results.items() if key in chosen}
        lost = [test for test in whole.tests.values() if test.unique_id not in chosen]
        assert one not in {test.attached_node for test in lost}
        for name in ("exposures", "metrics", "semantic_models", "groups", "freshness"):
            assert getattr(part, name) == getattr(whole, name), name
        assert part.upstreams(one) == whole.upstreams(one)
    return len(everything)


@pytest.mark.parametrize("release", RELEASES)
def test_part_of_a_release_is_as_in_the_whole(release: str) -> None:
    results = [StepResults(step, sample(release, f"run_results_{step}")) for step in (4, 6)]
    assert check(
        Files(sample(release, "manifest"), sample(release, "catalog"), results, sample(release, "sources"))
    )


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.json")))
def test_part_of_a_case_is_as_in_the_whole(name: str) -> None:
    check(files_of_case(name))

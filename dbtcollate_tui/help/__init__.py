"""User documentation by topic: Markdown files in this folder, read by ``dbtcollate help`` and the app."""

from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class Topic:
    """One page of documentation: its name on the command line and what it covers."""

    name: str
    summary: str

    def text(self) -> str:
        """The page as Markdown."""
        page = resources.files(__name__).joinpath(f"{self.name}.md")
        return page.read_text(encoding="utf-8")


TOPICS: tuple[Topic, ...] = (
    Topic("checks", "every check, what it means, its id"),
    Topic("troubleshooting", "symptoms and their usual causes"),
    Topic("ci", "running in CI, choosing part of a project"),
    Topic("exit-codes", "what each exit code means"),
    Topic("json-events", "the output of --json"),
    Topic("environment", "environment variables, files, proxies"),
    Topic("keys", "keys of the app, and how to change them"),
    Topic("self-hosted", "OpenMetadata without Collate"),
    Topic("differences", "how a direct sync differs from Collate's own"),
    Topic("server-load", "what a direct sync asks of Collate"),
)
"""All topics, in the order in which they are listed."""


def topic_named(name: str) -> Topic:
    """The topic of that name; raises ``KeyError`` where there is none."""
    return {topic.name: topic for topic in TOPICS}[name]

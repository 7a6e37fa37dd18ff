"""Users and teams as owners; classifications, tags, glossary terms and domains."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from dbtcollate_tui.collate.errors import CollateError
from dbtcollate_tui.collate.fqn import path_segment
from dbtcollate_tui.collate.models import (
    Classification,
    DataProduct,
    Domain,
    EntityReference,
    GlossaryTerm,
    Tag,
    User,
)
from dbtcollate_tui.collate.reader import read_as
from dbtcollate_tui.collate.searching import quoted, sources
from dbtcollate_tui.collate.server import ServerCalls


class PeopleCalls(ServerCalls):
    """Calls about owners and about the words that tables are tagged with."""

    async def user(self, name: str) -> EntityReference | None:
        """A user by its exact name."""
        found = await self._user_named(name)
        return None if found is None else found.as_reference()

    async def user_by_email(self, mail: str) -> EntityReference | None:
        """A user by the exact address, whatever its case.

        The user named like the address is looked at first (OpenMetadata names users so); then the search
        index, whose absence counts as not found.
        """
        wanted = mail.strip().lower()
        found = await self._user_named(wanted.partition("@")[0])
        if found is not None and found.email.lower() == wanted:
            return found.as_reference()
        try:
            answer = await self.call(
                "GET",
                "/search/query",
                params={
                    "q": f"email.keyword:{quoted(wanted)}",
                    "index": "user_search_index",
                    "from": 0,
                    "size": 5,
                },
                doing="search users by e-mail",
            )
            found_users = read_as(answer, "search users by e-mail", sources)
        except CollateError:
            return None
        for source in found_users:
            if isinstance(source, Mapping) and str(source.get("email", "")).lower() == wanted:
                return _reference(source)
        return None

    async def team(self, name: str) -> EntityReference | None:
        """A team by its exact name."""
        found = await self.find(EntityReference, f"/teams/name/{path_segment(name)}", doing="show the team")
        return None if found is None or found.deleted else replace(found, type="team")

    async def owner(self, text: str) -> EntityReference | None:
        """Whom a name in dbt means: a user of that name, else that e-mail, else that team; never a guess."""
        wanted = text.strip()
        if not wanted:
            return None
        found = await self.user(wanted)
        if found is None and "@" in wanted:
            found = await self.user_by_email(wanted)
        return found if found is not None else await self.team(wanted)

    async def _user_named(self, name: str) -> User | None:
        if not name:
            return None
        found = await self.find(User, f"/users/name/{path_segment(name)}", doing="show the user")
        return None if found is None or found.deleted else found

    async def classification(self, name: str) -> Classification | None:
        """A classification by its name."""
        return await self.find(
            Classification, f"/classifications/name/{path_segment(name)}", doing="show the classification"
        )

    async def put_classification(self, name: str, description: str = "") -> Classification:
        """Make a classification, or leave the one that is there."""
        body = {"name": name, "description": description or "Tags of dbt models and columns."}
        return await self.put(Classification, "/classifications", body, doing="create the classification")

    async def tags(self, classification: str) -> list[Tag]:
        """The tags of a classification; none where it is not there."""
        try:
            return [
                tag
                async for page in self.pages(
                    Tag, "/tags", params={"parent": classification}, doing="list tags"
                )
                for tag in page
            ]
        except CollateError as error:
            if error.status == 404:
                return []
            raise

    async def tag(self, fqn: str) -> Tag | None:
        """A tag by its FQN."""
        return await self.find(Tag, f"/tags/name/{path_segment(fqn)}", doing="show the tag")

    async def put_tag(self, classification: str, name: str, description: str = "") -> Tag:
        """Make a tag, or leave the one that is there."""
        body: dict[str, Any] = {
            "classification": classification,
            "name": name,
            "description": description or f"{name}, a tag in dbt.",
        }
        return await self.put(Tag, "/tags", body, doing="create the tag")

    async def glossary_term(self, fqn: str) -> GlossaryTerm | None:
        """A glossary term by its FQN."""
        return await self.find(
            GlossaryTerm, f"/glossaryTerms/name/{path_segment(fqn)}", doing="show the glossary term"
        )

    async def domain(self, fqn: str) -> Domain | None:
        """A domain by its FQN; ``None`` also where the server is too old for domains."""
        if not self.dialect.has_domains:
            return None
        return await self.find(Domain, f"/domains/name/{path_segment(fqn)}", doing="show the domain")

    async def data_product(self, fqn: str) -> DataProduct | None:
        """A data product by its FQN, with its domains; ``None`` also where the server is too old for them."""
        if not self.dialect.has_domains:
            return None
        found = await self.find(
            DataProduct,
            f"/dataProducts/name/{path_segment(fqn)}",
            params={"fields": self.dialect.fields(["domains"])},
            doing="show the data product",
        )
        return None if found is None or found.deleted else found


def _reference(source: Mapping[str, Any]) -> EntityReference | None:
    try:
        return User.model_validate(source).as_reference()
    except ValidationError:
        return None

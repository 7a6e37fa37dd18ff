"""Owners, tags and domains."""

import pytest

from tests.collate.server import FakeCollate, Handler, connected, refuse, say

ANA = {"id": "u1", "name": "ana", "email": "Ana@Shop.com", "displayName": "Ana"}
TEAM = {"id": "g1", "name": "data-team", "fullyQualifiedName": "data-team", "teamType": "Group"}


def search(*people: dict[str, str]) -> dict[str, object]:
    return {"hits": {"hits": [{"_source": person} for person in people]}}


async def test_an_owner_by_name_then_mail_then_team() -> None:
    fake = FakeCollate(
        answers={
            "GET /users/name/ana": say(ANA),
            "GET /users/name/gone": say({**ANA, "id": "u2", "name": "gone", "deleted": True}),
            "GET /teams/name/data-team": say(TEAM),
            "GET /search/query": say(search({"id": "u3", "name": "a.bob", "email": "bob@shop.com"})),
        }
    )
    async with connected(fake) as client:
        by_name, by_mail = await client.owner("ana"), await client.owner(" ana@shop.com ")
        assert by_name == by_mail
        assert by_name is not None
        assert (by_name.id, by_name.type, by_name.displayName) == ("u1", "user", "Ana")
        team = await client.owner("data-team")
        assert team is not None
        assert team.as_request() == {"id": "g1", "type": "team"}
        found = await client.owner("bob@shop.com")
        assert found is not None
        assert found.name == "a.bob"
        for nobody in ("", "gone", "an", "bobby@shop.com", "data"):
            assert await client.owner(nobody) is None


@pytest.mark.parametrize("answer", [refuse(500, "Connection refused"), say({"hits": None}), say([])])
async def test_a_search_that_is_down_is_nobody(answer: Handler) -> None:
    fake = FakeCollate(answers={"GET /search/query": answer})
    async with connected(fake) as client:
        assert await client.owner("bob@shop.com") is None


async def test_the_search_text_is_escaped() -> None:
    fake = FakeCollate(answers={"GET /search/query": say(search())})
    async with connected(fake) as client:
        await client.user_by_email('o"r OR *@shop.com')
    asked = next(asked for asked in fake.asked if asked.path == "/search/query")
    assert asked.query["q"] == 'email.keyword:"o\\"r or *@shop.com"'


async def test_tags_and_their_classification() -> None:
    tag = {"id": "x", "name": "mart", "fullyQualifiedName": "dbtTags.mart"}
    fake = FakeCollate(
        answers={
            "GET /classifications/name/dbtTags": say({"id": "c", "name": "dbtTags"}),
            "PUT /classifications": say({"id": "c", "name": "dbtTags"}, 201),
            "PUT /tags": say(tag, 201),
            "GET /tags": say({"data": [tag], "paging": {}}),
            "GET /tags/name/dbtTags.mart": say(tag),
            "GET /domains/name/Sales": say({"id": "o", "name": "Sales", "fullyQualifiedName": "Sales"}),
            "GET /glossaryTerms/name/B.C": say({"id": "g", "name": "C", "fullyQualifiedName": "B.C"}),
        }
    )
    async with connected(fake) as client:
        assert await client.classification("other") is None
        assert (await client.put_classification("dbtTags")).id == "c"
        assert (await client.put_tag("dbtTags", "mart", "of dbt")).name == "mart"
        assert [item.fullyQualifiedName for item in await client.tags("dbtTags")] == ["dbtTags.mart"]
        assert await client.tag("dbtTags.none") is None
        domain = await client.domain("Sales")
        assert domain is not None
        assert domain.as_reference().type == "domain"
        assert await client.glossary_term("B.C") is not None
    assert fake.bodies("PUT /tags") == [
        {"classification": "dbtTags", "name": "mart", "description": "of dbt"}
    ]
    assert fake.bodies("PUT /classifications")[0]["description"]


async def test_an_old_server_is_not_asked_for_domains() -> None:
    async with connected(fake := FakeCollate("1.1.0")) as client:
        assert await client.domain("Sales") is None
        assert await client.tags("none") == []
    assert fake.paths() == ["/tags"]

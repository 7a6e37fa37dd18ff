"""The sandbox's Collate: an OpenMetadata server on loopback, of any published release."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dbtcollate_tui.sandbox.collate import (
    access,
    automations,
    connector,
    contracts,
    data_products,
    entities,
    lineage,
    pipeline_runs,
    pipelines,
    quality,
    search,
    tables,
    types,
)
from dbtcollate_tui.sandbox.collate.api import Collate, Router, dispatch
from dbtcollate_tui.sandbox.collate.ingest import ingest
from dbtcollate_tui.sandbox.collate.releases import release_of
from dbtcollate_tui.sandbox.collate.runner import PipelineWorker, Runner
from dbtcollate_tui.sandbox.collate.seed import seed
from dbtcollate_tui.sandbox.collate.store import Store
from dbtcollate_tui.sandbox.faults import Faults
from dbtcollate_tui.sandbox.scenarios import Scenario

WEB_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><title>Collate</title></head>'
    '<body><div id="root"></div></body></html>'
)
"""What the server sends for every path outside of its API, with 200."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def make_router() -> Router:
    """Every path below ``/api/v1`` that the sandbox answers."""
    router = Router()
    for module in (
        access,
        tables,
        types,
        lineage,
        quality,
        pipelines,
        pipeline_runs,
        automations,
        search,
        connector,
        contracts,
        data_products,
        entities,
    ):
        module.add_routes(router)
    return router


def collate_app(
    state_path: Path,
    scenario: Scenario,
    token: SecretStr,
    server_version: str = "latest",
    *,
    worker: PipelineWorker | None = None,
) -> Starlette:
    """The server as an ASGI application; its state is the SQLite file at ``state_path``, seeded if empty.

    ``token`` is the ingestion bot's. ``worker`` does the work of triggered pipelines; it can also be set
    later as ``app.state.collate.runner.worker``. ``app.state.close()`` stops the runs and gives the file
    back. ``server_version`` is a published release, or ``newest``; raises UsageError for any other.
    """
    release = release_of(server_version)
    if scenario.collate_refuses:
        release = release.without(*scenario.collate_refuses.split())
    store = Store(state_path)
    if store.is_empty():
        seed(store, scenario)
    runner = Runner(store, token, trigger_refusals=scenario.trigger_refusals, fails=scenario.pipeline_fails)
    if worker is not None:
        runner.worker = worker
    runner.ingest = partial(ingest, store)
    collate = Collate(store, scenario, token, release, runner)
    if scenario.search == "behind":
        collate.index = search.index_of(store)
    router = make_router()

    async def api(request: Request) -> Response:
        return await dispatch(collate, router, request)

    async def page(request: Request) -> Response:
        del request
        return HTMLResponse(WEB_PAGE)

    def close() -> None:
        runner.close()
        store.close()

    app = Starlette(
        routes=[
            Route("/api/v1/{path:path}", api, methods=_METHODS),
            Route("/{path:path}", page, methods=_METHODS),
        ],
        middleware=[
            Middleware(
                Faults,
                delay=scenario.collate_delay,
                html=scenario.collate_html,
                down=scenario.collate_down,
                flaky=scenario.collate_flaky,
            )
        ],
    )
    app.state.close = close
    app.state.collate = collate
    return app

"""``dbtcollate serve``: the app in a browser of this machine, by textual-serve."""

import asyncio
import logging
import re
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from textual_serve.server import Server

from dbtcollate_tui.errors import cannot_listen
from dbtcollate_tui.platforms import STOP_SIGNALS, on_signals
from dbtcollate_tui.wording import PASTE_WORDS

HOST = "127.0.0.1"
CLOSING_SECONDS = 3.0
OPEN_ROUTES = frozenset({"index", "static", "download"})
"""What is answered without the key: pages without a secret, and downloads, whose names cannot be guessed."""
KEY_SCRIPT = """<script>
(() => {
  const terminal = document.querySelector("#terminal");
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    sessionStorage.setItem("key", given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  const key = given || sessionStorage.getItem("key");
  if (key) {
    terminal.dataset.sessionWebsocketUrl += "/" + encodeURIComponent(key);
  } else {
    terminal.remove();
    document.querySelector(".intro div").textContent =
      "Open the address that dbtcollate serve printed, with its key.";
  }
  addEventListener("hashchange", () => location.reload());
})();
</script>
"""
"""Runs before textual-serve's own script opens the WebSocket."""
FOCUS_SCRIPT = """<script>
(() => {
  const focus = () => {
    const field = document.querySelector("#terminal textarea");
    if (field) {
      field.focus();
      watch.disconnect();
    }
  };
  const watch = new MutationObserver(focus);
  watch.observe(document.body, {childList: true, subtree: true, attributes: true});
})();
</script>
"""
"""The terminal's field has the focus from the start: the first key is the app's, without a click."""
HEAD = '<title>dbtcollate</title><link rel="icon" href="data:,">'
FOREIGN_FONT = re.compile(r"<link[^>]*fonts\.googleapis\.com[^>]*>")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self' ws://{host}; frame-ancestors 'none'"
)
"""The page's own files alone: textual-serve's page would fetch a font from elsewhere."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LoopbackServer(Server):
    """Serves one app process a page, to this machine's own browser alone.

    Anyone who reaches the page acts with the tokens of the person who started it. So it listens on
    127.0.0.1, answers to that name alone, takes no WebSocket that another page opens, and wants a key for
    the WebSocket. The key is the fragment of the printed address, then in the tab's session storage, and is
    sent in the WebSocket's address alone. A cookie would not do: browsers send it to every port of 127.0.0.1.
    """

    def __init__(self, arguments: Sequence[str], port: int) -> None:
        command = shlex.join([sys.executable, "-m", "dbtcollate_tui", *arguments])
        super().__init__(
            command, host=HOST, port=port, title="dbtcollate", public_url=f"http://{HOST}:{port}"
        )
        self._key = secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """The address to open, with its key."""
        return f"{self.public_url}/#key={self._key}"

    def initialize_logging(self) -> None:
        """Errors alone, without the frames' values."""
        logging.getLogger("textual-serve").setLevel(logging.ERROR)

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing yet: the port is not open."""

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set; then every page's app is ended in order. Raises `OSError`."""
        runner = web.AppRunner(await self._make_app(), shutdown_timeout=CLOSING_SECONDS)
        await runner.setup()
        try:
            await web.SockSite(runner, self._listening()).start()
            sys.stdout.write(f"{self.address}\n")
            sys.stdout.write("Only on this machine: the page acts with your tokens. Ctrl+C stops it.\n")
            sys.stdout.write(f"In the page: {PASTE_WORDS[0].lower()}{PASTE_WORDS[1:]}\n")
            sys.stdout.flush()
            await stop.wait()
        finally:
            await runner.cleanup()

    def _listening(self) -> socket.socket:
        """A socket on the port; a free port is taken, and is in every address from then on, for port 0."""
        listening = socket.create_server((HOST, self.port), backlog=128)
        self.port = listening.getsockname()[1]
        self.public_url = f"http://{HOST}:{self.port}"
        return listening

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.router.add_get("/ws/{key}", self.handle_websocket, name="app")
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        host = f"{HOST}:{self.port}"
        if request.host != host or request.headers.get("Origin", self.public_url) != self.public_url:
            raise web.HTTPForbidden(text=f"Only pages of {self.public_url} are served.\n")
        place = request.match_info.route.name
        if place not in OPEN_ROUTES and not (
            place == "app" and _same(request.match_info.get("key", ""), self._key)
        ):
            raise web.HTTPForbidden(text="Open the address that dbtcollate serve printed, with its key.\n")
        response = await handler(request)
        if place == "index" and isinstance(response, web.Response) and response.text:
            page = FOREIGN_FONT.sub("", response.text).replace("</head>", f"{HEAD}</head>")
            response.text = page.replace("</body>", f"{KEY_SCRIPT}{FOCUS_SCRIPT}</body>")
        if not response.prepared:
            response.headers["Content-Security-Policy"] = POLICY.format(host=host)
        return response


def _same(given: str, key: str) -> bool:
    """Whether it is the key; compared as bytes, since text with letters outside ASCII cannot be."""
    return secrets.compare_digest(given.encode("utf-8", "surrogatepass"), key.encode())


async def serve(arguments: Sequence[str], port: int) -> None:
    """Serve ``dbtcollate`` with these arguments until interrupted; `UnreachableError` for a taken port."""
    stop = asyncio.Event()
    on_signals(STOP_SIGNALS, stop.set)
    try:
        await LoopbackServer(arguments, port).run(stop)
    except OSError as error:
        raise cannot_listen(HOST, port, error) from error

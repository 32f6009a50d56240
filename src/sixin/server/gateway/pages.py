"""The web app's files, as they lie in the package: no build step, and nothing fetched from another host."""

import mimetypes
from pathlib import Path
from typing import Final

from aiohttp import web

from sixin.core import errors

ROOT: Final = (Path(__file__).parents[2] / "web").resolve()

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: https:; "
        "media-src 'self' blob: https:; connect-src 'self' ws: wss:; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked for again each time, and answered 304 while it is the same
}

# Debian's /etc/mime.types may lack it, and a module of another type is refused by browsers.
mimetypes.add_type("text/javascript", ".js")


async def serve_page(request: web.Request) -> web.StreamResponse:
    """A file of the web app; `/` is its index."""
    file = (ROOT / (request.match_info["path"] or "index.html")).resolve()
    hidden = any(part.startswith((".", "_")) for part in file.parts[len(ROOT.parts) :])
    if hidden or not file.is_relative_to(ROOT) or not file.is_file():
        raise errors.NotFound
    return web.FileResponse(file, headers=HEADERS)

"""The web app's files, as they lie in the package: no build step, packed once, and nothing fetched from another host.

The index names every file under a prefix that is a digest of all of them, `/~…/app/main.js`. What is asked for under
it may be kept for ever, so that a second visit asks for the index alone. During an upgrade two nodes may have two
digests: a prefix that is not ours gives what we have, and that is not kept.
"""

import asyncio
import gzip
import hashlib
import mimetypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from sixin.core import errors

ROOT: Final = (Path(__file__).parents[2] / "web").resolve()

HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}

DOCUMENT_HEADERS: Final = {
    **HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: https:; "
        "media-src 'self' blob: https:; connect-src 'self' ws: wss:; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Of what a browser shows as a page. They bind it and all that it loads; on fifty modules they would weigh 25 kB."""

DOCUMENTS: Final = ("text/html", "image/svg+xml")

KEEP: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
"""Asked for again each time, and answered 304 while it is the same."""

INDEX: Final = "index.html"

LOOK_AGAIN_S: Final = 1.0
"""How soon a file that somebody edits beside a running server is seen. Looking costs a stat of each."""

PACKED_BYTES_MIN: Final = 256
"""Smaller ones gain nothing: the head of an answer is as long."""

# Debian's /etc/mime.types may lack it, and a module of another type is refused by browsers.
mimetypes.add_type("text/javascript", ".js")


@dataclass(frozen=True, slots=True)
class Page:
    """One file, ready to be sent."""

    content_type: str
    plain: bytes
    packed: bytes | None
    """Gzipped, where that is worth it."""
    digest: str


@dataclass(frozen=True, slots=True)
class Edition:
    """All files, as they were at one moment."""

    digest: str
    pages: dict[str, Page]
    looks: tuple[tuple[str, int, int], ...]
    """Name, time of change and size of each, by which a change is seen."""


class Pages:
    """Serves the web app. Files are read when the first one is asked for."""

    def __init__(self, root: Path = ROOT, now_s: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._now_s = now_s
        self._edition: Edition | None = None
        self._looked_at_s = 0.0
        self._looking = asyncio.Lock()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """A file of the web app; `/` is its index."""
        prefix, path = _split(request.match_info["path"])
        edition = await self._newest(look=prefix is None)
        page = edition.pages.get(path or INDEX)
        if page is None:
            raise errors.NotFound
        packed = page.packed if "gzip" in request.headers.get("Accept-Encoding", "") else None
        etag = f"{page.digest}{'-gz' if packed else ''}"
        common = DOCUMENT_HEADERS if page.content_type.startswith(DOCUMENTS) else HEADERS
        headers = {**common, "Cache-Control": KEEP if prefix == edition.digest else ASK_AGAIN, "ETag": f'"{etag}"'}
        if any(known.value == etag for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        if packed is not None:
            headers["Content-Encoding"] = "gzip"
        return web.Response(
            body=page.plain if packed is None else packed, headers={**headers, "Content-Type": page.content_type}
        )

    async def _newest(self, *, look: bool) -> Edition:
        async with self._looking:
            if self._edition is None or (look and self._now_s() - self._looked_at_s >= LOOK_AGAIN_S):
                self._edition = await asyncio.to_thread(edition_of, self._root, self._edition)
                self._looked_at_s = self._now_s()
            return self._edition


def edition_of(root: Path, before: Edition | None = None) -> Edition:
    """Read and pack every file below a folder; the edition before, where nothing changed."""
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if _is_shown(path, root)}
    stats = ((name, path.stat()) for name, path in files.items())
    looks = tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
    if before is not None and before.looks == looks:
        return before
    contents = {name: path.read_bytes() for name, path in files.items()}
    digest = hashlib.sha256(b"".join(b"%b\0%b\0" % (name.encode(), _digest(body)) for name, body in contents.items()))
    edition = digest.hexdigest()[:16]
    contents[INDEX] = _with_prefix(contents[INDEX], edition)
    return Edition(edition, {name: _page(name, body) for name, body in contents.items()}, looks)


def _is_shown(path: Path, root: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(root).parts)
    return path.is_file() and not hidden


def _page(name: str, body: bytes) -> Page:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind in ("application/json", "image/svg+xml")
    packed = gzip.compress(body, mtime=0) if text and len(body) >= PACKED_BYTES_MIN else None
    return Page(f"{kind}; charset=utf-8" if text else kind, body, packed, _digest(body).hex()[:32])


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _with_prefix(index: bytes, digest: str) -> bytes:
    """The index, with every file it names under the edition's own prefix; modules name each other relatively."""
    for attribute in (b'href="/', b'src="/'):
        index = index.replace(attribute, attribute + b"~%b/" % digest.encode())
    return index


def _split(path: str) -> tuple[str | None, str]:
    """A path's prefix, if it has one, and the file's own name."""
    if not path.startswith("~"):
        return None, path
    prefix, _, rest = path[1:].partition("/")
    return prefix, rest

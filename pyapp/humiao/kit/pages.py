"""The files of the built pages: kept by browsers for as long as they are good, and shown in nobody else's frame."""

from os import PathLike, stat_result
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

NAMED_BY_CONTENT = "assets"  # where Vite puts files with a digest in their names

# What a page may load stands in its own <meta>, so that it holds wherever the files are served from; who may frame it
# cannot stand there (CSP level 3, section 3.3).
GUARDS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FOR_EVER = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"


class Pages(StaticFiles):
    """Built pages. In the opening minute everybody reloads: what has its digest in its name is not asked for again."""

    def file_response(
        self, full_path: PathLike[str] | str, stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file, or 304 for who has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(GUARDS)
        response.headers["Cache-Control"] = FOR_EVER if Path(full_path).parent.name == NAMED_BY_CONTENT else ASK_FIRST
        return response

"""A recorded GitHub: it answers the requests that it expects, in their order, and the action's script that asks.

Reference: GitHub's REST API, version 2022-11-28, "Issue comments", "Using pagination" and "Troubleshooting" (the
answer to a token that may only read). The links to further pages name a repository by its number, as GitHub's do.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from netcost.checking.formats.comment import MARKER

SCRIPT = Path(__file__).parent.parent / ".github" / "actions" / "netcost" / "check.py"
TOKEN = "ghs_recorded"
COMMENTS = "/repos/someone/project/issues/7/comments"


class Exchange(NamedTuple):
    """A request and its answer."""

    method: str
    place: str
    sent: dict[str, str] | None
    status: int
    answer: Any
    following: str = ""  # where the next page is


def written(number: int, body: str, kind: str = "Bot", login: str = "github-actions[bot]") -> dict[str, Any]:
    """A comment."""
    user = {"login": login, "id": 41898282, "type": kind, "site_admin": False}
    url = f"https://api.github.com/repos/someone/project/issues/comments/{number}"
    times = dict.fromkeys(("created_at", "updated_at"), "2026-04-14T16:00:49Z")
    return {"id": number, "url": url, "user": user, "body": body, "author_association": "NONE", **times}


def of_a_bot(number: int) -> dict[str, Any]:
    return written(number, f"{MARKER}\n### before\n")


by_people = [
    written(1, f"{MARKER}\nmine", kind="User", login="octocat"),
    written(2, f"> {MARKER}\nanother bot's"),
    {**written(3, ""), "user": None, "body": None},  # of an account that is gone
]


def listed(
    comments: list[dict[str, Any]] | bytes, place: str = f"{COMMENTS}?per_page=100", following: str = ""
) -> Exchange:
    return Exchange("GET", place, None, 200, comments, following)


def created(body: str) -> Exchange:
    return Exchange("POST", COMMENTS, {"body": body}, 201, written(43, body))


def updated(number: int, body: str) -> Exchange:
    place = f"/repos/someone/project/issues/comments/{number}"
    return Exchange("PATCH", place, {"body": body}, 200, written(number, body))


def refused(body: str, status: int, message: str) -> Exchange:
    answer = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return Exchange("POST", COMMENTS, {"body": body}, status, answer)


@contextmanager
def replayed(recorded: Sequence[Exchange]) -> Iterator[str]:
    """Serve the answers; at the end, each request must have come as it was recorded, and no other."""
    left, unexpected = list(recorded), []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = json.loads(self.rfile.read(length)) if length else None
            wanted = ("application/vnd.github+json", f"Bearer {TOKEN}", "2022-11-28")
            headers = tuple(self.headers.get(name) for name in ("Accept", "Authorization", "X-GitHub-Api-Version"))
            exchange = left.pop(0) if left else None
            if exchange is None or (self.command, self.path, sent, *headers) != (*exchange[:3], *wanted):
                unexpected.append((self.command, self.path, sent, *headers))
                return self.send_error(599)
            self.send_response(exchange.status)
            if exchange.following:
                pages = {"next": exchange.following, "last": exchange.following}
                self.send_header("Link", ", ".join(f'<{url}{page}>; rel="{name}"' for name, page in pages.items()))
            self.end_headers()
            answer = exchange.answer
            self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
            return None

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()
    assert (unexpected, left) == ([], [])


def run_action(job: Path, api: str, path: str, token: str = TOKEN, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the action's script as a runner of GitHub's does, with `path` as PATH; the summary is `job / "summary"`."""
    environment = {
        "PATH": path,
        "GITHUB_API_URL": api,
        "GITHUB_REPOSITORY": "someone/project",
        "GITHUB_STEP_SUMMARY": str(job / "summary"),
        "GITHUB_TOKEN": token,
        **{f"NETCOST_{name.upper()}": value for name, value in inputs.items()},
    }
    command = [sys.executable, SCRIPT]
    return subprocess.run(command, cwd=job, env=environment, capture_output=True, text=True, check=False)

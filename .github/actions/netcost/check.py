"""Runs netcost check with annotations and a job summary, and keeps that summary as one comment on the pull request.

Networks are linted before, where it is asked for: their findings are annotations, and do not fail the job.

It needs nothing but Python: GitHub's runners set GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_STEP_SUMMARY.

Reference: GitHub's REST API, version 2022-11-28, "Issue comments" (a pull request is an issue) and "Using pagination".
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

MARKER = "<!-- netcost check -->"
"""First line of the comment, by which an earlier one is found."""
NEXT_PAGE = re.compile(r'<([^>]+)>; *rel="next"')
PATIENCE_S = 30
REMEDY = ": give the job `pull-requests: write`, which a pull request from a fork cannot have"
NOT_INSTALLED, INTERNAL_ERROR = 127, 70


def command() -> list[str]:
    """Return the command that the action's inputs ask for; an input is text, whatever it looks like."""
    words = ["netcost", "check", "--format", "github"]
    words += [f"--{name}={given}" for name in ("base", "config") if (given := given_input(name))]
    words += [f"--{name}" for name in ("exact", "latency") if given_input(name) == "true"]
    return [*words, "--", *filter(None, given_input("models").split("\n"))]


def lint_commands() -> list[list[str]]:
    """Return a command per network to lint."""
    commands = []
    for line in filter(None, map(str.strip, given_input("lint").split("\n"))):
        model, _, shape = line.partition(" ")
        shapes = [f"--input={shape.strip()}"] if shape else []
        commands.append(["netcost", "lint", "--format", "github", *shapes, "--", model])
    return commands


def given_input(name: str) -> str:
    """Return an input of the action, "" where it is not given."""
    return os.environ.get(f"NETCOST_{name.upper()}", "")


def run(body: Path) -> int:
    """Run the check, which writes its summary to `body`, and return its exit code; no model's code gets the token.

    A network that cannot be linted fails the job too.
    """
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_TOKEN"}
    try:
        linted = [subprocess.run(words, env=environment, check=False).returncode for words in lint_commands()]
        done = subprocess.run(command(), env={**environment, "GITHUB_STEP_SUMMARY": str(body)}, check=False)
    except OSError as error:
        say("error", f"netcost cannot be run ({error.strerror}); install it in a step before this one")
        return NOT_INSTALLED
    code = done.returncode or next(filter(None, linted), 0)
    return code if code >= 0 else 128 - code


def summary_of(body: Path, code: int) -> tuple[str, int]:
    """Return the summary and the exit code; without a summary nothing was checked, whatever ended netcost."""
    text = body.read_text(encoding="utf-8", errors="replace") if body.exists() else ""
    if text:
        return text, code
    say("error", f"netcost ended with exit code {code} before it could report")
    reason = f"netcost ended with exit code {code}; see the log of the job"
    return f"{MARKER}\n### ❌ netcost check: nothing was checked\n\n**{reason}**\n", code or INTERNAL_ERROR


def comment(body: str) -> None:
    """Bring the comment up to date; a first one is written only where there is something to say."""
    repository, number = f"/repos/{os.environ['GITHUB_REPOSITORY']}", given_input("pull_request")
    comments = f"{repository}/issues/{number}/comments"
    earlier = next((written["id"] for written in every(f"{comments}?per_page=100") if is_own(written)), None)
    if earlier is not None:
        ask("PATCH", f"{repository}/issues/comments/{earlier}", {"body": body})
    elif "\n**" in body:
        ask("POST", comments, {"body": body})


def is_own(written: dict[str, Any]) -> bool:
    """Return True for the comment of an earlier run: a bot's, so that no one's own words are written over."""
    return (written["user"] or {}).get("type") == "Bot" and (written["body"] or "").startswith(MARKER)


def every(place: str) -> Iterator[dict[str, Any]]:
    """Return the entries of all pages of a list."""
    while place:
        entries, links = ask("GET", place)
        yield from entries
        following = NEXT_PAGE.search(links)
        place = following[1] if following else ""


def ask(method: str, place: str, sent: dict[str, str] | None = None) -> tuple[Any, str]:
    """Send a request to GitHub's API; return its answer, and the links to other pages."""
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = None if sent is None else json.dumps(sent).encode()
    url = place if "://" in place else os.environ["GITHUB_API_URL"] + place
    if data is not None:
        headers["Content-Type"] = "application/json"
    with urlopen(Request(url, data, headers, method=method), timeout=PATIENCE_S) as answer:
        return json.load(answer), answer.headers.get("Link", "")


def reason_against(text: str) -> str:
    """Write the comment; return "", or why it could not be written."""
    if not os.environ.get("GITHUB_TOKEN"):
        return "there is no token"
    try:
        comment(text)
    except HTTPError as error:
        return f"GitHub answered {error.code}, {said_by(error)}{REMEDY if error.code in (401, 403, 404) else ''}"
    except Exception as error:  # no connection, or no answer of GitHub's: the check has its result all the same
        return f"{type(error).__name__}: {error}"
    return ""


def said_by(error: HTTPError) -> str:
    """Return GitHub's own message about a request that it refused."""
    try:
        return str(json.load(error)["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return error.reason


def say(level: str, message: str) -> None:
    """Write an annotation of the job."""
    print(f"::{level} title=netcost check::{' '.join(message.split()).replace('%', '%25')}", flush=True)


def main() -> int:
    """Check, then write summary and comment; a comment that cannot be written changes nothing about the check."""
    with tempfile.TemporaryDirectory() as folder:
        body = Path(folder, "comment.md")
        text, code = summary_of(body, run(body))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
    if given_input("comment") == "true" and given_input("pull_request") and (reason := reason_against(text)):
        say("warning", f"no comment was written ({reason}); the job's summary has the same words")
    return code


if __name__ == "__main__":
    sys.exit(main())

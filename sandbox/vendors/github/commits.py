"""GitHub's commits, and what lies between two of them."""

from __future__ import annotations

import hashlib
from typing import Any

from aiohttp import web

from sandbox.repository import Commit
from sandbox.vendors.github.account import API, REPOSITORY, SITE, GitHubAccount, user
from sandbox.vendors.moments import iso_seconds, parsed
from sandbox.vendors.vendor import RefusalError, call


class GitHubCommits(GitHubAccount):
    """The calls that read the history."""

    def _commit(self, ref: str) -> Commit:
        try:
            return self.world.repository.commit(ref)
        except KeyError:
            raise RefusalError(self.error(404, "Not Found")) from None

    @call("GET", "/repos/{owner}/{repo}/commits", "list commits")
    async def list_commits(self, request: web.Request) -> web.Response:
        """List the commits reachable from `sha`, newest first, between `since` and `until`, touching `path`."""
        self.check_repository(request)
        query = request.query
        head = self._commit(query.get("sha", "main"))
        try:
            since = parsed(query["since"]) if "since" in query else 0.0
            until = parsed(query["until"]) if "until" in query else float("inf")
        except ValueError:
            raise RefusalError(self.error(422, "Validation Failed")) from None
        found = [
            self._listed(commit)
            for commit in self.world.repository.history(head.sha)
            if since <= commit.at <= until
            and query.get("author", commit.author.login) in (commit.author.login, commit.author.email)
            and any(file.startswith(query.get("path", "")) for file in commit.files)
        ]
        return self.paged(request, found)

    @call("GET", "/repos/{owner}/{repo}/commits/{ref}", "get commit")
    async def get_commit(self, request: web.Request) -> web.Response:
        """Return one commit with its files."""
        self.check_repository(request)
        commit = self._commit(request.match_info["ref"])
        files = [self._file(commit, name) for name in commit.files]
        stats = {
            "additions": sum(file["additions"] for file in files),
            "deletions": sum(file["deletions"] for file in files),
            "total": sum(file["changes"] for file in files),
        }
        return web.json_response(self._listed(commit) | {"stats": stats, "files": files})

    @call("GET", "/repos/{owner}/{repo}/compare/{basehead:.+}", "compare commits")
    async def compare(self, request: web.Request) -> web.Response:
        """Say what lies between two commits: oldest first; files on the first page only."""
        self.check_repository(request)
        base_ref, dots, head_ref = request.match_info["basehead"].partition("...")
        if not dots:
            raise RefusalError(self.error(404, "Not Found"))
        base, head = self._commit(base_ref), self._commit(head_ref)
        ahead, behind, common = self.world.repository.between(base.sha, head.sha)
        status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
        size = min(100, max(1, self.whole_number(request, "per_page", 100)))
        page = max(1, self.whole_number(request, "page", 1))
        changed = {name: self._file(commit, name) for commit in ahead for name in commit.files}
        where = f"/compare/{base_ref}...{head_ref}"
        body = {
            "url": f"{API}/repos/{REPOSITORY}{where}",
            "html_url": f"{SITE}/{REPOSITORY}{where}",
            "permalink_url": f"{SITE}/{REPOSITORY}/compare/{base.sha[:12]}...{head.sha[:12]}",
            "diff_url": f"{SITE}/{REPOSITORY}{where}.diff",
            "patch_url": f"{SITE}/{REPOSITORY}{where}.patch",
            "base_commit": self._listed(base),
            "merge_base_commit": self._listed(common),
            "status": status,
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [self._listed(commit) for commit in ahead[(page - 1) * size : page * size]],
            "files": list(changed.values()) if page == 1 else [],
        }
        response = web.json_response(body)
        self.link(request, response, page, -(-len(ahead) // size))
        return response

    def _listed(self, commit: Commit) -> dict[str, Any]:
        person = {"name": commit.author.name, "email": commit.author.email, "date": iso_seconds(commit.at)}
        url = f"{API}/repos/{REPOSITORY}/commits/{commit.sha}"
        tree = hashlib.sha1(commit.sha.encode(), usedforsecurity=False).hexdigest()
        parents = [commit.parent] if commit.parent else []
        return {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha[:20]}",
            "url": url,
            "html_url": f"{SITE}/{REPOSITORY}/commit/{commit.sha}",
            "comments_url": f"{url}/comments",
            "commit": {
                "url": f"{API}/repos/{REPOSITORY}/git/commits/{commit.sha}",
                "author": person,
                "committer": person,
                "message": commit.message,
                "comment_count": 0,
                "tree": {"sha": tree, "url": f"{API}/repos/{REPOSITORY}/git/trees/{tree}"},
                "verification": {
                    "verified": True,
                    "reason": "valid",
                    "payload": None,
                    "signature": None,
                    "verified_at": iso_seconds(commit.at),
                },
            },
            "author": user(commit.author),
            "committer": user(commit.author),
            "parents": [
                {
                    "sha": parent,
                    "url": f"{API}/repos/{REPOSITORY}/commits/{parent}",
                    "html_url": f"{SITE}/{REPOSITORY}/commit/{parent}",
                }
                for parent in parents
            ],
        }

    @staticmethod
    def _file(commit: Commit, name: str) -> dict[str, Any]:
        sha = hashlib.sha1(f"{commit.sha}{name}".encode(), usedforsecurity=False).hexdigest()
        fresh = name.startswith("db/migrations/")
        additions, deletions = 3 + int(sha[:2], 16) % 60, 0 if fresh else int(sha[2:4], 16) % 30
        return {
            "sha": sha,
            "filename": name,
            "status": "added" if fresh else "modified",
            "additions": additions,
            "deletions": deletions,
            "changes": additions + deletions,
            "blob_url": f"{SITE}/{REPOSITORY}/blob/{commit.sha}/{name}",
            "raw_url": f"{SITE}/{REPOSITORY}/raw/{commit.sha}/{name}",
            "contents_url": f"{API}/repos/{REPOSITORY}/contents/{name}?ref={commit.sha}",
            "patch": f"@@ -1,{deletions} +1,{additions} @@ {commit.message}",
        }

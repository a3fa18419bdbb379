"""The source history of the product in the sandbox: what GitHub shows and what Vercel deploys from."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAIN: Final = "main"

_MAIN_HISTORY: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("Show the remaining interviews in the header", ("components/header.tsx", "lib/entitlements.ts")),
    ("Cache the pricing page at the edge for an hour", ("app/pricing/page.tsx",)),
    ("Add sessions.plan_tier and fill it from entitlements", ("db/migrations/011_session_plan_tier.sql",)),
    ("Shorten the system prompt for behavioural questions", ("lib/prompts/behavioural.ts",)),
    ("Upgrade Next.js to 15.5.6", ("package.json", "pnpm-lock.yaml")),
    ("Refuse CVs over 5 MB before the upload starts", ("components/cv-upload.tsx", "lib/storage.ts")),
    ("Log the Stripe event id with [T134 Webhook]", ("app/api/stripe-webhook/route.ts",)),
    ("Stream the question while it is generated", ("lib/openai.ts", "app/api/interview/turn/route.ts")),
    ("Fix the redirect loop after e-mail confirmation", ("middleware.ts", "app/auth/callback/route.ts")),
    ("Index turns by session", ("db/migrations/012_turns_session_index.sql",)),
    ("Voice mode: mute while the answer is transcribed", ("components/voice/recorder.tsx",)),
    ("Report Core Web Vitals to Speed Insights", ("app/layout.tsx",)),
    ("Move the OpenAI time-out to 45 s", ("lib/openai.ts",)),
    ("Make the checkout button keyboard accessible", ("components/checkout-button.tsx",)),
    ("Grant entitlements in one statement", ("app/api/stripe-webhook/route.ts", "lib/entitlements.ts")),
    ("Add entitlement_history.metadata", ("db/migrations/013_history_metadata.sql", "lib/entitlements.ts")),
    ("Show a retry button when a question times out", ("components/interview/question.tsx",)),
    ("Translate the landing page to German", ("app/(marketing)/page.tsx", "messages/de.json")),
    ("Send the receipt through Resend", ("lib/mail.ts", "emails/receipt.tsx")),
    ("Use the transaction pooler for API routes", ("lib/db.ts",)),
    ("Dependency updates", ("package.json", "pnpm-lock.yaml")),
    ("Explain the score of each answer", ("lib/scoring.ts", "components/report/score.tsx")),
    ("Limit sign-in attempts per address", ("middleware.ts", "lib/rate-limit.ts")),
    ("Add sessions.score_version", ("db/migrations/014_session_score_version.sql", "lib/scoring.ts")),
    ("Multi-stage interviews: carry the context over", ("lib/interview/stages.ts", "lib/openai.ts")),
)
_BRANCHES: Final[tuple[tuple[str, int, tuple[tuple[str, tuple[str, ...]], ...]], ...]] = (
    ("feat/teams", 14, (("Teams: invitations", ("app/teams/page.tsx",)), ("Teams: seats", ("lib/teams.ts",)))),
    ("fix/safari-audio", 19, (("Unlock audio on the first tap in Safari", ("components/voice/player.tsx",)),)),
    ("chore/eslint-9", 21, (("Move to ESLint 9", ("eslint.config.mjs", "package.json")),)),
    ("feat/coupon-codes", 23, (("Exemption codes: admin page", ("app/admin/codes/page.tsx",)),)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Who wrote a commit, as GitHub knows them."""

    login: str
    name: str
    email: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """One commit: `at` is in seconds since the epoch; `parent` is "" for the first."""

    sha: str
    parent: str
    branch: str
    message: str
    author: Author
    at: float
    files: tuple[str, ...]


class Repository:
    """A repository with one line of history on `main` and a few branches off it."""

    def __init__(self, people: Sequence[tuple[str, str, str]], now: float) -> None:
        """Have a history that ends a little before `now`; `people` are (GitHub login, name, e-mail), no login: no author."""
        self.authors = [Author(login=login, name=name, email=email) for login, name, email in people if login]
        self.branches: dict[str, str] = {}
        self._commits: dict[str, Commit] = {}
        dice = random.Random("repository")
        ages = self._ages(dice, len(_MAIN_HISTORY))
        heads: list[str] = []
        for (message, files), age in zip(_MAIN_HISTORY, ages, strict=True):
            heads.append(self.push(message, files, at=now - age, author=dice.choice(self.authors)).sha)
        for branch, start, commits in _BRANCHES:
            self.branches[branch] = heads[start]
            for number, (message, files) in enumerate(commits):
                at = self.commit(heads[start]).at + 5400 + 4000 * number
                self.push(message, files, at=min(at, now - 1800), author=dice.choice(self.authors), branch=branch)

    @staticmethod
    def _ages(dice: random.Random, count: int) -> list[float]:
        """Ages in seconds, oldest first: one commit each 9 to 15 hours, the last one 3 hours and 40 minutes old."""
        age, ages = 13_200.0, []
        for _ in range(count):
            ages.append(age)
            age += dice.uniform(9, 15) * 3600
        return ages[::-1]

    def push(
        self, message: str, files: Sequence[str], *, at: float, author: Author | None = None, branch: str = MAIN
    ) -> Commit:
        """Put a commit on a branch and return it. A branch that does not exist starts at the head of `main`."""
        parent = self.branches.get(branch, self.branches.get(MAIN, ""))
        sha = hashlib.sha1(f"{parent}\n{message}\n{len(self._commits)}".encode(), usedforsecurity=False).hexdigest()
        commit = Commit(
            sha=sha,
            parent=parent,
            branch=branch,
            message=message,
            author=author or self.authors[0],
            at=at,
            files=tuple(files),
        )
        self._commits[sha] = commit
        self.branches[branch] = sha
        return commit

    def commit(self, ref: str) -> Commit:
        """Find a commit by branch, full SHA, or a prefix of at least 7 digits. Raise KeyError where there is none."""
        ref = self.branches.get(ref, ref)
        if ref in self._commits:
            return self._commits[ref]
        found = [sha for sha in self._commits if len(ref) >= 7 and sha.startswith(ref)]
        if len(found) != 1:
            raise KeyError(ref)
        return self._commits[found[0]]

    def history(self, ref: str = MAIN) -> list[Commit]:
        """All commits reachable from `ref`, newest first. Raise KeyError where there is no such ref."""
        found = [self.commit(ref)]
        while found[-1].parent:
            found.append(self._commits[found[-1].parent])
        return found

    def between(self, base: str, head: str) -> tuple[list[Commit], list[Commit], Commit]:
        """Commits only in `head` and only in `base`, both oldest first, and the newest that both have."""
        ours, theirs = self.history(head), self.history(base)
        known, others = {commit.sha for commit in theirs}, {commit.sha for commit in ours}
        ahead = [commit for commit in ours if commit.sha not in known]
        behind = [commit for commit in theirs if commit.sha not in others]
        return ahead[::-1], behind[::-1], next(commit for commit in ours if commit.sha in known)

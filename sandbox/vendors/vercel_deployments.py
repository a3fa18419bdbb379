"""The deployments of the product at Vercel: how they come about, which one serves, and how the domains move."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Any, Final

from sandbox.repository import MAIN, Commit
from sandbox.world import CREDENTIALS, World

PROJECT_NAME: Final = "interviewlab"
TEAM_SLUG: Final = "interviewlab"
DOMAINS: Final = ("interviewlab.io", "www.interviewlab.io")
REPOSITORY_ID: Final = "711204330"
FOREIGN_PROJECT: Final = "prj_interviewlab_docs"
"""Another project of the same team, with one deployment."""

_PENDING_SECONDS: Final = 0.4
_MOVING_SECONDS: Final = 1.6


@dataclass(kw_only=True, slots=True)
class Deployment:
    """One deployment; times are in seconds since the epoch. `outcome` is what its build comes to."""

    id: str
    commit: Commit
    production: bool
    created: float
    build_seconds: float
    outcome: str = "READY"
    """READY | ERROR | CANCELED"""
    error: str = ""
    promoted: float | None = None
    """When it first served the production domains."""
    cancelled: bool = False
    deleted: bool = False
    """Taken away by the project's retention."""
    prebuilt: bool = False
    """Built elsewhere and uploaded: Vercel knows no commit."""
    fault: str = ""
    """What its code breaks while it serves; "" where it works."""
    project: str = CREDENTIALS["vercel.project"]

    def state(self, now: float) -> str:
        """QUEUED, BUILDING or what it came to, as Vercel names it."""
        if self.cancelled or self.deleted:
            return "DELETED" if self.deleted else "CANCELED"
        if now < self.created + 2:
            return "QUEUED"
        return "BUILDING" if now < self.ready_at else self.outcome

    @property
    def ready_at(self) -> float:
        """When the build ends or ended."""
        return self.created + self.build_seconds

    @property
    def url(self) -> str:
        """The host of this deployment alone."""
        return f"{PROJECT_NAME}-{self.id[4:13].lower()}-{TEAM_SLUG}.vercel.app"


@dataclass(kw_only=True, slots=True)
class AliasJob:
    """A move of the production domains, which takes a second or two of the bot's time."""

    kind: str
    """rollback | promote"""
    source: str
    target: str
    requested: float
    behaviour: str
    """normal | stuck | failing | skipped"""
    description: str = ""
    applied: bool = False

    def status(self, now: float) -> str:
        """Vercel's `jobStatus`."""
        elapsed = now - self.requested
        if elapsed < _PENDING_SECONDS:
            return "pending"
        if elapsed < _MOVING_SECONDS or self.behaviour == "stuck":
            return "in-progress"
        return {"failing": "failed", "skipped": "skipped"}.get(self.behaviour, "succeeded")


class Deployments:
    """All deployments of the project, newest first, and the state of its production domains."""

    def __init__(self, world: World) -> None:
        """Have deployed every commit of `main`, and the branches as previews; the newest of `main` serves."""
        self._world = world
        self._dice = random.Random("deployments")
        self.all: list[Deployment] = []
        self.job: AliasJob | None = None
        self.frozen = False
        """True after a rollback: builds of `main` stay staged until one is promoted."""
        repository = world.repository
        for commit in sorted(repository.history(), key=lambda commit: commit.at)[-20:]:
            deployment = self.deploy(commit, created=commit.at + 20)
            deployment.promoted = deployment.ready_at
        self._spoil()
        for branch in repository.branches:
            for commit in repository.between(MAIN, branch)[0]:
                self.deploy(commit, created=commit.at + 20, production=False)
        self.foreign = self.deploy(repository.history()[0], created=world.started - 86400)
        self.foreign.project = FOREIGN_PROJECT
        self.all.remove(self.foreign)
        self.all.sort(key=lambda deployment: -deployment.created)
        self.current = next(d for d in self.all if d.production and d.promoted)
        world.production_deployment = self.current.id

    def _spoil(self) -> None:
        """Have two old pushes that never served, one failed build and one cancelled; the oldest is no longer kept."""
        failed, cancelled = self.all[-9], self.all[-4]
        self.all[-1].deleted = True
        failed.outcome, failed.promoted = "ERROR", None
        failed.error = 'Command "pnpm run build" exited with 1'
        cancelled.cancelled, cancelled.promoted = True, None

    def deploy(self, commit: Commit, *, created: float, production: bool = True, outcome: str = "READY") -> Deployment:
        """Start a build of a commit and return it."""
        digest = hashlib.sha256(f"{commit.sha}{production}{len(self.all)}".encode()).hexdigest()
        alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"
        name = "".join(alphabet[int(digest[at : at + 2], 16) % len(alphabet)] for at in range(0, 56, 2))
        deployment = Deployment(
            id=f"dpl_{name}",
            commit=commit,
            production=production,
            created=created,
            build_seconds=self._dice.uniform(48, 110),
            outcome=outcome,
            error='Command "pnpm run build" exited with 1' if outcome == "ERROR" else "",
        )
        self.all.insert(0, deployment)
        return deployment

    def push(
        self, message: str, files: tuple[str, ...], *, age: float = 0, outcome: str = "READY", fault: str = ""
    ) -> Deployment:
        """Push a commit to `main`, `age` seconds ago, and build it for production; `fault` is what it breaks there."""
        at = self._world.clock.timestamp() - age
        commit = self._world.repository.push(message, files, at=at - 20)
        deployment = self.deploy(commit, created=at, outcome=outcome)
        deployment.fault = fault
        self._tell("deployment.error" if outcome == "ERROR" else "deployment.succeeded", deployment)
        return deployment

    def _tell(self, what: str, deployment: Deployment) -> None:
        """The team's webhook; that a deployment was promoted is told without its target."""
        digest = hashlib.sha256(f"{what}{deployment.id}{self._world.clock.timestamp()}".encode()).hexdigest()
        payload: dict[str, Any] = {
            "team": {"id": CREDENTIALS["vercel.team_id"]},
            "user": {"id": creator(deployment)["uid"]},
            "deployment": {
                "id": deployment.id,
                "meta": meta(deployment),
                "url": deployment.url,
                "name": PROJECT_NAME,
            },
            "links": {
                "deployment": f"https://vercel.com/{TEAM_SLUG}/{PROJECT_NAME}/{deployment.id}",
                "project": f"https://vercel.com/{TEAM_SLUG}/{PROJECT_NAME}",
            },
            "project": {"id": CREDENTIALS["vercel.project"]},
            "plan": "pro",
            "regions": ["iad1"],
        }
        if what != "deployment.promoted":
            payload["target"] = "production" if deployment.production else None
        created = milliseconds(self._world.clock.timestamp())
        body = {"id": digest[:32], "type": what, "createdAt": created, "region": "iad1", "payload": payload}
        self._world.webhooks.send("vercel", body)

    def find(self, key: str) -> Deployment:
        """Find one by id, its own host, or a production domain. Raise KeyError where there is none."""
        if key in DOMAINS:
            return self.current
        for deployment in (*self.all, self.foreign):
            if key in (deployment.id, deployment.url):
                return deployment
        raise KeyError(key)

    def settle(self, now: float) -> None:
        """Let happen what was due by `now`: a job that has moved the domains, a finished build that goes live."""
        if self.job and not self.job.applied and self.job.status(now) == "succeeded":
            self.job.applied = True
            self.frozen = self.job.kind == "rollback"
            self._serve(self.find(self.job.target), self.job.requested + _MOVING_SECONDS)
        for deployment in reversed(self.all):
            waiting = deployment.production and not deployment.promoted and deployment.state(now) == "READY"
            if waiting and not self.frozen and deployment.created > self.current.created:
                self._serve(deployment, deployment.ready_at)

    def _serve(self, deployment: Deployment, at: float) -> None:
        self.current = deployment
        deployment.promoted = deployment.promoted or at
        self._world.production_deployment = deployment.id
        self._world.production_fault = deployment.fault

    def serving_at(self, at: float) -> Deployment:
        """What served production at a moment, as far as first promotions tell; now it is `current`."""
        if self.current.promoted and at >= self.current.promoted:
            return self.current
        served = [deployment for deployment in self.all if deployment.promoted and deployment.promoted <= at]
        return max(served, key=lambda deployment: deployment.promoted or 0, default=self.current)

    def moving(self, now: float) -> bool:
        """Whether a move of the domains is under way."""
        return self.job is not None and self.job.status(now) in ("pending", "in-progress")

    def move(self, kind: str, target: Deployment, *, behaviour: str, description: str = "", age: float = 0) -> AliasJob:
        """Ask for the domains to be moved to `target`, `age` seconds ago."""
        self.job = AliasJob(
            kind=kind,
            source=self.current.id,
            target=target.id,
            requested=self._world.clock.timestamp() - age,
            behaviour=behaviour,
            description=description,
        )
        self._tell("deployment.rollback" if kind == "rollback" else "deployment.promoted", target)
        return self.job

    def latest(self) -> Deployment:
        """The newest deployment for production, whatever came of it."""
        return next(deployment for deployment in self.all if deployment.production and not deployment.cancelled)

    def shown(self, now: float) -> Deployment:
        """What the project calls its production deployment: the one that serves, or a newer one whose build failed."""
        latest = self.latest()
        return latest if latest.state(now) == "ERROR" and not self.frozen else self.current

    def candidates(self, now: float) -> list[Deployment]:
        """Those a rollback may go to, newest first: they have served production, and do not now."""
        return [d for d in self.all if d.promoted and d is not self.current and d.state(now) == "READY"]

    def substate(self, deployment: Deployment, now: float) -> str | None:
        """Vercel's `readySubstate`."""
        if deployment.state(now) != "READY":
            return None
        if deployment.promoted:
            return "PROMOTED"
        return "STAGED" if deployment.production else None

    def aliases(self, deployment: Deployment) -> list[str]:
        """The domains that point at a deployment, its own host left out."""
        if deployment is self.current:
            return [*DOMAINS, f"{PROJECT_NAME}-{TEAM_SLUG}.vercel.app"]
        if deployment.production:
            return []
        slug = deployment.commit.branch.replace("/", "-")
        return [f"{PROJECT_NAME}-git-{slug}-{TEAM_SLUG}.vercel.app"]


def milliseconds(seconds: float) -> int:
    """Vercel counts in milliseconds."""
    return round(seconds * 1000)


def creator(deployment: Deployment) -> dict[str, Any]:
    """Who pushed it, as Vercel shows a member of the team."""
    author = deployment.commit.author
    return {
        "uid": f"usr_{author.login.replace('-', '')}",
        "username": author.login,
        "email": author.email,
        "githubLogin": author.login,
    }


def meta(deployment: Deployment) -> dict[str, str]:
    """The commit, as Vercel's GitHub integration notes it: all values are strings; none where it was built elsewhere."""
    if deployment.prebuilt:
        return {}
    commit, (owner, repository) = deployment.commit, CREDENTIALS["github.repository"].split("/")
    return {
        "githubCommitSha": commit.sha,
        "githubCommitMessage": commit.message,
        "githubCommitRef": commit.branch,
        "githubCommitAuthorLogin": commit.author.login,
        "githubCommitAuthorName": commit.author.name,
        "githubOrg": owner,
        "githubRepo": repository,
        "githubRepoId": REPOSITORY_ID,
        "githubCommitOrg": owner,
        "githubCommitRepo": repository,
        "githubDeployment": "1",
    }

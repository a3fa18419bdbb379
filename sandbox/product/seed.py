"""Fill the product's databases: the schema of `sql/product/`, and the people of `sandbox.product.books` with their data."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import random
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from sandbox.product.books import PASSWORD, Books, Customer, Package, Purchase, keep_books

SALT: Final = "sandbox"
"""Of every password of the sandbox; they are public anyway."""

MISSING_POLICY: Final = "cvs: replace own"
"""The policy that production lacks: a first CV can be uploaded, and none can be replaced."""

JOBS: Final = (
    "Backend Engineer",
    "Frontend Engineer",
    "Product Manager",
    "Data Analyst",
    "Nurse Practitioner",
    "Site Reliability Engineer",
    "Account Executive",
    "UX Designer",
    "Financial Analyst",
    "Teacher",
)
EMPLOYERS: Final = (
    "Northwind",
    "Acme",
    "Globex",
    "Initech",
    "Umbrella",
    "Hooli",
    "Stark",
    "Wayne",
    "Tyrell",
    "Soylent",
)
QUESTIONS: Final = (
    "Tell me about a project you are proud of.",
    "How do you handle disagreement in a team?",
    "Walk me through a hard decision you made last year.",
    "What would you do in your first month here?",
    "Describe a failure, and what you changed after it.",
    "Why this company, and why now?",
)

Rows = Iterable[tuple[Any, ...]]


def create(conninfo: str, now: datetime, *, size: int = 3000) -> None:
    """Make `conninfo` the production database: the schema, and `size` customers as of `now`. The database must be empty.

    One policy of the bucket `cvs` is missing afterwards (`MISSING_POLICY`), as in the runbook's Issue 5.
    """
    _fill(conninfo, now, size=size, missing=MISSING_POLICY)


def create_staging(conninfo: str, now: datetime) -> None:
    """Make `conninfo` the staging twin: the same schema with every policy, and 250 customers."""
    _fill(conninfo, now, size=250, missing=None)


def schema_files() -> list[tuple[str, str]]:
    """Return name and text of each file of `sql/product/`, in order."""
    folder = importlib.resources.files("sql").joinpath("product")
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [(entry.name, entry.read_text(encoding="utf-8")) for entry in sorted(files, key=lambda entry: entry.name)]


def apply_schema(conninfo: str, *, but: Collection[str] = ()) -> None:
    """Run every file of `sql/product/`, each in a transaction, but those left out. Safe to run again."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name, text in schema_files():
            if name in but:
                continue
            with connection.transaction():
                connection.execute(text)


def password_hash(password: str) -> str:
    """Hash a password as the sandbox stores it: not bcrypt, because nobody but the stand-in reads it."""
    return f"$sandbox${hashlib.sha256(f'{SALT}{password}'.encode()).hexdigest()}"


def _fill(conninfo: str, now: datetime, *, size: int, missing: str | None) -> None:
    apply_schema(conninfo)
    books = keep_books(now, size=size)
    life = _Life(books)
    with psycopg.connect(conninfo) as connection:
        if connection.info.parameter_status("is_superuser") == "on":
            # The references are right by construction, and checking them row by row takes half of the time.
            connection.execute("set local session_replication_role = 'replica'")
        for table, columns, rows in life.tables():
            with connection.cursor().copy(f"copy {table} ({columns}) from stdin") as copy:
                for row in rows:
                    copy.write_row(row)
        if missing:
            connection.execute(f'drop policy if exists "{missing}" on storage.objects')
        connection.execute(f"comment on schema public is 'seeded {books.now.isoformat()} {size}'")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("analyze")


class _Life:
    """What the customers did with what they bought."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.now = books.now
        self.dice = random.Random(42)
        self.purchases: dict[UUID, list[Purchase]] = {}
        for purchase in books.purchases:
            if purchase.paid:
                self.purchases.setdefault(purchase.customer.id, []).append(purchase)
        self.sessions: list[tuple[Any, ...]] = []
        self.turns: list[tuple[Any, ...]] = []
        self.entitlements: list[tuple[Any, ...]] = []
        self.history: list[tuple[Any, ...]] = []
        self._interview()
        self._bill()

    def tables(self) -> Iterator[tuple[str, str, Rows]]:
        """Give table, columns and rows, in an order that respects the references."""
        yield (
            "auth.users",
            "instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, confirmation_sent_at, "
            "last_sign_in_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at, banned_until",
            self._users(),
        )
        yield (
            "auth.identities",
            "id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at",
            self._identities(),
        )
        signed_in = [customer for customer in self.books.customers[-400:] if customer.last_sign_in_at]
        yield "auth.sessions", "id, user_id, created_at, updated_at, aal", self._auth_sessions(signed_in)
        yield (
            "auth.refresh_tokens",
            "token, user_id, revoked, created_at, updated_at, session_id",
            self._refresh_tokens(signed_in),
        )
        yield (
            "public.entitlements",
            "id, user_id, type, status, tier, remaining_interviews, perks, stripe_session_id, created_at, updated_at",
            self.entitlements,
        )
        yield (
            "public.entitlement_history",
            "id, user_id, entitlement_id, action, new_balance, metadata, created_at",
            self.history,
        )
        yield (
            "public.sessions",
            "id, user_id, mode, status, plan_tier, job_title, company_name, created_at, completed_at",
            self.sessions,
        )
        yield (
            "public.turns",
            "id, session_id, position, question, answer, prompt_chars, generation_ms, error, created_at",
            self.turns,
        )
        author = self.books.cases["code_author"]
        yield (
            "public.exemption_codes",
            "code, tier, interviews, remaining_uses, expires_at, created_by, created_at",
            [
                (
                    "WELCOME3",
                    "starter",
                    3,
                    412,
                    self.now + timedelta(days=60),
                    author.id,
                    self.now - timedelta(days=90),
                ),
                ("SORRY-OCT", "professional", 2, 0, None, author.id, self.now - timedelta(days=40)),
                ("CAMPUS25", "starter", 5, 88, self.now - timedelta(days=5), author.id, self.now - timedelta(days=200)),
            ],
        )
        yield (
            "storage.objects",
            "id, bucket_id, name, owner, owner_id, created_at, updated_at, last_accessed_at, metadata, version",
            self._files(),
        )

    def _id(self) -> UUID:
        return UUID(int=self.dice.getrandbits(128), version=4)

    def _users(self) -> Rows:
        password = password_hash(PASSWORD)
        app = json.dumps({"provider": "email", "providers": ["email"]})
        for one in self.books.customers:
            yield (
                UUID(int=0),
                one.id,
                "authenticated",
                "authenticated",
                one.email,
                password,
                one.confirmed_at,
                one.created_at,
                one.last_sign_in_at,
                app,
                json.dumps({"full_name": one.full_name}),
                one.created_at,
                one.last_sign_in_at or one.created_at,
                one.banned_until,
            )

    def _identities(self) -> Rows:
        for one in self.books.customers:
            data = json.dumps(
                {"sub": str(one.id), "email": one.email, "email_verified": one.confirmed_at is not None},
            )
            yield (
                self._id(),
                str(one.id),
                one.id,
                data,
                "email",
                one.last_sign_in_at,
                one.created_at,
                one.created_at,
            )

    def _auth_sessions(self, customers: list[Customer]) -> Rows:
        for one in customers:
            yield _session_of(one), one.id, one.last_sign_in_at, one.last_sign_in_at, "aal1"

    def _refresh_tokens(self, customers: list[Customer]) -> Rows:
        for one in customers:
            token = hashlib.sha256(one.email.encode()).hexdigest()[:22]
            yield token, str(one.id), False, one.last_sign_in_at, one.last_sign_in_at, _session_of(one)

    def _files(self) -> Rows:
        """A CV of every second customer with an interview: the rows only, as the files are at the storage provider."""
        for one in self.books.customers:
            refused = one == self.books.cases["upload_refused"]
            if not refused and (one.id not in self.purchases or one.number % 2):
                continue
            at = min(one.created_at + timedelta(minutes=20), self.now)
            size = self.dice.randint(40_000, 3_900_000)
            metadata = {
                "eTag": f'"{hashlib.md5(one.email.encode(), usedforsecurity=False).hexdigest()}"',
                "size": size,
                "mimetype": "application/pdf",
                "cacheControl": "max-age=3600",
                "lastModified": at.isoformat(),
                "contentLength": size,
                "httpStatusCode": 200,
            }
            version = str(self._id())
            yield self._id(), "cvs", f"{one.id}/cv.pdf", one.id, str(one.id), at, at, at, json.dumps(metadata), version

    # interviews

    def _interview(self) -> None:
        heavy = self.books.cases["many_sessions"]
        for one in self.books.customers:
            bought = self.purchases.get(one.id)
            if one == heavy:
                self._interviews(one, "professional", one.created_at, 5000, with_turns_of_last=40)
            elif bought:
                done = sum(max(0, min(purchase.package.interviews, 12) - purchase.left) for purchase in bought)
                self._interviews(one, bought[-1].package.tier, bought[0].at, done, with_turns_of_last=4)
        self.sessions.sort(key=lambda row: row[7])

    def _interviews(self, one: Customer, tier: str, since: datetime, count: int, *, with_turns_of_last: int) -> None:
        span = self.now - timedelta(minutes=10) - since
        if span <= timedelta(0):
            return
        moments = sorted(since + span * self.dice.random() for _ in range(count))
        for index, at in enumerate(moments):
            old = self.now - at > timedelta(hours=1)
            weights = (87, 8, 5, 0) if old else (20, 2, 1, 77)
            status = self.dice.choices(("completed", "abandoned", "failed", "in_progress"), weights=weights)[0]
            session = self._id()
            ended = min(at + timedelta(minutes=self.dice.randint(12, 45)), self.now) if status == "completed" else None
            mode = "voice" if tier != "starter" and self.dice.random() < 0.4 else "text"
            job, employer = self.dice.choice(JOBS), self.dice.choice(EMPLOYERS)
            self.sessions.append((session, one.id, mode, status, tier, job, employer, at, ended))
            if index >= count - with_turns_of_last:
                self._take_turns(session, at, status, job)

    def _take_turns(self, session: UUID, at: datetime, status: str, job: str) -> None:
        asked = {"completed": 6, "abandoned": 2, "failed": 1, "in_progress": 3}[status]
        for position in range(1, asked + 1):
            error = "Request timed out" if status == "failed" and self.dice.random() < 0.5 else None
            self.turns.append(
                (
                    self._id(),
                    session,
                    position,
                    f"{QUESTIONS[position - 1]} ({job})",
                    None if error else f"An answer of {self.dice.randint(40, 220)} words.",
                    self.dice.randint(900, 6200),
                    30_000 if error else self.dice.randint(700, 4200),
                    error,
                    min(at + timedelta(minutes=3 * position), self.now),
                )
            )

    # entitlements

    def _bill(self) -> None:
        for purchase in self.books.purchases:
            if purchase.paid:
                for again in range(purchase.granted):
                    self._grant(purchase, purchase.at + timedelta(seconds=4 + 11 * again))
        manual = self.books.cases["manual_grant"]
        session_id = self.purchases[manual.id][0].session_id
        at = self.purchases[manual.id][0].at + timedelta(hours=3)
        note = {"manual": True, "reason": "webhook failure", "granted_by": "admin", "stripe_session_id": session_id}
        # As the runbook pasted it: the history knows the session, the entitlement was given without it.
        self._entitle(
            manual, self.purchases[manual.id][0].package, at, left=5, session_id=None, action="grant", note=note
        )

    def _grant(self, purchase: Purchase, at: datetime) -> None:
        note = {"stripe_session_id": purchase.session_id, "amount": purchase.package.cents}
        self._entitle(
            purchase.customer,
            purchase.package,
            at,
            left=purchase.left,
            session_id=purchase.session_id,
            action="purchase",
            note=note,
            refunded=purchase.outcome == "refunded",
        )

    def _entitle(
        self,
        customer: Customer,
        package: Package,
        at: datetime,
        *,
        left: int,
        session_id: str | None,
        action: str,
        note: dict[str, Any],
        refunded: bool = False,
    ) -> None:
        at = min(at, self.now)
        entitlement = self._id()
        left = 0 if refunded else left
        self.entitlements.append(
            (
                entitlement,
                customer.id,
                "subscription" if package.interval else "interview_package",
                "revoked" if refunded else "active" if left else "used",
                package.tier,
                left,
                json.dumps(dict.fromkeys(package.perks, True)),
                session_id,
                at,
                at,
            )
        )
        record = [(action, package.interviews, note, at)]
        later = self.now - at
        spent = range(package.interviews - 1, left - 1, -1) if not refunded else range(0)
        steps = list(spent)[-12:]
        record += [
            ("consume", balance, {}, at + later * (step + 1) / (len(steps) + 1)) for step, balance in enumerate(steps)
        ]
        if refunded:
            record.append(("refund", 0, {"reason": "requested_by_customer"}, at + later / 2))
        self.history += [
            (self._id(), customer.id, entitlement, kind, balance, json.dumps(metadata), when)
            for kind, balance, metadata, when in record
        ]


def _session_of(customer: Customer) -> UUID:
    return UUID(int=random.Random(f"session {customer.email}").getrandbits(128), version=4)

"""The books of the company: its customers and what they bought, the same for the database, for Stripe and for the site.

Pure and deterministic: the same `now` gives the same people, ids, amounts and dates.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Final
from uuid import UUID

CASES: Final = MappingProxyType(
    {
        "paid_no_credits": "paid.nocredits@example.com",
        "unconfirmed": "unconfirmed@example.com",
        "mail_bounced": "typo.bounced@example.com",
        "nothing_left": "nothing.left@example.com",
        "never_bought": "never.bought@example.com",
        "upload_refused": "upload.refused@example.com",
        "banned": "banned@example.com",
        "plus": "sam.plus+interviews@example.com",
        "capitals": "Zoe.Capitals@Example.COM",
        "many_sessions": "many.sessions@example.com",
        "granted_twice": "granted.twice@example.com",
        "manual_grant": "manual.grant@example.com",
        "refunded": "refunded@example.com",
        "card_declined": "card.declined@example.com",
        "subscriber": "subscriber@example.com",
        "code_author": "code.author@example.com",
        "canary": "canary@example.com",
        "checkout_left": "checkout.left@example.com",
        "webhook_unsent": "webhook.unsent@example.com",
        "webhook_unheard": "webhook.unheard@example.com",
        "webhook_badly_signed": "webhook.badly.signed@example.com",
        "entitlement_vanished": "entitlement.vanished@example.com",
        "two_payments_lost": "two.lost+both@example.com",
        "subscription_lost": "subscription.lost@example.com",
        "same_name": "alex.ash1@example.com",
    }
)
"""What tests and the panel look for: name of the case → e-mail address, written as its owner writes it.

`unconfirmed` has two troubles when an interview does not start, `mail_bounced` two when signing in does not work.
`capitals` is stored in lower case, as Supabase stores all addresses. `code_author` cannot be deleted: an exemption code
refers to it. `same_name` is one of 200 people called Alex. `canary` signs in with `PASSWORD`, as everybody does.
`checkout_left` and those after it are people whose payment broke, each at another link: see `Purchase.fate`.
"""

PASSWORD: Final = "interview-1234"
"""The password of every customer of the sandbox."""

_FIRST: Final = (
    "Maya Liam Noor Ines Tomasz Aiko Priya Jonas Fatima Diego Hana Oskar Leila Marek Chloe Yusuf Ada Mateo Sofia Kenji "
    "Elif Bruno Nadia Pavel Rosa Samir Greta Tariq Lucia Henrik Amara Felix Ivana Rafael Selma Viktor Zara Emil Dora "
    "Kofi"
)
_LAST: Final = (
    "Ash Berg Costa Demir Evans Fischer Gupta Haddad Ivanov Jensen Kaya Lopez Mbeki Novak Okoye Petrov Quinn Rossi "
    "Sato Tanaka Ueda Vargas Weber Xu Yilmaz Zhang Abbott Brandt Cohen Dubois"
)
FIRST: Final = tuple(_FIRST.split())
LAST: Final = tuple(_LAST.split())


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """Something the company sells. `cents` is its price in US dollars; `interval` is empty for what is bought once."""

    key: str
    price: str
    tier: str
    interviews: int
    cents: int
    interval: str = ""
    perks: tuple[str, ...] = ()


PACKAGES: Final[tuple[Package, ...]] = (
    Package(key="starter", price="price_starter", tier="starter", interviews=3, cents=1900),
    Package(
        key="professional",
        price="price_professional",
        tier="professional",
        interviews=5,
        cents=3900,
        perks=("voice_mode", "multi_stage"),
    ),
    Package(
        key="elite",
        price="price_elite",
        tier="elite",
        interviews=12,
        cents=7900,
        perks=("voice_mode", "multi_stage", "coach_review"),
    ),
    Package(
        key="monthly",
        price="price_monthly",
        tier="professional",
        interviews=20,
        cents=2900,
        interval="month",
        perks=("voice_mode", "multi_stage"),
    ),
    Package(
        key="yearly",
        price="price_yearly",
        tier="elite",
        interviews=300,
        cents=29000,
        interval="year",
        perks=("voice_mode", "multi_stage", "coach_review"),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Customer:
    """A user of the product. `stripe_id` is empty until they have bought or tried to buy something."""

    number: int
    id: UUID
    email: str
    full_name: str
    created_at: datetime
    confirmed_at: datetime | None
    last_sign_in_at: datetime | None
    banned_until: datetime | None = None
    stripe_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Purchase:
    """A visit to the checkout.

    `outcome`: paid | declined (tried and refused) | abandoned (never tried) | refunded (paid, and given back).
    `granted` says how often the product gave what was bought: 1, or 0 where the webhook failed, or 2. Where it is 0,
    `fate` says what became of the event: failed (our server answered 500), badly_signed (it refused the signature),
    unheard (nothing answered), unsent (no endpoint was enabled), vanished (it answered 200, and nothing is there).
    """

    number: int
    customer: Customer
    package: Package
    at: datetime
    outcome: str = "paid"
    granted: int = 1
    left: int = 0
    fate: str = "failed"

    @property
    def paid(self) -> bool:
        """Say whether money was taken, given back or not."""
        return self.outcome in ("paid", "refunded")

    @property
    def session_id(self) -> str:
        """The Checkout Session, `cs_test_…`."""
        return f"cs_test_a1{self.number:06d}ilab"

    @property
    def suffix(self) -> str:
        """What the ids of the payment intent, the charge and the events of this purchase end with."""
        return f"3Ilab{self.number:06d}"

    @property
    def recurring(self) -> bool:
        """Say whether it is a subscription."""
        return bool(self.package.interval)


@dataclass(frozen=True, kw_only=True)
class Books:
    """All customers and purchases, oldest first, as of `now`."""

    now: datetime
    customers: tuple[Customer, ...]
    purchases: tuple[Purchase, ...]
    cases: dict[str, Customer] = field(default_factory=dict)

    @cached_property
    def by_email(self) -> dict[str, Customer]:
        """Find a customer by the stored address."""
        return {customer.email: customer for customer in self.customers}


def keep_books(now: datetime, *, size: int = 3000) -> Books:
    """Return the books of a company with about `size` customers, the last of whom came a few minutes before `now`."""
    dice = random.Random(20251011)
    now = now.replace(microsecond=0)
    drafts = [*_cases(now), *_namesakes(now, dice, min(200, size // 4))]
    drafts += [_stranger(now, dice, index) for index in range(max(0, size - len(drafts)))]
    drafts.sort(key=lambda draft: draft.created_at)
    customers: list[Customer] = []
    purchases: list[Purchase] = []
    for number, draft in enumerate(drafts, start=1):
        visits = draft.visits if draft.case else _visits(now, dice, draft)
        customer = Customer(
            number=number,
            id=id_of(draft.email),
            email=draft.email.lower(),
            full_name=draft.full_name,
            created_at=draft.created_at,
            confirmed_at=draft.confirmed_at,
            last_sign_in_at=draft.last_sign_in_at,
            banned_until=draft.banned_until,
            stripe_id=f"cus_Ilab{number:06d}" if visits else "",
        )
        customers.append(customer)
        purchases += [
            Purchase(
                number=0,
                customer=customer,
                package=visit.package,
                at=visit.at,
                outcome=visit.outcome,
                granted=visit.granted,
                left=visit.left,
                fate=visit.fate,
            )
            for visit in visits
        ]
    purchases.sort(key=lambda purchase: (purchase.at, purchase.customer.number))
    numbered = tuple(_numbered(purchase, number) for number, purchase in enumerate(purchases, start=1))
    books = Books(now=now, customers=tuple(customers), purchases=numbered)
    books.cases.update({name: books.by_email[email.lower()] for name, email in CASES.items()})
    return books


def id_of(email: str) -> UUID:
    """The id of a customer, by the address as its owner writes it: the same in production and staging."""
    return UUID(int=random.Random(f"customer {email}").getrandbits(128), version=4)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Visit:
    package: Package
    at: datetime
    outcome: str = "paid"
    granted: int = 1
    left: int = 0
    fate: str = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draft:
    email: str
    full_name: str
    created_at: datetime
    confirmed_at: datetime | None
    last_sign_in_at: datetime | None
    banned_until: datetime | None = None
    case: bool = False
    visits: tuple[_Visit, ...] = ()


def _numbered(purchase: Purchase, number: int) -> Purchase:
    return replace(purchase, number=number)


def _stranger(now: datetime, dice: random.Random, index: int) -> _Draft:
    first, last = dice.choice(FIRST), dice.choice(LAST)
    # More come every month: the square root makes the recent past the fuller part of the 400 days.
    age = timedelta(days=400 * (1 - dice.random() ** 0.5), minutes=dice.randint(9, 90))
    created = now - age
    confirmed = created + timedelta(minutes=dice.randint(1, 40)) if dice.random() < 0.93 else None
    confirmed = confirmed if confirmed is None or confirmed < now else now - timedelta(minutes=1)
    signed_in = confirmed + (now - confirmed) * dice.random() if confirmed else None
    return _Draft(
        email=f"{first}.{last}{index}@{dice.choice(('example.com', 'example.org', 'example.net'))}".lower(),
        full_name=f"{first} {last}",
        created_at=created,
        confirmed_at=confirmed,
        last_sign_in_at=signed_in,
    )


def _namesakes(now: datetime, dice: random.Random, count: int) -> list[_Draft]:
    drafts = []
    for index in range(1, count + 1):
        last = LAST[(index - 1) % len(LAST)]
        created = now - timedelta(days=dice.uniform(1, 390))
        drafts.append(
            _Draft(
                email=f"alex.{last}{index}@example.com".lower(),
                full_name=f"Alex {last}",
                created_at=created,
                confirmed_at=created + timedelta(minutes=5),
                last_sign_in_at=created + timedelta(hours=3),
            )
        )
    return drafts


def _visits(now: datetime, dice: random.Random, draft: _Draft) -> tuple[_Visit, ...]:
    """What an ordinary customer did at the checkout: most never went, some come back."""
    if draft.confirmed_at is None or dice.random() > 0.5:
        return ()
    visits: list[_Visit] = []
    at = draft.confirmed_at + timedelta(minutes=dice.randint(2, 600))
    while at < now - timedelta(minutes=4) and len(visits) < 4:
        package = dice.choices(PACKAGES, weights=(40, 36, 10, 11, 3))[0]
        luck = dice.random()
        outcome = "abandoned" if luck < 0.1 else "refunded" if luck < 0.11 else "paid"
        # of the last week only the runbook's person is refused: beside more, the runbook's 98 % would warn of no fault
        if luck < 0.012 and at < now - timedelta(days=9):
            outcome = "declined"
        left = dice.choice((0, 0, 0, 1, 2, package.interviews)) if outcome == "paid" else 0
        visits.append(_Visit(package=package, at=at, outcome=outcome, left=min(left, package.interviews)))
        if package.interval or dice.random() < 0.55:
            break
        at += timedelta(days=dice.uniform(0.01, 45))
    return tuple(visits)


def _cases(now: datetime) -> list[_Draft]:
    """The people of the runbook."""
    starter, professional, elite, monthly, _yearly = PACKAGES

    def case(
        name: str,
        full_name: str,
        *visits: _Visit,
        age: float = 40,
        confirmed: bool = True,
        banned: timedelta | None = None,
    ) -> _Draft:
        created = now - timedelta(days=age)
        return _Draft(
            email=CASES[name],
            full_name=full_name,
            created_at=created,
            confirmed_at=created + timedelta(minutes=3) if confirmed else None,
            last_sign_in_at=now - timedelta(hours=age % 7 + 0.4) if confirmed else None,
            banned_until=now + banned if banned else None,
            case=True,
            visits=visits,
        )

    def visit(package: Package, ago: timedelta, outcome: str = "paid", granted: int = 1, left: int = 0) -> _Visit:
        return _Visit(package=package, at=now - ago, outcome=outcome, granted=granted, left=left)

    def lost(package: Package, ago: timedelta, fate: str = "failed") -> _Visit:
        return _Visit(package=package, at=now - ago, granted=0, fate=fate)

    def hours(count: float) -> timedelta:
        return timedelta(hours=count)

    def days(count: float) -> timedelta:
        return timedelta(days=count)

    return [
        case("paid_no_credits", "Petra Paidup", visit(professional, hours(2.6), granted=0), age=3),
        case("unconfirmed", "Umar Unconfirmed", age=1.5, confirmed=False),
        case("mail_bounced", "Tilda Typo", age=0.4, confirmed=False),
        case("nothing_left", "Nora Leftbehind", visit(starter, days(21)), age=60),
        case("never_bought", "Nils Browser", age=12),
        case("upload_refused", "Ulla Upload", visit(professional, days(2), left=5), age=9),
        case("banned", "Boris Banned", visit(starter, days(30), left=2), banned=days(3650), age=80),
        case("plus", "Sam Plus", visit(professional, days(5), left=3), age=33),
        case("capitals", "Zoe Capitals", visit(starter, days(6), left=1), age=34),
        case("many_sessions", "Max Practice", visit(monthly, days(310), left=11), age=380),
        case("granted_twice", "Greta Twice", visit(professional, days(4), granted=2, left=5), age=20),
        case("manual_grant", "Manuel Grant", visit(professional, days(8), granted=0), age=25),
        case("refunded", "Rita Refund", visit(starter, days(10), "refunded"), age=14),
        case("card_declined", "Dora Declined", visit(professional, hours(5), "declined"), age=2),
        case("subscriber", "Suki Subscriber", visit(monthly, days(95), left=17), age=100),
        case("code_author", "Cody Author", age=390),
        case("canary", "Canary Account", age=399),
        case("checkout_left", "Lena Left", visit(starter, hours(30), "abandoned"), age=5),
        case("webhook_unsent", "Uma Unsent", lost(professional, hours(7), "unsent"), age=6),
        case("webhook_unheard", "Hugo Unheard", lost(starter, hours(9), "unheard"), age=7),
        case("webhook_badly_signed", "Sigrid Signature", lost(professional, hours(11), "badly_signed"), age=8),
        case("entitlement_vanished", "Vera Vanished", lost(elite, hours(13), "vanished"), age=9),
        case(
            "two_payments_lost",
            "Tess Twotimes",
            lost(starter, hours(15), "badly_signed"),
            lost(professional, hours(3.2)),
            age=10,
        ),
        case("subscription_lost", "Stig Monthly", lost(monthly, hours(17)), age=11),
    ]

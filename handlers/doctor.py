"""`doctor`: is everything set up as it must be, and if not, what exactly is to be typed or clicked."""

from __future__ import annotations

from bot.context import Context, Surface
from bot.doctor.examining import Ground, examine
from bot.operation import Answer, Args, Family, Read
from bot.people import Role


async def doctor(args: Args, context: Context) -> Answer:
    """Return every token, scope, secret, membership and right that is not as it must be, with its exact fix."""
    del args
    services = context.services
    ground = Ground(
        settings=services.settings,
        vendors=services.vendors(),
        product=services.product,
        database=services.database,
        now=services.now,
        heard=context.place.surface is Surface.SLACK,
    )
    return await examine(ground, again="doctor")


FAMILY = Family(
    name="doctor",
    summary="Is it set up right",
    operations=(
        Read(
            words="doctor",
            summary="Every token, scope, secret, channel and right: as it must be, or the exact fix.",
            who=Role.ADMIN,
            section="Alert Configuration",
            examples=("doctor",),
            read=doctor,
        ),
    ),
)

"""Files in Slack: shared in a channel or thread that the bot is in, else in a direct message.

Source: docs.slack.dev, "Working with files": an address for the bytes, the bytes, and then the sharing.
"""

from __future__ import annotations

from typing import Final

from bot.errors import ProviderError
from bot.operation import Attachment
from bot.slack.client import UNREACHABLE, Slack, call

NOT_THERE: Final = ("not_in_channel", "channel_not_found", "is_archived")


async def share(slack: Slack, attachment: Attachment, *, channel: str, person: str, thread_ts: str | None) -> None:
    """The file is shared in the channel; where the bot is not in it, or none is named, the person gets it directly."""
    file_id = await uploaded(slack, attachment)
    if channel:
        try:
            await complete(slack, attachment.title, file_id, channel=channel, thread_ts=thread_ts)
        except ProviderError as error:
            if error.why not in NOT_THERE:
                raise
        else:
            return
    opened = await call(slack.patient, "conversations.open", users=person)
    await complete(slack, attachment.title, file_id, channel=opened["channel"]["id"], thread_ts=None)


async def complete(slack: Slack, title: str, file_id: str, *, channel: str, thread_ts: str | None) -> None:
    """The file, whose bytes Slack has, is shared in the channel or thread."""
    await call(
        slack.patient,
        "files.completeUploadExternal",
        files=[{"id": file_id, "title": title}],
        channel_id=channel,
        thread_ts=thread_ts,
    )


async def uploaded(slack: Slack, attachment: Attachment) -> str:
    """The id of the file, whose bytes Slack has now."""
    given = await call(
        slack.patient, "files.getUploadURLExternal", filename=attachment.name, length=len(attachment.content)
    )
    try:
        async with slack.session.post(given["upload_url"], data=attachment.content) as response:
            status = response.status
    except UNREACHABLE as error:
        raise ProviderError("Slack did not take the file.", provider="slack", kind="refused") from error
    if status != 200:
        raise ProviderError(
            f"Slack did not take the file (answers {status}).", provider="slack", kind="server", status=status
        )
    return str(given["file_id"])

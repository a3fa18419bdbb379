"""What the bot says, as pure functions from data to Block Kit."""

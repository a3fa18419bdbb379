"""What is to be done because of an incident: who has it, until when, and who is reminded of it."""

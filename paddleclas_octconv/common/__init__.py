"""What every room may use: errors, messages, files, facts about the machine."""

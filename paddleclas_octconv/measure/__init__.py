"""How large, and how fast, networks are."""

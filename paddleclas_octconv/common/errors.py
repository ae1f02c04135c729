"""The errors a user can cause; each message is one clear line."""


class OctConvError(ValueError):
    """Bad input: the message names the option or key, the value, and what would be right.

    The command line prints the message alone and exits with code 2.
    """

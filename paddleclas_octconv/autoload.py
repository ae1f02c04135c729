"""The start-up hook. Work in progress."""


def install() -> None:
    """Install the import hook."""

"""``python -m paddleclas_octconv train …``: the commands without the start-up hook."""

import sys

from .cli import main

sys.exit(main())

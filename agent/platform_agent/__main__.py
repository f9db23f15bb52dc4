"""`python -m platform_agent`."""

import sys

from platform_agent.command import main

if __name__ == "__main__":
    sys.exit(main())

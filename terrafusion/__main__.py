"""`python -m terrafusion`."""

from terrafusion.cli import main

main()

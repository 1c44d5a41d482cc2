"""`python -m terrafusion`."""

from terrafusion.cli import main

if __name__ == "__main__":  # a spawned child imports this file
    main()

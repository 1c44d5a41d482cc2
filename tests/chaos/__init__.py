"""The chaos run: everything is broken, again and again, and a checker says whether a promise went with it."""

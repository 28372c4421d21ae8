"""School checks: what a child who enters a school has yet to be given, for one child or a class list."""

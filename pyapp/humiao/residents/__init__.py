"""People: accounts, persons, guardians and dependants."""

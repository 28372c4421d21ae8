"""沪苗 Humiao: registration, booking and public services for immunization in a city of 25 million."""

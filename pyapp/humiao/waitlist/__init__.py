"""Who waits and in which order. PostgreSQL is the record; ranks are asked of a copy in Valkey."""

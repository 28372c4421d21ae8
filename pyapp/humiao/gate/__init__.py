"""The gate's process: a Rust listener before the application, and the ledger's side of it here."""

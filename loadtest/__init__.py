"""Load as people make it, with an audit at the end: speed without a correct ledger is not a result."""

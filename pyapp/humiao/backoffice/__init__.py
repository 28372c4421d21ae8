"""Back office: audit log and reports."""

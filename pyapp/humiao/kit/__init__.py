"""Domain-free helpers: database, statements, problems, sealing, masking, web edge."""

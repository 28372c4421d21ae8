"""Messages to residents: outbox, templates, delivery by provider."""

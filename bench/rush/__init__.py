"""The rush, measured: the gate against what a user would build instead, on the same cores, with the same requests."""

"""Background loops: expire holds, send messages, keep the cache true."""

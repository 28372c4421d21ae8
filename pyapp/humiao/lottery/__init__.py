"""The verifiable draw (摇号): what is published, how it follows, how anyone checks it, and an entrant's receipt.

The arithmetic is booking-core's (`humiao._core.draw_*`); `docs/draw.md` tells the protocol to organisers and entrants.
"""

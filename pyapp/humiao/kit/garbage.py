"""The garbage collector of a process that serves."""

import gc

YOUNG_OBJECTS = 50_000  # by default 700: a collection for every few requests
YOUNG_COLLECTIONS = 20
MIDDLE_COLLECTIONS = 50


def calm_down() -> None:
    """Set what start-up made aside for good, and look at young objects seldom; called once a process is ready to serve.

    A batch makes thousands of objects and drops them again by count of references. Walking them for cycles, and with
    them every module that was imported, took a third of the event loop's time under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_COLLECTIONS, MIDDLE_COLLECTIONS)

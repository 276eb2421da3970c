"""Waiting for what a controller will do."""
import time


class NotYet(AssertionError):
    """What was waited for did not come; the message says what was seen instead."""


def eventually(condition, timeout=20, every=0.1, what="the condition"):
    """Calls condition until it gives a true value, and returns it. An AssertionError counts as not
    yet: its text is what the user sees when the time is up."""
    deadline = time.monotonic() + timeout
    seen = None
    while True:
        try:
            value = condition()
            if value:
                return value
            seen = repr(value)
        except AssertionError as error:
            seen = str(error)
        if time.monotonic() > deadline:
            raise NotYet(f"{what} not within {timeout} s; last: {seen}")
        time.sleep(every)


def never(condition, seconds, every=0.1, what="it"):
    """Fails when condition becomes true within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        assert not value, f"{what} happened: {value!r}"
        time.sleep(every)
